/** What goes into an account's archive: each message once, under a place of its own. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { ArchivedMessage } from '../src/archive/types.ts';
import { Places, placeOf, stanzaIdOf } from '../src/hub/place.ts';
import { NS } from '../src/wire/ns.ts';
import { account, core, inWorld, like, type World } from './lib/hub.ts';
import { enter, inRoom, inShort, joining, room, said } from './lib/room.ts';

const chat = (body: string, { from = 'bob@home.example/x', to = core as string, id = body, inside = '' } = {}) =>
  `<message from="${from}" to="${to}" type="chat"${id && ` id="${id}"`}><body>${body}</body>${inside}</message>`;
const carbon = (direction: string, inner: string) =>
  `<message from="${account}" to="${core}"><${direction} xmlns="${NS.carbons}"><forwarded xmlns="${NS.forward}">` +
  `${inner.replace('<message', `<message xmlns="${NS.client}"`)}</forwarded></${direction}></message>`;
const alias = (id: string, by = account as string) => `<stanza-id xmlns="${NS.sid}" by="${by}" id="${id}"/>`;
const idIn = (text: string | undefined) => new RegExp(`by="${account}" id="(x[^"]+)"`).exec(text ?? '')?.[1];

async function archived(world: World): Promise<ArchivedMessage[]> {
  await world.settled();
  return (await world.store.messages.page(account, {}, 500)).messages;
}
const bodies = async (world: World) => (await archived(world)).map(({ body }) => body);

test('a place is a text and back, and rises although the clock was set back', () => {
  let now = 1_700_000_000_000;
  let kept = { first: 0, last: 0 };
  const places = new Places(
    () => now,
    (reach) => {
      kept = reach;
    },
  );
  places.load(undefined, undefined);
  const [one, two] = [places.next(), places.next()];
  assert.is(one, now * 1000);
  assert.is(two, one + 1);
  now -= 3600_000;
  const three = places.next();
  assert.is(three, two + 1);
  assert.is(places.older(), one - 1);
  assert.is(placeOf(stanzaIdOf(three)), three);
  for (const odd of ['', 'x', 'x0', 'X12', 'y12', 'x12 ', 'xzzzzzzzzzzzz']) assert.is(placeOf(odd), undefined, odd);
  places.settle();
  const again = new Places(
    () => now,
    () => {},
  );
  again.load(undefined, kept); // all was deleted meanwhile
  assert.is(again.next(), three + 1);
  assert.is(again.older(), one - 2);
});

test(
  'both directions, with the addresses a person knows; live messages bear the place',
  inWorld(async (world) => {
    world.online();
    const phone = world.client('phone').available();
    const desk = world.client('desk', { carbons: true }).available();
    world.server(chat('in'));
    phone.send('<message to="bob@home.example" type="chat" id="o1"><body>out</body></message>');
    const [received, sent] = await archived(world);
    assert.is(received!.text, chat('in', { to: account }).replace(/from="([^"]*)" to="([^"]*)"/, 'to="$2" from="$1"'));
    assert.equal(
      [received!.peer, received!.resource, received!.isSent, received!.id, received!.body, received!.client],
      ['bob@home.example', 'x', false, 'in', 'in', undefined],
    );
    assert.equal([sent!.peer, sent!.isSent, sent!.client], ['bob@home.example', true, phone.address]);
    like(sent!.text, `from="${phone.address}"`);
    const [live, copy] = desk.take();
    assert.is(idIn(live), stanzaIdOf(received!.place));
    assert.is(idIn(copy), stanzaIdOf(sent!.place));
    assert.is(desk.place, sent!.place);
    assert.is(idIn(world.up.at(-1)), undefined, 'contacts do not learn it');
    world.now -= 3600_000;
    world.server(chat('clock'));
    assert.equal(await bodies(world), ['in', 'out', 'clock']);
    const last = (await archived(world))[2]!;
    assert.is(last.at, world.now);
    assert.ok(last.place > sent!.place);
  }),
);

test(
  'chat states, what is not to be stored, headlines without words and events are none',
  inWorld(async (world) => {
    world.online();
    const phone = world.client('phone').available();
    const hint = (name: string) => `<${name} xmlns="${NS.hints}"/>`;
    const others = [
      chat('secret', { inside: hint('no-store') }),
      chat('passing', { inside: hint('no-permanent-store') }),
      `<message from="bob@home.example" type="chat"><composing xmlns="${NS.chatStates}"/><thread>t</thread></message>`,
      `<message from="bob@home.example" type="chat"><active xmlns="${NS.chatStates}"/>${hint('no-copy')}</message>`,
      `<message from="news.example" type="headline"><x xmlns="other"/></message>`,
      '<message from="bob@home.example" type="error" id="nobody-knows"><error type="cancel"/></message>',
    ];
    for (const other of others) world.server(other);
    phone.send(`<message to="bob@home.example" type="chat"><paused xmlns="${NS.chatStates}"/></message>`);
    assert.equal(await archived(world), []);
    assert.is(phone.take().filter((text) => idIn(text) !== undefined).length, 0);
    world.server(`<message from="bob@home.example" id="r"><received xmlns="${NS.receipts}" id="o"/></message>`);
    world.server(`<message from="bob@home.example" type="chat">${hint('store')}</message>`);
    world.server('<message from="news.example" type="headline"><body>news</body></message>');
    assert.is((await archived(world)).length, 3);
  }),
);

test(
  'nobody else says what we call a message; the server’s id is the alias, the sender’s own stays',
  inWorld(async (world) => {
    world.online();
    const phone = world.client('phone').available();
    const origin = `<origin-id xmlns="${NS.sid}" id="bobs"/>`;
    const room = alias('r9', 'room@muc.example');
    world.server(chat('one', { inside: `${origin}${room}${alias('s-1')}` }));
    const [text] = phone.take();
    like(text, origin, room);
    assert.is([...text!.matchAll(new RegExp(`by="${account}"`, 'g'))].length, 1);
    const [message] = await archived(world);
    assert.equal([message!.alias, message!.originId, idIn(text)], ['s-1', 'bobs', stanzaIdOf(message!.place)]);
    assert.not.ok(message!.text.includes(`by="${account}"`));
    world.server(chat('two', { inside: alias('s-2', 'ALICE@work.example') }));
    assert.is([...phone.take()[0]!.matchAll(/alice@work.example" id=/gi)].length, 1);
  }),
);

test(
  'a message that comes by two ways, or again on another stream, is one',
  inWorld(async (world) => {
    world.online();
    const phone = world.client('phone').available();
    const once = () => assert.is(phone.messages().length, 1);
    world.server(chat('a'));
    world.server(carbon('received', chat('a')));
    once();
    world.server(carbon('received', chat('b')));
    world.server(chat('b'));
    once();
    world.server(chat('c', { inside: alias('s-c') }));
    world.hub.offline();
    world.now += 3600_000;
    world.online(true);
    world.server(chat('c', { id: '', inside: alias('s-c') }));
    once();
    world.server(chat('d'));
    world.online(true);
    world.server(chat('d'));
    once();
    assert.equal(await bodies(world), ['a', 'b', 'c', 'd']);
  }),
);

test(
  'after a restart the last ones are known again',
  inWorld(async (world) => {
    world.online();
    world.server(chat('a', { inside: alias('s-a') }));
    world.server(chat('b', { inside: `<origin-id xmlns="${NS.sid}" id="o-b"/>` }));
    await world.settled();
    const again = await world.again();
    const phone = again.client('phone').available();
    again.online();
    again.server(chat('a', { id: '', inside: alias('s-a') }));
    again.server(
      chat('b', { inside: `<delay xmlns="${NS.delay}" stamp="2026-01-02T03:04:07Z" from="work.example"/>` }),
    );
    assert.equal(phone.messages(), []);
    again.server(chat('c'));
    assert.equal(await bodies(again), ['a', 'b', 'c']);
  }),
);

test(
  'equal ids alone do not make a message a repetition',
  inWorld(async (world) => {
    world.online();
    const phone = world.client('phone').available();
    world.server(chat('21 degrees', { id: '1' }));
    world.server(chat('21 degrees', { id: '1' }));
    world.server(chat('22 degrees', { id: '1' }));
    world.server(chat('22 degrees', { id: '1', from: 'eve@home.example/x' }));
    world.online(true);
    world.now += 3600_000;
    world.server(chat('22 degrees', { id: '1' }));
    world.server(chat('x', { id: '2', inside: alias('s-1') }));
    world.server(chat('x', { id: '2', inside: alias('s-2') }));
    assert.is(phone.messages().length, 7);
    assert.is((await archived(world)).length, 7);
  }),
);

test(
  'errors about what is in the archive are archived; for who sent it, be it later',
  inWorld(async (world) => {
    world.online();
    const phone = world.client('phone').available();
    phone.send('<message to="gone@home.example" type="chat" id="e1"><body>x</body></message>');
    phone.acknowledge().leave();
    const error = '<error type="cancel"><item-not-found xmlns="urn:ietf:params:xml:ns:xmpp-stanzas"/></error>';
    world.server(`<message from="gone@home.example" to="${core}" type="error" id="e1">${error}</message>`);
    assert.equal(
      (await archived(world)).map(({ type }) => type),
      ['chat', 'error'],
    );
    const back = world.client('phone').available();
    world.pass(10_000);
    await world.settled();
    like(back.messages()[0], 'type="error"', 'item-not-found');
  }),
);

test(
  'what another resource of the account sends and receives is archived once',
  inWorld(async (world) => {
    world.online();
    const desk = world.client('desk', { carbons: true }).available();
    world.server(carbon('sent', chat('mine', { from: `${account}/direct`, to: 'bob@home.example' })));
    world.server(carbon('received', chat('his', { to: `${account}/direct` })));
    const found = await archived(world);
    assert.equal(
      found.map(({ body, isSent, peer, client }) => [body, isSent, peer, client]),
      [
        ['mine', true, 'bob@home.example', undefined],
        ['his', false, 'bob@home.example', undefined],
      ],
    );
    assert.equal(
      desk.messages().map(idIn),
      found.map(({ place }) => stanzaIdOf(place)),
    );
  }),
);

test(
  'what is said in a room, and between occupants, is archived; what the room tells again is not',
  inWorld(async (world) => {
    const history = [said('bob', 'before', { sid: 'h1', at: '2026-01-02T03:00:00Z' })];
    const phone = inRoom(world, { history });
    world.server(said('bob', 'now', { sid: 'h2' }));
    world.server(said('alice', 'mine', { sid: 'h3' }));
    like(phone.take()[0], /by="alice@work.example" id="x/);
    world.server(`<message from="${room}/bob" to="${core}" type="chat" id="pm"><body>psst</body></message>`);
    phone.send(`<message to="${room}/bob" type="chat" id="pm2"><body>what</body></message>`);
    const found = await archived(world);
    assert.equal(
      found.map(({ body, type, peer, resource, isSent }) => [body, type, peer, resource, isSent]),
      [
        ['now', 'groupchat', room, 'bob', false],
        ['mine', 'groupchat', room, 'alice', true],
        ['psst', 'chat', room, 'bob', false],
        ['what', 'chat', room, 'bob', true],
        ['before', 'groupchat', room, 'bob', false],
      ].sort((a, b) => found.findIndex(({ body }) => body === a[0]) - found.findIndex(({ body }) => body === b[0])),
    );
    assert.is(found.length, 5);
    assert.is(found.find(({ body }) => body === 'before')!.at, Date.UTC(2026, 0, 2, 3, 0, 0));
    // out and in again: the room tells what is known, and more
    phone.send(`<presence to="${room}/alice" type="unavailable"/>`);
    world.server(
      `<presence from="${room}/alice" to="${core}" type="unavailable"><x xmlns="${NS.mucUser}"><status code="110"/></x></presence>`,
    );
    const told = [...history, said('bob', 'now', { sid: 'h2', at: '2026-01-02T03:04:05Z' })];
    enter(world, phone, 'alice', { history: [...told, said('eve', 'new', { sid: 'h4', at: '2026-01-02T03:04:06Z' })] });
    assert.equal((await bodies(world)).slice(5), ['new']);
  }),
);

test(
  'more of a room’s past than is in memory comes from the archive',
  inWorld(async (world) => {
    const phone = inRoom(world, { others: [] });
    for (let number = 1; number <= 80; number++) {
      world.now += 1000;
      world.server(said('bob', `m${number}`));
    }
    phone.take();
    const asks = async (attrs: string): Promise<string[]> => {
      phone.send(joining('alice', `<history ${attrs}/>`));
      await world.settled();
      return inShort(phone.take()).slice(1, -1);
    };
    const said70 = await asks('maxstanzas="70"');
    assert.is(said70.length, 70);
    assert.equal([said70[0], said70[19], said70[20], said70.at(-1)], ['bob: m11', 'bob: m30', 'bob: m31', 'bob: m80']);
    assert.is((await asks('since="2026-01-02T03:04:00Z"')).length, 80);
    assert.is((await asks('seconds="59"')).length, 60);
    phone.send(joining('alice', '<history maxstanzas="0"/>'));
    assert.is(inShort(phone.take()).length, 2, 'at once');
  }),
);

test(
  'what an earlier version kept apart is in the archive, once, and is given',
  inWorld(async (world) => {
    const { store } = world;
    const old = (at: number, body: string) =>
      `<message from="bob@home.example/x" to="${core}" type="chat"><body>${body}</body><delay xmlns="${NS.delay}" from="${account}" stamp="2026-01-02T03:04:0${at}Z"/></message>`;
    void store.put(account, 'offline', '0000000000000002', old(2, 'two'));
    void store.put(account, 'offline', '0000000000000001', old(1, 'one'));
    await store.put(account, 'room-message', `${room} 0`, `0 ${said('bob', 'talk', { at: '2026-01-02T03:04:00Z' })}`);
    await store.put(account, 'room', room, JSON.stringify({ nick: 'alice', detached: false, joined: 0 }));
    await store.remove(account, 'meta');
    const again = await world.again();
    assert.equal(await bodies(again), ['talk', 'one', 'two']);
    assert.equal([...(await store.read(account, 'offline')), ...(await store.read(account, 'room-message'))], []);
    again.online();
    const phone = again.client('phone', { carbons: true }).available();
    again.pass(10_000);
    await again.settled();
    const got = phone.messages();
    assert.equal(
      got.map((text) => /<body>(\w+)/.exec(text)![1]),
      ['one', 'two'],
    );
    like(got[0], 'stamp="2026-01-02T03:04:01Z"');
    assert.not.ok(got[0]!.includes(NS.carbons));
  }),
);

test(
  'while nothing can be kept, new messages come back with a reason',
  inWorld(async (world) => {
    world.online();
    const phone = world.client('phone').available();
    const desk = world.client('desk', { carbons: true }).available();
    Object.defineProperty(world.store, 'trouble', {
      configurable: true,
      get: () => ({ reason: 'the disk is full', since: 0 }),
    });
    const message = '<message to="bob@home.example" type="chat" id="t1"><body>x</body></message>';
    phone.send(message);
    like(phone.take()[0], 'type="error"', 'type="wait"', 'resource-constraint', 'id="t1"');
    assert.equal([...world.up, ...desk.take()], []);
    phone.send(`<message to="bob@home.example" type="chat"><composing xmlns="${NS.chatStates}"/></message>`);
    assert.is(world.up.length, 1);
    desk.take();
    Object.defineProperty(world.store, 'trouble', { configurable: true, get: () => undefined });
    phone.send(message);
    assert.is(world.up.length, 2);
    assert.is(desk.take().length, 1);
  }),
);

const sending = (id: string, body = id, to = 'bob@home.example') =>
  `<message to="${to}" type="chat" id="${id}"><body>${body}</body></message>`;

test(
  'what an app sends again after its stream broke is taken, and goes nowhere',
  inWorld(async (world) => {
    world.online();
    const desk = world.client('desk', { carbons: true }).available();
    const phone = world.client('phone').available();
    phone.send(sending('a'));
    phone.send(sending('b'));
    phone.leave();
    desk.take();
    world.up.splice(0);
    const back = world.client('phone').available();
    back.send(
      sending('b').replace('</message>', `<delay xmlns="${NS.delay}" stamp="2026-01-02T03:04:05Z"/></message>`),
    );
    assert.equal([...world.up, ...desk.messages()], []);
    back.send(sending('b', 'other words'));
    back.send(sending('b', 'b', 'eve@home.example'));
    back.send(sending('c'));
    back.send(sending('c'));
    assert.is(world.up.length, 4);
    await world.settled();
    const again = await world.again();
    again.online();
    const third = again.client('phone').available();
    third.send(sending('c'));
    assert.equal(again.up, [], 'also after a restart');
    third.leave(true);
    const last = again.client('phone').available();
    last.send(sending('c'));
    assert.is(again.up.length, 1, 'whoever said goodbye knows what was taken');
  }),
);

test(
  'a message without any id gets one, by which it is found again',
  inWorld(async (world) => {
    world.online();
    const phone = world.client('phone').available();
    phone.send('<message to="bob@home.example" type="chat"><body>x</body></message>');
    const id = /<origin-id xmlns="urn:xmpp:sid:0" id="([^"]+)"/.exec(world.up[0]!)![1];
    assert.is((await archived(world))[0]!.originId, id);
  }),
);

test.run();
