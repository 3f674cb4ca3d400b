/** Where stanzas go: to the unit, to root, to our own domain; and back to sessions. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { NS } from '../src/wire/ns.ts';
import { parseElement } from '../src/wire/parser.ts';
import { Stanza } from '../src/wire/stanza.ts';
import { firstElement, serialize, xml } from '../src/wire/xml.ts';
import { inWorld, type World, type WorldOptions } from './lib/edge.ts';
import { login, type RawClient } from './lib/raw.ts';
import { Wire } from './lib/wire.ts';

const clear: WorldOptions = { plaintext: true };
const root = 'root@proxy.example';

interface Member {
  client: RawClient;
  sid: number;
}
async function join({ unit, starttls }: World, jid: string, password: string, resource: string): Promise<Member> {
  const client = await login({ jid, password, resource, ...starttls });
  const { sid } = await unit.hears('attach', ({ facts }) => facts.address === client.jid);
  return { client, sid };
}
const alice = (world: World, resource: string) => join(world, 'alice@proxy.example', 'proxy secret', resource);
const bob = (world: World) => join(world, 'bob@proxy.example', 'bob secret', 'x');

test('to the unit: prepared, without from, with the language of the stream, in order', () =>
  inWorld(clear, async ({ starttls, unit }) => {
    const wire = await Wire.bound(starttls);
    wire.send(
      `<x:message xmlns:x="${NS.client}" from="alice@proxy.example/desk" to="BOB@Home.Example/Desk" id="1"><x:body>1 &lt; 2 &amp; "3"</x:body></x:message>` +
        `<presence from='alice@proxy.example'/><iq type='get' id='2'><query xmlns='${NS.roster}'/></iq>` +
        `<iq type='result' id='3' to='bob@home.example'/><message xml:lang='fr'/>`,
    );
    await unit.hears('stanza', ({ stanza }) => stanza.tree.attrs['xml:lang'] === 'fr');
    assert.equal(unit.stanzas(), [
      '<message to="bob@home.example/Desk" id="1"><body>1 &lt; 2 &amp; "3"</body></message>',
      '<presence/>',
      `<iq type="get" id="2"><query xmlns="${NS.roster}"/></iq>`,
      '<iq to="bob@home.example" type="result" id="3"/>',
      '<message xml:lang="fr"/>',
    ]);
    wire.socket.destroy();
  }));

const refused: [string, string, string][] = [
  ['an iq without id', '<iq type="get" to="bob@home.example"><a xmlns="b"/></iq>', 'bad-request'],
  ['an iq of no type', '<iq id="1" to="bob@home.example"><a xmlns="b"/></iq>', 'bad-request'],
  ['an iq of an unknown type', '<iq type="ask" id="1"><a xmlns="b"/></iq>', 'bad-request'],
  ['a get without payload', '<iq type="get" id="1"/>', 'bad-request'],
  ['a set with two payloads', '<iq type="set" id="1"><a xmlns="b"/><c xmlns="d"/></iq>', 'bad-request'],
  ['a presence of an unknown type', '<presence type="here"/>', 'bad-request'],
  ['a message to no address', '<message to="a b@c"><body>x</body></message>', 'jid-malformed'],
  ['an empty address', '<presence to=""/>', 'jid-malformed'],
];
for (const [what, sent, expected] of refused)
  test(`refused: ${what}`, () =>
    inWorld({}, async (world) => {
      const { client } = await alice(world, 'desk');
      client.send(sent);
      const answer = await client.next();
      assert.is(answer.name, parseElement(sent).name);
      assert.is(answer.attrs.type, 'error');
      assert.is(answer.attrs.id, parseElement(sent).attrs.id);
      assert.is(firstElement(answer.getChild('error')!)!.name, expected);
      assert.equal(world.unit.stanzas(), []);
      await client.close();
    }));

test('faulty answers and errors are dropped', () =>
  inWorld({}, async (world) => {
    const { client } = await alice(world, 'desk');
    client.send('<iq type="result" to="x@y.example"/><iq type="error" id="1" to="@"/><message type="error" to="@"/>');
    client.send('<iq type="result" id="2"><a xmlns="b"/><c xmlns="d"/></iq>');
    await client.roundtrip();
    assert.equal(world.unit.stanzas(), []);
    assert.is(client.all.length, 2); // of bind and of the ping
    await client.close();
  }));

test('one stanza to many: each gets it with its own address, escaped, and byte for byte the same rest', () =>
  inWorld(clear, async (world) => {
    const { edge, unit, starttls } = world;
    const wire = await Wire.bound(starttls);
    const odd = await alice(world, `"a" & <b> 'c'`);
    const { sid } = await unit.hears('attach', ({ facts }) => facts.address.endsWith('/desk'));
    const body = xml('body', {}, 'ü < "&"');
    const message = Stanza.of(xml('message', { to: 'nobody@x', from: "o'neil@home.example/x", id: 'm' }, body));
    const more = ['presence', 'iq'].map((name) => Stanza.of(xml(name, { id: name, type: 'error' })));
    for (const stanza of [message, ...more]) edge.link.deliver([sid, odd.sid, 99], stanza);
    await wire.sees(/id="iq"[^>]*>$/);
    assert.is(
      wire.text,
      '<message to="alice@proxy.example/desk" from="o&apos;neil@home.example/x" id="m"><body>ü &lt; "&amp;"</body></message>' +
        '<presence to="alice@proxy.example/desk" id="presence" type="error"/><iq to="alice@proxy.example/desk" id="iq" type="error"/>',
    );
    const received = await odd.client.next();
    assert.is(received.attrs.to, `alice@proxy.example/"a" & <b> 'c'`);
    assert.is(received.attrs.from, "o'neil@home.example/x");
    assert.is(received.getChildText('body'), 'ü < "&"');
    wire.socket.destroy();
    await odd.client.close();
  }));

test('what is sent in one tick is one write', () =>
  inWorld(clear, async ({ edge, unit, starttls }) => {
    const wire = await Wire.bound(starttls);
    const { sid } = await unit.hears('attach');
    const chunks: number[] = [];
    wire.socket.on('data', (chunk) => chunks.push(chunk.length));
    for (let id = 0; id < 50; id += 1) edge.link.deliver([sid], Stanza.of(xml('message', { id: String(id) })));
    await wire.sees(/id="49"/);
    assert.is(chunks.length, 1);
    wire.socket.destroy();
  }));

test('a unit that says pause is sent nothing until it says resume', () =>
  inWorld(clear, async ({ edge, unit, starttls }) => {
    const wire = await Wire.bound(starttls);
    const { sid } = await unit.hears('attach');
    unit.on = ({ what }) => what === 'stanza' && edge.link.pause(sid);
    wire.send('<message id="1"/><message id="2"/>');
    await unit.hears('stanza');
    wire.send('<message id="3"/>');
    const other = await Wire.open(starttls); // a barrier
    other.socket.destroy();
    await other.end();
    assert.equal(unit.stanzas(), ['<message id="1"/>']);
    edge.link.resume(sid);
    assert.is(unit.stanzas().length, 1); // not within the call
    await unit.hears('stanza', ({ stanza }) => stanza.id === '2');
    assert.equal(unit.stanzas(), ['<message id="1"/>', '<message id="2"/>']);
    unit.on = () => {};
    edge.link.resume(sid);
    await unit.hears('stanza', ({ stanza }) => stanza.id === '3');
    wire.socket.destroy();
  }));

test('a unit closes a session', () =>
  inWorld(clear, async ({ edge, unit, starttls }) => {
    const wire = await Wire.bound(starttls);
    const { sid } = await unit.hears('attach');
    edge.link.close(sid, 'reset', 'the account is gone');
    assert.is(unit.told.length, 1); // not within the call
    const text = `<text xmlns="${NS.streams}">the account is gone</text>`;
    assert.is(await wire.end(), `<stream:error><reset xmlns="${NS.streams}"/>${text}</stream:error></stream:stream>`);
    assert.is(unit.told.at(-1)!.what, 'detach');
  }));

test('requests about the stream or to our own domain are answered here, in every view', () =>
  inWorld({}, async (world) => {
    const identity = await join(world, 'alice@work.example', 'work secret', 'x');
    const merged = await alice(world, 'x');
    for (const { client } of [identity, merged]) {
      const session = await client.iq('set', undefined, xml('session', NS.session));
      assert.is(session.attrs.type, 'result');
      const ping = await client.iq('get', 'proxy.example', xml('ping', NS.ping));
      assert.equal([ping.attrs.type, ping.attrs.from], ['result', 'proxy.example']);
      const unknown = await client.iq('get', 'proxy.example', xml('query', 'urn:example'));
      assert.is(firstElement(unknown.getChild('error')!)!.name, 'service-unavailable');
      const resource = await client.iq('get', 'proxy.example/x', xml('ping', NS.ping));
      assert.is(resource.attrs.type, 'error');
      client.send('<message to="proxy.example" id="m"><body>x</body></message>');
      assert.is((await client.received(({ attrs }) => attrs.id === 'm')).attrs.type, 'error');
      client.send('<presence to="proxy.example"/><iq type="result" id="r" to="proxy.example"/>');
      await client.roundtrip('proxy.example');
    }
    assert.equal(world.unit.stanzas(), []);
    identity.client.send(`<iq type="get" id="own" to="work.example"><ping xmlns="${NS.ping}"/></iq>`);
    merged.client.send('<message to="proxy.example.org" id="other"/>');
    await world.unit.hears('stanza', ({ stanza }) => stanza.id === 'own');
    await world.unit.hears('stanza', ({ stanza }) => stanza.id === 'other');
    await identity.client.close();
    await merged.client.close();
  }));

test('root hears messages and requests, and no unit does', () =>
  inWorld({}, async (world) => {
    const { door, unit, errors } = world;
    const { client, sid } = await alice(world, 'desk');
    client.send(`<message to="ROOT@proxy.example/x" type="chat" id="1"><body>help</body></message>`);
    const answer = await client.iq('get', `${root}/here`, xml('query', NS.discoInfo));
    assert.equal([answer.attrs.type, answer.attrs.from], ['result', `${root}/here`]);
    assert.equal(
      door.heard.map(({ stanza }) => stanza.toString()),
      [`<message to="${root}/x" type="chat" id="1"><body>help</body></message>`, door.heard[1]!.stanza.toString()],
    );
    assert.equal(door.heard[0]!.speaker, {
      sid,
      user: 'alice',
      view: 'merged',
      bare: 'alice@proxy.example',
      address: 'alice@proxy.example/desk',
    });
    door.answer = () => Promise.reject(new Error('a fault'));
    const failed = await client.iq('set', root, xml('query', 'urn:example'));
    assert.is(firstElement(failed.getChild('error')!)!.name, 'internal-server-error');
    assert.is(errors.length, 1);
    client.send(`<message type="error" to="${root}"><body>x</body></message><iq type="result" id="9" to="${root}"/>`);
    client.send(`<presence to="${root}"/><presence type="unavailable" to="${root}"/>`);
    await client.roundtrip();
    assert.is(door.heard.length, 3);
    client.send(`<presence type="subscribe" to="${root}"/>`);
    assert.is((await client.next()).attrs.type, 'subscribed');
    const presence = await client.next();
    assert.equal([presence.attrs.type, presence.attrs.from], [undefined, root]);
    assert.equal(unit.stanzas(), []);
    await client.close();
    await unit.hears('detach');
    assert.equal(door.gone_, [sid]);
  }));

/** Three apps of alice, available; the second with carbons. One more that is not, and bob. */
async function family(world: World): Promise<Member[]> {
  const members = [
    await alice(world, 'a'),
    await alice(world, 'b'),
    await alice(world, 'c'),
    await alice(world, 'away'),
  ];
  for (const { sid } of members.slice(0, 3)) world.edge.link.facts(sid, { presence: '<presence/>' });
  world.edge.link.facts(members[1]!.sid, { carbons: true });
  const other = await bob(world);
  world.edge.link.facts(other.sid, { presence: '<presence/>' });
  return [...members, other];
}
const settled = async (members: Member[]): Promise<string[][]> => {
  await Promise.all(members.map(({ client }) => client.roundtrip('proxy.example')));
  return members.map(({ client }) =>
    client
      .rest()
      .filter(({ name }) => name === 'message')
      .map(serialize),
  );
};

