/** What came while the account was not there: from its server's archive, once, in order, before what comes now. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { parseElement } from '../src/wire/parser.ts';
import { Stanza } from '../src/wire/stanza.ts';
import { account, core, inWorld, like, type TestClient, type World } from './lib/hub.ts';

const at = Date.UTC(2026, 0, 2, 4);
const bob = 'bob@home.example/desk';

const live = (name: string) =>
  `<message from="${bob}" to="${account}" type="chat" id="${name}"><body>${name}</body>` +
  `<stanza-id xmlns="urn:xmpp:sid:0" by="${account}" id="s-${name}"/></message>`;
const kept = (name: string, from = bob, to: string = account) => ({
  id: `s-${name}`,
  at,
  text: `<message xmlns="jabber:client" from="${from}" to="${to}" type="chat" id="${name}"><body>${name}</body></message>`,
});
const own = (name: string) => kept(name, `${account}/elsewhere`, 'bob@home.example');

const bodies = (client: TestClient): string[] =>
  client.messages().map((text) => /<body>(.*?)<\/body>/.exec(text)?.[1] ?? text);

/** Rows of the archive, as `body alias`. */
const archive = async ({ store }: World): Promise<string[]> =>
  (await store.messages.page(account, {}, 100)).messages.map(({ body, alias }) => `${body} ${alias}`);

/** An app, one message that is known, and a new session upstream. */
async function after(world: World, ...known: string[]): Promise<TestClient> {
  world.online();
  const phone = world.client('phone', { carbons: true }).available();
  for (const name of known) world.server(live(name));
  phone.take();
  world.hub.offline();
  world.hub.online(core, false);
  return phone;
}

test(
  'the gap is filled page by page from the last that is known, dated; what comes meanwhile waits',
  inWorld(async (world) => {
    const phone = await after(world, 'known');
    world.server(live('d'));
    like(world.archived([kept('a'), kept('b')], false), '<after>s-known</after>');
    await world.settled();
    assert.equal(bodies(phone), ['a', 'b']);
    like(world.archived([kept('c'), kept('d')]), '<after>s-b</after>');
    await world.settled();
    const [first, ...rest] = phone.take();
    like(first, '<body>c</body>', `<delay xmlns="urn:xmpp:delay" from="${account}" stamp="2026-01-02T04:00:00`);
    assert.is(rest.length, 1, 'd, which came by both ways');
    world.server(live('e'));
    assert.equal(bodies(phone), ['e']);
    assert.equal(await archive(world), ['known s-known', 'a s-a', 'b s-b', 'c s-c', 'd s-d', 'e s-e']);
  }),
);

test(
  'what other apps sent and received elsewhere comes as carbons',
  inWorld(async (world) => {
    const phone = await after(world, 'known');
    world.archived([own('mine'), kept('theirs', bob, `${account}/elsewhere`)]);
    await world.settled();
    const [sent, received] = phone.messages();
    like(sent, '<sent xmlns="urn:xmpp:carbons:2"', 'to="bob@home.example"', '<body>mine</body>', '<delay');
    like(received, '<received xmlns="urn:xmpp:carbons:2"', '<body>theirs</body>');
  }),
);

test(
  'a message of ours that the server has is not sent again; one that it has not is, behind it',
  inWorld(async (world) => {
    world.online();
    const phone = world.client('phone').available();
    world.server(live('known'));
    for (const name of ['got', 'lost'])
      phone.send(`<message to="bob@home.example" type="chat" id="${name}"><body>${name}</body></message>`);
    world.hub.offline();
    phone.send('<message to="bob@home.example" type="chat" id="new"><body>new</body></message>');
    world.hub.online(core, false);
    const leaving = () => world.up.flatMap((text) => /^<message.* id="(\w+)"/.exec(text)?.[1] ?? []);
    world.up.splice(0, world.up.length - 1);
    assert.equal(leaving(), []);
    world.archived([kept('got', core, 'bob@home.example')]);
    await world.settled();
    assert.equal(leaving(), ['lost', 'new']);
    assert.ok((await archive(world)).includes('got s-got'), 'under its name at the server');
  }),
);

test(
  'what a hub that died had sent and not archived comes from the server, and is not sent again when it is told once more',
  inWorld(async (world) => {
    await after(world, 'known');
    world.archived([kept('told', core, 'bob@home.example')]);
    await world.settled();
    const phone = world.client('phone', { presence: '<presence/>' });
    world.up.splice(0);
    const text = '<message to="bob@home.example" type="chat" id="told"><body>told</body></message>';
    world.hub.fromClient(phone.sid, Stanza.of(parseElement(text)), undefined, 'taken');
    assert.equal(world.up, []);
    assert.equal(await archive(world), ['known s-known', 'told s-told']);
    const other = text.replace('<body>told', '<body>something else');
    world.hub.fromClient(phone.sid, Stanza.of(parseElement(other)), undefined, 'taken');
    assert.is(world.up.length, 1, 'the same id, another message');
  }),
);

