/** Rooms over an outage of the server: we enter again for what was missed, and clients see what is different. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { NS } from '../src/wire/ns.ts';
import { core, inWorld, like } from './lib/hub.ts';
import {
  admits,
  enter,
  gone,
  inRoom,
  inShort,
  joining,
  joins,
  leaving,
  occupant,
  room,
  said,
  subject,
} from './lib/room.ts';

test(
  'the end of an earlier stay that comes late does not end the new one',
  inWorld((world) => {
    const phone = inRoom(world);
    world.hub.offline();
    world.hub.online(core, false);
    world.server(gone([110]));
    admits(world, 'alice');
    assert.equal(phone.take(), []);
    assert.is(world.hub.rooms()[0]?.isIn, true);
  }),
);

test(
  'a resumed session upstream changes nothing',
  inWorld((world) => {
    const phone = inRoom(world);
    world.hub.offline();
    world.hub.online(core, true);
    assert.equal(joins(world), []);
    world.server(said('bob', 'hi'));
    assert.equal(inShort(phone.take()), ['bob: hi']);
  }),
);

test(
  'a new session upstream: we enter again with nick, password and status, for what was missed',
  inWorld((world) => {
    world.online();
    const phone = world.client('phone').available('<show>dnd</show>');
    phone.send(joining('alice', '<password>cauldronburn</password><history maxstanzas="0"/>'));
    admits(world, 'alice');
    world.now += 600_000; // 03:14:05
    world.server(said('bob', 'last'));
    world.hub.offline();
    world.up.splice(0);
    world.hub.online(core, false);
    const [join, ...more] = joins(world);
    assert.equal(more, []);
    like(join, `<presence to="${room}/alice">`, '<show>dnd</show>', 'node="urn:xmpproxy"');
    like(join, `<x xmlns="${NS.muc}"><history since="2026-01-02T03:13:05Z"/><password>cauldronburn</password></x>`);
  }),
);

test(
  'clients that stayed see what is different, and nothing else',
  inWorld((world) => {
    const phone = inRoom(world, { others: ['bob', 'carol', 'dave'], codes: [100, 110] });
    world.hub.offline();
    world.hub.online(core, false);
    world.server(occupant('bob'));
    world.server(occupant('dave', { role: 'moderator' }));
    world.server(occupant('erin'));
    world.server(occupant('alice', { codes: [100, 110], jid: core }));
    world.server(subject('Cauldron'));
    assert.equal(inShort(phone.take()), ['dave', 'erin', '-carol']);
    world.server(said('erin', 'hi'));
    assert.equal(inShort(phone.take()), ['erin: hi']);
    world.hub.offline();
    world.hub.online(core, false);
    world.server(occupant('erin'));
    world.server(occupant('alice', { codes: [110], jid: core, role: 'visitor' }));
    world.server(subject('Bubble'));
    assert.equal(
      inShort(phone.take()),
      ['-bob', '-dave', 'alice 110', 'erin: hi'].slice(0, 3).concat('subject Bubble'),
    );
    const desk = world.client('desk').available();
    desk.send(joining('alice'));
    assert.equal(inShort(desk.take()), ['erin', 'alice 110', 'erin: hi', 'subject Bubble']);
  }),
);

const seen: Record<string, [live: string, told: string]> = {
  "the room's id": [
    said('bob', 'known', { id: 'a', sid: 's1' }),
    said('bob', 'known', { id: 'other', sid: 's1', at: '2026-01-02T03:04:05Z' }),
  ],
  'sender and id': [said('bob', 'known', { id: 'a' }), said('bob', 'known', { id: 'a', at: '2026-01-02T03:04:00Z' })],
  'words and time': [said('bob', 'known', { id: '' }), said('bob', 'known', { id: '', at: '2026-01-02T03:04:07Z' })],
};
for (const [by, [live, told]] of Object.entries(seen))
  test(
    `what was missed is heard once and in order, without doubles: known by ${by}`,
    inWorld((world) => {
      const phone = inRoom(world);
      world.server(said('bob', 'first', { id: 'f', sid: 's0' }));
      world.server(live);
      phone.take();
      world.hub.offline();
      world.now += 60_000;
      world.hub.online(core, false);
      admits(world, 'alice', {
        history: [
          said('bob', 'before us', { at: '2026-01-02T02:00:00Z' }),
          said('bob', 'first', { id: 'f', sid: 's0', at: '2026-01-02T03:04:05Z' }),
          told,
          said('bob', 'known', { id: 'b', sid: 's3', at: '2026-01-02T03:04:50Z' }),
          said('carol', 'missed', { at: '2026-01-02T03:04:55Z' }),
        ],
      });
      const came = phone.take();
      assert.equal(inShort(came), ['bob: known', 'carol: missed']);
      like(came[1], `<delay xmlns="${NS.delay}" from="${room}" stamp="2026-01-02T03:04:55Z"/>`);
      const desk = world.client('desk').available();
      desk.send(joining('alice', '<history maxstanzas="4"/>'));
      assert.equal(inShort(desk.take()).slice(-5), [
        ...['bob: first', 'bob: known', 'bob: known', 'carol: missed', 'subject Cauldron'],
      ]);
    }),
  );

test(
  'what was said in the very second in which we came is missed no less',
  inWorld((world) => {
    world.now += 900;
    const phone = inRoom(world);
    world.hub.offline();
    world.hub.online(core, false);
    admits(world, 'alice', {
      history: [said('bob', 'old', { at: '2026-01-02T03:04:04Z' }), said('bob', 'new', { at: '2026-01-02T03:04:05Z' })],
    });
    assert.equal(inShort(phone.take()), ['bob: new']);
  }),
);

test(
  'where nothing of the history is known, what is older than what we saw is not told',
  inWorld((world) => {
    const phone = inRoom(world);
    world.now += 600_000;
    world.server(said('bob', 'last'));
    phone.take();
    world.hub.offline();
    world.hub.online(core, false);
    admits(world, 'alice', {
      history: [said('bob', 'old', { at: '2026-01-02T03:05:00Z' }), said('bob', 'new', { at: '2026-01-02T03:14:30Z' })],
    });
    assert.equal(inShort(phone.take()), ['bob: new']);
  }),
);

test(
  'a join while we enter again waits for it',
  inWorld((world) => {
    const phone = inRoom(world);
    world.hub.offline();
    world.hub.online(core, false);
    const desk = world.client('desk').available();
    phone.take();
    desk.send(joining('alice'));
    assert.equal(desk.take(), []);
    admits(world, 'alice', { history: [said('bob', 'missed', { at: '2026-01-02T03:04:30Z' })] });
    assert.equal(inShort(phone.take()), ['bob: missed']);
    assert.equal(inShort(desk.take()), ['bob', 'carol', 'alice 110', 'bob: missed', 'subject Cauldron']);
  }),
);

test(
  'while the server is away the room is as it was last seen',
  inWorld((world) => {
    inRoom(world);
    world.hub.offline();
    const desk = world.client('desk');
    desk.send(joining('alice'));
    assert.equal(inShort(desk.take()), ['bob', 'carol', 'alice 110', 'subject Cauldron']);
    desk.send(`<message to="${room}" type="groupchat" id="m"><body>x</body></message>`);
    assert.equal(inShort(desk.take()), ['error recipient-unavailable']);
  }),
);

test(
  'a first join while the server is away goes when it is back, or fails in time',
  inWorld((world) => {
    const phone = world.client('phone');
    phone.send(joining('alice'));
    assert.equal(phone.take(), []);
    world.hub.online(core, false);
    assert.is(joins(world).length, 1);
    admits(world, 'alice', { others: [] });
    assert.equal(inShort(phone.take()), ['alice 110', 'subject Cauldron']);
    world.hub.offline();
    phone.send(joining('alice').replaceAll('coven', 'other'));
    world.now += 30_000;
    world.hub.sweep();
    assert.equal(inShort(phone.take()), ['error remote-server-timeout']);
    world.hub.online(core, true);
    assert.not.ok(world.up.some((text) => text.includes('other@')));
  }),
);

test(
  'a leave while the server is away: answered at once, and made true when it is back',
  inWorld((world) => {
    const phone = inRoom(world);
    world.hub.offline();
    phone.send(leaving('alice'));
    assert.equal(inShort(phone.take()), ['-alice 110']);
    world.now += 60_000;
    world.hub.sweep();
    world.hub.online(core, true);
    const left = `<presence to="${room}/alice" type="unavailable" id="l1"/>`;
    assert.is(world.up.splice(0).filter((text) => text === left).length, 1);
    world.server(gone([110]));
    enter(world, phone);
    world.hub.offline();
    phone.send(leaving('alice'));
    world.hub.online(core, false);
    assert.equal(joins(world), [], 'the new session has never been there');
    assert.equal(world.hub.rooms(), []);
  }),
);

test.run();