test('what is said to root is mirrored to the other apps of that login: as a carbon, or in words', () =>
  inWorld({}, async (world) => {
    const members = await family(world);
    const [one] = members as [Member];
    one.client.send(`<message to="${root}" type="chat" id="1"><body>account list</body></message>`);
    await one.client.roundtrip('proxy.example');
    const [own, carbon, words, ...none] = await settled(members);
    assert.equal([own, ...none], [[], [], []]);
    const message = `<message xmlns="${NS.client}" type="chat" id="1" to="${root}" from="alice@proxy.example/a"><body>account list</body></message>`;
    const attrs = `to="alice@proxy.example/b" from="alice@proxy.example" type="chat"`;
    const sent = parseElement(
      `<message ${attrs}><sent xmlns="${NS.carbons}"><forwarded xmlns="${NS.forward}">${message}</forwarded></sent></message>`,
    );
    assert.equal(carbon!.map(sorted), [sorted(serialize(sent))]);
    const copy = parseElement(words![0]!);
    assert.equal([copy.attrs.from, copy.attrs.type, copy.getChildText('body')], [root, 'chat', '→ account list']);
    assert.is(words!.length, 1);
    for (const silent of ['<body>x</body>', '']) {
      world.door.mirror = silent === '';
      one.client.send(`<message to="${root}" type="chat">${silent}</message>`);
      await one.client.roundtrip('proxy.example');
      assert.equal((await settled(members)).flat(), []);
    }
    for (const { client } of members) await client.close();
  }));

