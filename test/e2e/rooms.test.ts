/** Rooms of real servers: two apps in one, who leaves and who is thrown out, and what stays over restarts of either side. */
import * as assert from 'uvu/assert';
import { NS } from '../../src/wire/ns.ts';
import { xml } from '../../src/wire/xml.ts';
import {
  atServer,
  codes,
  countOf,
  enter,
  hears,
  isOwn,
  isThere,
  leave,
  newRoom,
  nickOf,
  say,
} from '../lib/occupant.ts';
import { isMessage, isPresence } from '../lib/party.ts';
import { askRoot } from '../lib/proxy.ts';
import { login, type RawClient } from '../lib/raw.ts';
import type { Account } from '../lib/servers.ts';
import { Scenarios, until, type World } from '../lib/world.ts';

const scenarios = new Scenarios();

async function app({ proxy }: World, account: Account, resource: string): Promise<RawClient> {
  const client = await proxy.login(account, { resource });
  client.send('<presence/>');
  await client.roundtrip();
  return client;
}

async function cast(world: World) {
  const room = newRoom(world.server);
  const alice = await world.proxy.account(world.server, 'alice');
  const bob = await atServer(world.server, room, 'bob');
  const [phone, laptop] = [await app(world, alice, 'phone'), await app(world, alice, 'laptop')];
  return { room, alice, bob, phone, laptop };
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
  const carol = await atServer(world.server, room, 'carol');
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
