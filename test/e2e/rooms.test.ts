/** Rooms of real servers: two apps in one, who leaves and who is thrown out, and what stays over restarts of either side. */
import * as assert from 'uvu/assert';
import { NS } from '../../src/wire/ns.ts';
import { type Element, xml } from '../../src/wire/xml.ts';
import { isMessage, isPresence, type Party } from '../lib/party.ts';
import { askRoot } from '../lib/proxy.ts';
import { login, type RawClient } from '../lib/raw.ts';
import type { Account } from '../lib/servers.ts';
import { Scenarios, until, type World } from '../lib/world.ts';

const scenarios = new Scenarios();
let count = 0;
const newRoom = ({ server }: World): string => `room${++count}@rooms.${server.domain}`;

const codes = (presence: Element): string[] =>
  (presence.getChild('x', NS.mucUser)?.getChildren('status') ?? []).map(({ attrs }) => String(attrs.code));
const nickOf = ({ attrs }: Element): string => String(attrs.from).split('/')[1] ?? '';
const isOwn = (room: string, type: string | null) => (stanza: Element) =>
  isPresence({ from: room, type })(stanza) && codes(stanza).includes('110');
const isSubject = (room: string) => (stanza: Element) =>
  isMessage({ from: room })(stanza) && stanza.getChild('subject') !== undefined && !stanza.getChild('body');

const join = (room: string, nick: string, inside = ''): string =>
  `<presence to="${room}/${nick}"><x xmlns="${NS.muc}">${inside}</x></presence>`;
const leave = (room: string, nick: string): string => `<presence to="${room}/${nick}" type="unavailable"/>`;

/** What it was told on entering, up to the subject. */
interface Entry {
  occupants: string[];
  codes: string[];
  history: string[];
}

async function enter(client: Party, room: string, nick: string, inside = ''): Promise<Entry> {
  const from = client.all.length;
  client.send(join(room, nick, inside));
  await client.received(isSubject(room), { what: `the subject of ${room}` });
  const told = client.all.slice(from).filter(({ attrs }) => String(attrs.from).startsWith(room));
  const own = told.findIndex(isOwn(room, null));
  const last = told.findIndex(isSubject(room));
  assert.ok(own >= 0 && own < last, 'self-presence comes before the subject');
  const messages = told.slice(own, last).filter(isMessage({ from: room }));
  assert.ok(told.slice(0, own).every(isPresence({ from: room })), 'occupants come first');
  return {
    // ejabberd sends presence of the room itself too, for its avatar
    occupants: told
      .slice(0, own)
      .map(nickOf)
      .filter((name) => name !== ''),
    codes: codes(told[own]!),
    history: messages.map((message) => {
      assert.ok(message.getChild('delay', NS.delay), 'history is dated');
      return `${nickOf(message)}: ${message.getChildText('body')}`;
    }),
  };
}

const say = (client: Party, room: string, body: string): void =>
  client.send(`<message to="${room}" type="groupchat" id="${body}"><body>${body}</body></message>`);
const hears = (client: Party, room: string, body: string) => client.received(isMessage({ from: room, body }));
const countOf = (client: Party, room: string, body: string): number =>
  client.all.filter(isMessage({ from: room, body })).length;

/** Bob, at the server itself, owns the room: open for all from the start. */
async function bobIn({ server }: World, room: string, account?: Account): Promise<RawClient> {
  const bob = account ?? (await server.account('bob'));
  const client = await login({ ...bob, resource: 'desk', host: server.host, port: server.port, ca: server.ca });
  client.send('<presence/>');
  const { codes } = await enter(client, room, 'bob', '<history maxstanzas="0"/>');
  if (codes.includes('201'))
    await client.iq('set', room, xml('query', NS.mucOwner, xml('x', { xmlns: NS.data, type: 'submit' })));
  return client;
}

async function app({ proxy }: World, account: Account, resource: string): Promise<RawClient> {
  const client = await proxy.login(account, { resource });
  client.send('<presence/>');
  await client.roundtrip();
  return client;
}

async function cast(world: World) {
  const room = newRoom(world);
  const alice = await world.proxy.account(world.server, 'alice');
  const bob = await bobIn(world, room);
  const [phone, laptop] = [await app(world, alice, 'phone'), await app(world, alice, 'laptop')];
  return { room, alice, bob, phone, laptop };
}

/** Asks that occupant, by way of the room, until there is one, or none; `client` must be in the room itself. */
async function isThere(client: Party, room: string, nick: string, wanted = true): Promise<void> {
  let found = !wanted;
  await until(
    `${nick} in ${room}: ${wanted}`,
    () => found === wanted,
    async () => {
      found = (await client.iq('get', `${room}/${nick}`, xml('ping', NS.ping))).attrs.type === 'result';
      if (found !== wanted) await new Promise((resolve) => setTimeout(resolve, 100));
    },
  );
}

