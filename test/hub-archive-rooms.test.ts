/** What is said in rooms, in the account's archive; and what earlier versions kept apart. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { BareJid } from '../src/wire/jid.ts';
import { NS } from '../src/wire/ns.ts';
import { archived, bodiesIn } from './lib/archived.ts';
import { account, core, inWorld, like } from './lib/hub.ts';
import { admits, enter, inRoom, inShort, joining, room, said } from './lib/room.ts';

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
    assert.equal((await bodiesIn(world)).slice(5), ['new']);
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
  'after a restart a room’s past is in the order in which it came, whatever its clock says',
  inWorld(async (world) => {
    inRoom(world);
    world.now += 900;
    world.server(said('bob', 'before'));
    world.hub.offline();
    world.hub.online(core, false);
    admits(world, 'alice', { history: [said('bob', 'meanwhile', { at: '2026-01-02T03:04:05Z' })] });
    await world.settled();
    const again = await world.again();
    again.hub.online(core, false);
    admits(again, 'alice');
    const phone = again.client('phone').available();
    phone.send(joining('alice'));
    assert.equal(inShort(phone.take()).slice(3, -1), ['bob: before', 'bob: meanwhile']);
  }),
);

test(
  'what an earlier version kept apart is in the archive, once, and is given',
  inWorld(async (world) => {
    const { store } = world;
    const delayed = (at: number) =>
      `<delay xmlns="${NS.delay}" from="${account}" stamp="2026-01-02T03:04:0${at}Z"/></message>`;
    const old = (at: number, body: string) =>
      `<message from="bob@home.example/x" to="${core}" type="chat"><body>${body}</body>${delayed(at)}`;
    const mine = `<message to="bob@home.example" type="chat"><body>mine</body>${delayed(2)}`;
    await store.put(account, 'outbox', '1767323042000000', mine);
    void store.put(account, 'offline', '0000000000000003', old(0, 'three')); // by its sender's clock
    void store.put(account, 'offline', '0000000000000002', old(2, 'two'));
    void store.put(account, 'offline', '0000000000000001', old(1, 'one'));
    const talk = (body: string) => said('bob', body, { at: '2026-01-02T03:04:00Z' });
    void store.put(account, 'room-message', `${room} 0`, `50 ${talk('newer')}`);
    await store.put(account, 'room-message', `${room} 1`, `1 ${talk('talk')}`);
    await store.put(account, 'room', room, JSON.stringify({ nick: 'alice', detached: false, joined: 0 }));
    await store.remove(account, 'meta');
    const again = await world.again();
    assert.equal(await bodiesIn(again), ['mine', 'talk', 'newer', 'one', 'two', 'three']);
    assert.equal([...(await store.read(account, 'offline')), ...(await store.read(account, 'room-message'))], []);
    const third = await again.again();
    assert.is((await bodiesIn(third)).length, 6, 'once');
    third.hub.online(core, false);
    third.archived();
    await third.settled();
    like(
      third.up.find((text) => text.startsWith('<message')),
      mine,
    );
    const phone = third.client('phone', { carbons: true }).available();
    third.pass(10_000);
    await third.settled();
    const got = phone.messages();
    assert.equal(
      got.map((text) => /<body>(\w+)/.exec(text)![1]),
      ['one', 'two', 'three'],
    );
    like(got[0], 'stamp="2026-01-02T03:04:01Z"');
    assert.not.ok(got[0]!.includes(NS.carbons));
  }),
);

test(
  'what is forgotten of a room nobody is told any more, and the room is not asked for it again',
  inWorld(async (world) => {
    const phone = inRoom(world);
    world.server(said('bob', 'secret', { sid: 'h1' }));
    world.server(`<message from="${room}/bob" to="${core}" type="chat" id="pm"><body>psst</body></message>`);
    phone.send(`<presence to="${room}/alice"/>`);
    phone.take();
    world.now += 3_600_000;
    world.hub.forgetting(room as BareJid);
    await world.store.messages.forget(account, { peer: room });
    const tablet = world.client('tablet').available();
    tablet.send(joining('alice'));
    await world.settled();
    assert.not.ok(tablet.take().some((text) => text.includes('secret')));
    const again = await world.again();
    again.now = world.now;
    again.hub.online(core, false);
    like(
      again.up.find((text) => text.includes(`to="${room}/alice"`)),
      `since="${new Date(world.now - 60_000).toISOString().replace('.000', '')}"`,
    );
  }),
);

test.run();
