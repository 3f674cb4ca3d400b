/** Rooms over a restart of the proxy, and what may have been lost with it. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { NS } from '../src/wire/ns.ts';
import { core, inWorld, like } from './lib/hub.ts';
import { admits, gone, inRoom, inShort, joining, joins, leaving, occupant, room, said, subject } from './lib/room.ts';

test(
  'joined rooms survive a restart, with what was said in them',
  inWorld(async (world) => {
    const phone = inRoom(world);
    phone.send(joining('other').replaceAll('coven', 'left'));
    world.server(said('bob', 'before', { sid: 's1' }));
    const again = await world.again();
    assert.equal(
      again.hub.rooms().map(({ room, nick, isIn }) => ({ room, nick, isIn })),
      [{ room, nick: 'alice', isIn: false }],
      'not the one that never was entered',
    );
    const early = again.client('early');
    early.send(joining('alice'));
    again.hub.online(core, false);
    const [join] = joins(again);
    like(join, `to="${room}/alice"`, 'since="2026-01-02T03:03:05Z"', 'away from the keyboard');
    admits(again, 'alice', {
      history: [said('bob', 'meanwhile', { sid: 's2', at: '2026-01-02T03:04:30Z' })],
    });
    again.server(said('bob', 'after', { sid: 's3' }));
    const all = ['bob', 'carol', 'alice 110', 'bob: before', 'bob: meanwhile', 'subject Cauldron', 'bob: after'];
    assert.equal(inShort(early.take()), all);
    assert.equal(joins(again), []);
    const third = await world.again();
    third.hub.online(core, false);
    third.up.splice(0);
    const desk = third.client('desk');
    desk.send(leaving('alice'));
    third.server(gone([110]));
    const last = await world.again();
    assert.equal(last.hub.rooms(), [], 'what was left is left');
    assert.equal(await last.store.read('alice@work.example', 'room-message'), []);
  }),
);

test(
  'what the server sends once more of an earlier session is heard once, before and after the room tells it',
  inWorld((world) => {
    const phone = inRoom(world, { others: [] });
    world.server(said('bob', 'known'));
    phone.take();
    world.hub.offline();
    world.hub.online(core, false);
    const again = (body: string, at: string) =>
      said('bob', body, { inside: `<delay xmlns="${NS.delay}" from="work.example" stamp="${at}">Resent</delay>` });
    world.server(again('known', '2026-01-02T03:04:05.9Z'));
    world.server(again('missed', '2026-01-02T03:04:31.2Z'));
    world.server(subject('Older'));
    admits(world, 'alice', {
      others: [],
      history: [
        said('bob', 'known', { at: '2026-01-02T03:04:05Z' }),
        said('bob', 'missed', { at: '2026-01-02T03:04:31Z' }),
        said('bob', 'more', { at: '2026-01-02T03:04:32Z' }),
      ],
    });
    world.server(again('more', '2026-01-02T03:04:32.1Z'));
    world.server(again('only here', '2026-01-02T03:04:33Z'));
    assert.equal(inShort(phone.take()), ['bob: missed', 'bob: more', 'bob: only here']);
  }),
);

test(
  'after a restart nobody waits for ever while the server is away',
  inWorld(async (world) => {
    inRoom(world);
    const again = await world.again();
    const phone = again.client('phone');
    phone.send(joining('alice'));
    assert.equal(phone.take(), []);
    again.now += 30_000;
    again.hub.sweep();
    assert.equal(inShort(phone.take()), ['error remote-server-timeout']);
  }),
);

test(
  'a client that is attached again is in the rooms it was in',
  inWorld(async (world) => {
    inRoom(world, { others: [] });
    const again = await world.again();
    const phone = again.client('phone', { presence: '<presence/>', rooms: [`${room}/alice`, 'new@muc.example/ally'] });
    assert.not.ok(
      phone.take().some((text) => text.includes('@muc')),
      'it knows',
    );
    again.hub.online(core, false);
    like(
      again.up.find((text) => text.includes('new@muc.example')),
      'to="new@muc.example/ally"',
      'since="2026-',
    );
    admits(again, 'alice', { others: ['bob'], topic: '' });
    again.server(said('bob', 'hi'));
    assert.equal(inShort(phone.take().filter((text) => text.includes('coven'))), [
      ...['bob', 'alice 110', 'subject', 'bob: hi'],
    ]);
  }),
);

test(
  'what we said and nobody knows whether the room has it goes again only if it has not',
  inWorld((world) => {
    const phone = inRoom(world);
    const message = (id: string) => `<message to="${room}" type="groupchat" id="${id}"><body>${id}</body></message>`;
    for (const id of ['one', 'two']) phone.send(message(id));
    world.up.splice(0);
    world.hub.offline();
    world.hub.online(core, false);
    world.archived();
    assert.not.ok(world.up.some((text) => text.startsWith('<message')));
    admits(world, 'alice', { history: [said('alice', 'one', { at: '2026-01-02T03:04:30Z' })] });
    const sent = world.up.filter((text) => text.startsWith('<message'));
    assert.is(sent.length, 1);
    like(sent[0], `to="${room}"`, 'id="two"', `<delay xmlns="${NS.delay}"`);
    assert.equal(inShort(phone.take()), ['alice: one']);
  }),
);

test(
  'what waits for a room to let us in again is kept until the server has it',
  inWorld(async (world) => {
    const phone = inRoom(world);
    phone.send(`<message to="${room}" type="groupchat" id="one"><body>one</body></message>`);
    const kept = async () => (await world.store.read('alice@work.example', 'outbox')).length;
    world.hub.offline();
    world.hub.online(core, false);
    world.archived();
    await new Promise(setImmediate);
    assert.is(await kept(), 1, 'a hub that dies now has not lost it');
    world.server(occupant('alice', { codes: [110] }));
    world.hub.offline();
    world.now += 60_000;
    world.hub.sweep(); // the end of the history is not waited for without end
    world.up.splice(0);
    await new Promise(setImmediate);
    assert.is(await kept(), 1);
    world.hub.online(core, true);
    assert.is(world.up.filter((text) => text.startsWith('<message')).length, 1);
    assert.is(await kept(), 1);
    world.acknowledge();
    assert.is(await kept(), 0);
  }),
);

test.run();