/** The only room of a world, as the proxy sees it: until the account is in. */
async function isIn({ proxy }: World): Promise<void> {
  let line = '';
  await until(
    'in the room',
    () => line.startsWith('●'),
    async () => {
      line = await proxy.rootSays('room list', /@rooms|no room/);
      if (!line.startsWith('●')) await new Promise((resolve) => setTimeout(resolve, 100));
    },
  );
}

scenarios.add('two apps in one room: each sees all; one leaves, the other stays and hears', async (world) => {
  const { room, bob, phone, laptop, alice } = await cast(world);
  say(bob, room, 'one');
  await hears(bob, room, 'one');
  const first = await enter(phone, room, 'alice');
  assert.equal(first.occupants, ['bob']);
  assert.equal(first.history, ['bob: one']);
  say(bob, room, 'two');
  await hears(phone, room, 'two');
  const second = await enter(laptop, room, 'ally');
  assert.equal(second.occupants, ['bob']);
  assert.equal(second.history, ['bob: one', 'bob: two']);
  assert.ok(second.codes.includes('210'), 'the true nick is alice');
  assert.is(phone.all.filter(isMessage({ body: 'one' })).length, 1, 'who is in is told nothing again');

  say(laptop, room, 'three');
  for (const client of [phone, laptop, bob]) assert.is(nickOf(await hears(client, room, 'three')), 'alice');
  for (const client of [phone, laptop]) assert.is(countOf(client, room, 'three'), 1);

  phone.send(leave(room, 'alice'));
  await phone.received(isOwn(room, 'unavailable'));
  say(bob, room, 'four');
  await hears(laptop, room, 'four');
  await phone.roundtrip();
  assert.is(countOf(phone, room, 'four'), 0);
  await isThere(bob, room, 'alice');
  laptop.send(`<iq type="get" id="self" to="${room}/alice"><ping xmlns="${NS.ping}"/></iq>`);
  assert.is((await laptop.received(({ attrs }) => attrs.id === 'self')).attrs.type, 'result');

  const tablet = await app(world, alice, 'tablet');
  const late = await enter(tablet, room, 'alice', '<history maxstanzas="2"/>');
  assert.equal(late.occupants, ['bob']);
  assert.equal(late.history, ['alice: three', 'bob: four']);
  tablet.send(leave(room, 'alice'));
  laptop.send(leave(room, 'alice'));
  await laptop.received(isOwn(room, 'unavailable'));
  await bob.received(isPresence({ from: `${room}/alice`, type: 'unavailable' }));
});

scenarios.add('nicks change and people come and go before the eyes of both; kicked, both see it', async (world) => {
  const { room, bob, phone, laptop } = await cast(world);
  await enter(phone, room, 'alice');
  await enter(laptop, room, 'alice');
  phone.send(`<presence to="${room}/ally"/>`);
  for (const client of [phone, laptop]) {
    const old = await client.received(isPresence({ from: `${room}/alice`, type: 'unavailable' }));
    assert.ok(codes(old).includes('303') && codes(old).includes('110'));
    await client.received(isPresence({ from: `${room}/ally`, type: null }));
  }
  const carol = await bobIn(world, newRoom(world));
  await enter(carol, room, 'carol');
  for (const client of [phone, laptop]) await client.received(isPresence({ from: `${room}/carol`, type: null }));
  carol.send(leave(room, 'carol'));
  for (const client of [phone, laptop])
    await client.received(isPresence({ from: `${room}/carol`, type: 'unavailable' }));

  const admin = 'http://jabber.org/protocol/muc#admin';
  await bob.iq('set', room, xml('query', admin, xml('item', { nick: 'ally', role: 'none' })));
  for (const client of [phone, laptop]) {
    const out = await client.received(isOwn(room, 'unavailable'));
    assert.ok(codes(out).includes('307'), codes(out).join());
    assert.is(nickOf(out), 'ally');
    const jid = out.getChild('x', NS.mucUser)?.getChild('item')?.attrs.jid;
    if (jid !== undefined) assert.is(jid, client.jid);
  }
  say(bob, room, 'gone');
  await hears(bob, room, 'gone');
  phone.send(`<iq type="get" id="self" to="${room}/ally"><ping xmlns="${NS.ping}"/></iq>`);
  const pong = await phone.received(({ attrs }) => attrs.id === 'self');
  assert.is(pong.attrs.type, 'error');
  await laptop.roundtrip();
  for (const client of [phone, laptop]) assert.is(countOf(client, room, 'gone'), 0);
  assert.equal((await enter(laptop, room, 'ally')).occupants, ['bob']);
});