/** Text of an element whose attributes are in alphabetical order. */
function sorted(text: string): string {
  const walk = (element: ReturnType<typeof parseElement>): unknown => [
    element.name,
    Object.entries(element.attrs).sort(),
    element.children.map((child) => (typeof child === 'string' ? child : walk(child))),
  ];
  return JSON.stringify(walk(parseElement(text)));
}

test('what root says comes to every available app of the login, or to one session', () =>
  inWorld({}, async (world) => {
    const members = await family(world);
    const { outlet } = world.edge;
    outlet.say('alice@proxy.example' as never, 'a < b');
    outlet.say('alice@proxy.example' as never, 'to you alone', members[3]!.sid);
    outlet.say('nobody@proxy.example' as never, 'lost');
    outlet.send(
      'bob@proxy.example' as never,
      Stanza.of(xml('message', { type: 'chat' }, xml('active', NS.chatStates))),
    );
    const heard = await settled(members);
    const bodies = heard.map((list) => list.map((text) => parseElement(text).getChildText('body')));
    assert.equal(bodies, [['a < b'], ['a < b'], ['a < b'], ['to you alone'], [null]]);
    for (const text of heard.flat()) assert.is(parseElement(text).attrs.from, root);
    for (const { client } of members) await client.close();
  }));

test.run();