test(
  'an id used twice is two messages; the same message without a name is one',
  inWorld(async (world) => {
    const phone = await after(world, 'known');
    const twice = { ...kept('known'), id: 's-other', text: kept('known').text.replace('>known<', '>another<') };
    world.archived([twice]);
    await world.settled();
    assert.equal(bodies(phone), ['another']);
    // one that came without its name
    world.server(`<message from="${bob}" to="${account}" type="chat" id="plain"><body>plain</body></message>`);
    phone.take();
    world.hub.offline();
    world.hub.online(core, false);
    world.archived([kept('plain')]);
    await world.settled();
    assert.equal(bodies(phone), []);
    assert.ok((await archive(world)).includes('plain s-plain'));
  }),
);

test(
  'what a sender sends again because the server fell is one message, whichever way and however often it comes',
  inWorld(async (world) => {
    const phone = await after(world, 'known');
    const named = (name: string, alias: string, extra = '') =>
      live(name).replace(`s-${name}"`, `${alias}"`).replace('</message>', `${extra}</message>`);
    const delay = `<delay xmlns="urn:xmpp:delay" from="work.example" stamp="2026-01-02T03:04:04Z"/>`;
    world.server(named('a', 's-a-2', delay)); // kept for who was offline
    world.server(named('known', 's-known-2'));
    const said = { at: world.now - 2000 };
    world.archived([
      { ...kept('a'), ...said },
      { ...kept('a'), ...said, id: 's-a-2' },
    ]);
    await world.settled();
    assert.equal(bodies(phone), ['a']);
    assert.equal(await archive(world), ['known s-known', 'a s-a']);
    world.pass(700_000);
    world.server(named('a', 's-a-4'));
    assert.equal(bodies(phone), ['a'], 'later it is another one');
  }),
);

test(
  'an id that the server does not know any more: its date counts, with time to spare',
  inWorld(async (world) => {
    const phone = await after(world, 'known');
    world.archived('item-not-found');
    like(world.archived([kept('known'), kept('a')]), 'start', '2026-01-02T02:54:05.000Z');
    await world.settled();
    assert.equal(bodies(phone), ['a']);
  }),
);

test(
  'a server that does not answer: root says so, live messages go on, and the next login asks again, over a restart too',
  inWorld(async (world) => {
    const phone = await after(world, 'known');
    world.server(live('now'));
    world.pass(30_000);
    assert.equal(bodies(phone), ['now']);
    assert.is(world.told.length, 1);
    like(world.told[0], account, 'since 2026-01-02 03:04 UTC');
    const again = await world.again();
    again.hub.online(core, true, true); // resumed, by another process
    like(again.archived([kept('a'), kept('now')]), '<after>s-known</after>');
    await again.settled();
    assert.equal(await archive(again), ['known s-known', 'now s-now', 'a s-a']);
    again.hub.offline();
    again.hub.online(core, true);
    assert.is(again.archived(), undefined, 'nothing is missing any more');
    again.hub.offline();
    again.hub.online(core, true, true); // another process may have died before all it knew was durable
    like(again.archived(), '<after>s-a</after>');
  }),
);

test(
  'a server without an archive: nothing waits longer than its answer',
  inWorld(async (world) => {
    const phone = await after(world, 'known');
    world.server(live('a'));
    assert.equal(bodies(phone), []);
    world.archived('service-unavailable');
    assert.equal(bodies(phone), ['a']);
    like(world.told[0], 'from 2026-01-02 03:04 UTC', 'may be missing');
  }),
);

test(
  'a server without an archive that keeps messages for who is offline: nobody is worried',
  inWorld(async (world) => {
    world.hub.online(core, false);
    const features = '<feature var="http://jabber.org/protocol/disco#info"/><feature var="msgoffline"/>';
    world.answer(
      /to="work.example".*disco#info/,
      `<query xmlns="http://jabber.org/protocol/disco#info">${features}</query>`,
    );
    world.archived('service-unavailable');
    const phone = world.client('phone').available();
    const plain = (name: string) => live(name).replace(/<stanza-id.*?\/>/, '');
    world.server(plain('known'));
    world.hub.offline();
    world.hub.online(core, false);
    world.server(plain('a'));
    world.hub.offline(); // before it has answered
    world.hub.online(core, false);
    world.archived('service-unavailable');
    assert.equal(bodies(phone), ['known', 'a']);
    assert.equal(world.told, []);
  }),
);

test(
  'an archive that does not reach back to what is known: root says between when messages may be missing',
  inWorld(async (world) => {
    await after(world, 'known');
    world.archived('item-not-found');
    world.archived([kept('a')]);
    await world.settled();
    assert.is(world.told.length, 1);
    like(world.told[0], 'from 2026-01-02 03:04 UTC to 2026-01-02 04:00 UTC may be missing');
  }),
);

test(
  'a stream that breaks in the middle: the next goes on from there',
  inWorld(async (world) => {
    const phone = await after(world, 'known');
    world.archived([kept('a')], false);
    await world.settled();
    world.server(live('c'));
    world.hub.offline();
    world.hub.online(core, false);
    like(world.archived([kept('b'), kept('c')]), '<after>s-a</after>');
    await world.settled();
    assert.equal(bodies(phone), ['a', 'b', 'c']);
  }),
);

test.run();