scenarios.add('private messages reach the apps in the room, invitations every app', async (world) => {
  const { room, bob, phone, laptop, alice } = await cast(world);
  bob.send(
    `<message to="${room}"><x xmlns="${NS.mucUser}"><invite to="${alice.jid}"><reason>come</reason></invite></x></message>`,
  );
  for (const client of [phone, laptop]) {
    const invitation = await client.received(
      (stanza) => stanza.getChild('x', NS.mucUser)?.getChild('invite') !== undefined,
    );
    assert.is(invitation.attrs.from, room);
  }
  await enter(phone, room, 'alice');
  bob.message(`${room}/alice`, 'psst', xml('x', NS.mucUser));
  await phone.received(isMessage({ from: `${room}/bob`, body: 'psst' }));
  phone.message(`${room}/bob`, 'yes?', xml('x', NS.mucUser));
  await bob.received(isMessage({ from: `${room}/alice`, body: 'yes?' }));
  await laptop.roundtrip();
  assert.is(countOf(laptop, room, 'psst'), 0);
  await phone.close();
  await isThere(bob, room, 'alice');
  bob.message(`${room}/alice`, 'still there?', xml('x', NS.mucUser));
  await bob.roundtrip(`${room}/alice`); // by way of our core session: it has the message by now
  await enter(laptop, room, 'alice');
  await laptop.received(isMessage({ from: `${room}/bob`, body: 'still there?' }));
});

scenarios.alone('the proxy is restarted: still in, without an app; a third app joins late', async (world) => {
  const { room, bob, phone, laptop, alice } = await cast(world);
  const { proxy } = world;
  await enter(phone, room, 'alice', '<history maxstanzas="0"/>');
  await enter(laptop, room, 'alice');
  say(bob, room, 'before');
  for (const client of [phone, laptop]) await hears(client, room, 'before');
  await proxy.stop();
  say(bob, room, 'meanwhile');
  await hears(bob, room, 'meanwhile');
  await proxy.start();
  await isIn(world);
  say(bob, room, 'after');
  await hears(bob, room, 'after');
  const tablet = await app(world, alice, 'tablet');
  const late = await enter(tablet, room, 'alice');
  assert.equal(late.occupants, ['bob']);
  await until(
    'what was said after',
    () => late.history.includes('bob: after') || countOf(tablet, room, 'after') > 0,
    () => tablet.roundtrip(),
  );
  assert.equal(late.history.slice(0, 2), ['bob: before', 'bob: meanwhile']);
  await proxy.kill();
  await proxy.start();
  await isIn(world);
  const again = await app(world, alice, 'again');
  const { occupants, history } = await enter(again, room, 'alice');
  assert.equal(occupants, ['bob']);
  assert.equal(history, ['bob: before', 'bob: meanwhile', 'bob: after']);
});

scenarios.alone('the server goes and comes back: who is in stays in, and hears each thing once', async (world) => {
  const { room, phone, bob, alice } = await cast(world);
  const { server } = world;
  await enter(phone, room, 'alice');
  say(bob, room, 'before');
  await hears(phone, room, 'before');
  await bob.close();
  await phone.received(isPresence({ from: `${room}/bob`, type: 'unavailable' }));
  await server.stop();
  await server.start();
  const carol = await login({
    ...(await server.account('carol')),
    ...{ resource: 'desk', host: server.host, port: server.port, ca: server.ca },
  });
  await isIn(world);
  await enter(carol, room, 'carol');
  await phone.received(isPresence({ from: `${room}/carol`, type: null }));
  say(carol, room, 'again');
  await hears(phone, room, 'again');
  say(phone, room, 'yes');
  await hears(carol, room, 'yes');
  await hears(phone, room, 'yes');
  assert.is(countOf(phone, room, 'before'), 1);
  assert.is(countOf(phone, room, 'again'), 1);
  assert.is(phone.all.filter(isOwn(room, 'unavailable')).length, 0, 'the app never left');
  const laptop = await app(world, alice, 'laptop');
  assert.equal((await enter(laptop, room, 'alice')).history.slice(-2), ['carol: again', 'alice: yes']);
});

scenarios.add('root lists rooms, and tells who speaks to one that is detached', async (world) => {
  const { room, bob, phone, alice } = await cast(world);
  const { root } = world.proxy;
  await enter(phone, room, 'alice');
  const list = await askRoot(phone, root, 'room list', /occupants|no room/);
  assert.ok(list.startsWith(`● ${room}\nas alice`), list);
  assert.match(list.replaceAll('\n', ' '), /, 2 occupants, 1 app of yours$/);
  await askRoot(phone, root, `room detach ${room}`, /is detached/);
  await phone.received(isOwn(room, 'unavailable'));
  say(bob, room, 'hello ALICE');
  const told = await phone.received(isMessage({ from: root, body: `bob in ${room}:\n> hello ALICE` }));
  assert.is(told.attrs.to, phone.jid);
  assert.is(countOf(phone, room, 'hello ALICE'), 0);
  await phone.close();
  await isThere(bob, room, 'alice');
  say(bob, room, 'alice: later');
  await bob.roundtrip(`${room}/alice`);
  const laptop = await app(world, alice, 'laptop');
  assert.equal((await enter(laptop, room, 'alice')).history, ['bob: hello ALICE', 'bob: alice: later']);
  await askRoot(laptop, root, `room leave ${room.split('@')[0]}`, /You leave/);
  await laptop.received(isOwn(room, 'unavailable'));
  await isThere(bob, room, 'alice', false);
});

scenarios.run();
