/** Ways out of a room, and other changes in it (XEP-0045 §7.6, §7.14, §8, §9): who sees them, and who is in no more. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { NS } from '../src/wire/ns.ts';
import { core, inWorld, like } from './lib/hub.ts';
import { admits, enter, inShort, joining, leaving, occupant, room, said } from './lib/room.ts';

test(
  'one leaves, the other stays and hears; the last one to leave takes the account along',
  inWorld((world) => {
    world.online();
    const phone = world.client('phone').available();
    const desk = world.client('desk').available();
    enter(world, phone);
    desk.send(joining('alice'));
    desk.take();
    phone.send(leaving('alice'));
    assert.equal(world.up, []);
    const parted = phone.take();
    assert.equal(inShort(parted), ['-alice 110']);
    like(parted[0], 'id="l1"', 'affiliation="member"', 'role="none"');
    assert.equal(desk.take(), []);
    world.server(said('bob', 'still there?'));
    assert.equal(phone.take(), []);
    assert.equal(inShort(desk.take()), ['bob: still there?']);
    assert.equal(phone.facts.rooms, []);
    desk.send('<presence to="coven@muc.example/alice" type="unavailable"><status>off to Endor</status></presence>');
    assert.equal(world.up, [
      `<presence to="${room}/alice" type="unavailable"><status>off to Endor</status></presence>`,
    ]);
    world.server(occupant('alice', { codes: [110], type: 'unavailable' }));
    assert.equal(inShort(desk.take()), ['-alice 110']);
    assert.equal(world.hub.rooms(), []);
    phone.send(joining('alice'));
    assert.is(world.up.length, 2, 'a new stay begins');
  }),
);

test(
  'who asks to enter while the account leaves enters anew, without what was',
  inWorld((world) => {
    world.online();
    const phone = world.client('phone').available();
    const desk = world.client('desk').available();
    enter(world, phone);
    world.server(said('bob', 'before'));
    phone.send(leaving('alice'));
    desk.send(joining('alice'));
    assert.is(world.up.length, 1);
    phone.take();
    world.server(occupant('alice', { codes: [110], type: 'unavailable' }));
    assert.equal(inShort(phone.take()), ['-alice 110']);
    assert.is(world.up.length, 2);
    admits(world, 'alice');
    assert.equal(inShort(desk.take()), ['bob', 'carol', 'alice 110', 'subject Cauldron']);
  }),
);

test(
  'a service that does not confirm the leave is not waited for long',
  inWorld((world) => {
    world.online();
    const phone = world.client('phone').available();
    enter(world, phone);
    phone.send(leaving('alice'));
    world.now += 10_000;
    world.hub.sweep();
    assert.equal(inShort(phone.take()), ['-alice 110']);
    assert.equal(world.hub.rooms(), []);
  }),
);

test(
  'a client that merely drops, or is unavailable, is out; the account stays in',
  inWorld((world) => {
    world.online();
    const phone = world.client('phone').available();
    enter(world, phone);
    phone.send('<presence type="unavailable"/>');
    world.server(said('bob', 'one'));
    assert.is(phone.take().filter((text) => text.startsWith('<message')).length, 0);
    phone.available();
    phone.send(joining('alice'));
    phone.take();
    phone.leave();
    assert.not.ok(world.up.some((text) => text.includes(room) && text.includes('unavailable')));
    world.server(said('bob', 'two'));
    const desk = world.client('desk').available();
    desk.send(joining('alice'));
    assert.equal(inShort(desk.take()), ['bob', 'carol', 'alice 110', 'bob: one', 'bob: two', 'subject Cauldron']);
  }),
);

test(
  'the join of a client that drops meanwhile is seen through; one that waits and drops is forgotten',
  inWorld((world) => {
    world.online();
    const phone = world.client('phone').available();
    const desk = world.client('desk').available();
    phone.send(joining('alice'));
    desk.send(joining('alice'));
    phone.leave();
    desk.leave();
    admits(world, 'alice');
    assert.equal(
      world.hub.rooms().map(({ isIn, clients, occupants }) => ({ isIn, clients, occupants })),
      [{ isIn: true, clients: 0, occupants: 3 }],
    );
  }),
);

for (const [what, codes, inside] of [
  ['kicked', [110, 307], ''],
  ['banned', [110, 301], ''],
  ['not affiliated any more', [110, 321], ''],
  ['not a member where only members may be', [110, 322], ''],
] as const)
  test(
    `${what}: all clients in the room see it, and are in no more`,
    inWorld((world) => {
      world.online();
      const phone = world.client('phone').available();
      const desk = world.client('desk').available();
      const pad = world.client('pad').available();
      enter(world, phone);
      desk.send(joining('alice'));
      desk.take();
      world.server(occupant('alice', { codes, type: 'unavailable', inside, jid: core }));
      for (const client of [phone, desk]) {
        const came = client.take();
        assert.equal(inShort(came), [`-alice ${codes.join(' ')}`]);
        like(came[0], `jid="${client.address}"`);
        assert.equal(client.facts.rooms, []);
      }
      assert.equal(pad.take(), []);
      assert.equal(world.hub.rooms(), []);
      world.server(said('bob', 'late'));
      assert.equal(phone.take(), []);
      phone.send(joining('alice'));
      assert.is(world.up.length, 1);
    }),
  );

test(
  'a room that is destroyed says where to go',
  inWorld((world) => {
    world.online();
    const phone = world.client('phone').available();
    enter(world, phone);
    world.server(
      `<presence from="${room}/alice" to="${core}" type="unavailable"><x xmlns="${NS.mucUser}"><item affiliation="none" role="none"/><destroy jid="other@muc.example"/><status code="110"/></x></presence>`,
    );
    like(phone.take()[0], '<destroy jid="other@muc.example"/>');
    assert.equal(world.hub.rooms(), []);
  }),
);

test(
  'other occupants come, go, change nick, role and affiliation before the eyes of all',
  inWorld((world) => {
    world.online();
    const phone = world.client('phone').available();
    const desk = world.client('desk').available();
    enter(world, phone);
    desk.send(joining('alice'));
    desk.take();
    const happenings = [
      occupant('dave'),
      occupant('bob', { role: 'moderator' }),
      occupant('carol', { type: 'unavailable', codes: [303], nick: 'caro' }),
      occupant('caro'),
      occupant('dave', { type: 'unavailable', codes: [307] }),
    ];
    for (const happening of happenings) world.server(happening);
    for (const client of [phone, desk])
      assert.equal(inShort(client.take()), ['dave', 'bob', '-carol 303', 'caro', '-dave 307']);
    const pad = world.client('pad').available();
    pad.send(joining('alice'));
    const came = pad.take();
    assert.equal(inShort(came), ['bob', 'caro', 'alice 110', 'subject Cauldron']);
    like(came[0], 'role="moderator"');
    assert.not.ok(
      world
        .client('late')
        .available()
        .take()
        .some((text) => text.includes(room)),
      'occupants are no contacts',
    );
  }),
);

test(
  'our own change of nick is seen by all, and is ours from then on',
  inWorld((world) => {
    world.online();
    const phone = world.client('phone').available();
    const desk = world.client('desk').available();
    enter(world, phone);
    desk.send(joining('alice'));
    desk.take();
    phone.send(`<presence to="${room}/ally" id="n"/>`);
    assert.is(world.up.length, 1);
    like(world.up[0], `<presence to="${room}/ally" id="n"`);
    world.server(
      `<presence from="${room}/ally" to="${core}" type="error"><error type="cancel"><conflict xmlns="${NS.stanzas}"/></error></presence>`,
    );
    assert.equal(inShort(phone.take()), ['error conflict']);
    assert.equal(desk.take(), [], 'who did not ask is not told');
    phone.send(`<presence to="${room}/ally" id="n"/>`);
    world.server(occupant('alice', { type: 'unavailable', codes: [303, 110], nick: 'ally' }));
    world.server(occupant('ally', { codes: [110] }));
    for (const client of [phone, desk]) assert.equal(inShort(client.take()), ['-alice 303 110', 'ally 110']);
    const pad = world.client('pad').available();
    pad.send(joining('alice'));
    assert.equal(inShort(pad.take()), ['bob', 'carol', 'ally 110 210', 'subject Cauldron']);
    desk.send(leaving('alice'));
    pad.send(leaving('alice'));
    world.up.splice(0);
    phone.send(leaving('alice'));
    assert.equal(world.up, [`<presence to="${room}/ally" type="unavailable" id="l1"/>`]);
  }),
);

test(
  'presence of a client that is not in is told so (§7.2.17), without a word upstream',
  inWorld((world) => {
    world.online();
    const phone = world.client('phone').available();
    enter(world, phone);
    const desk = world.client('desk').available();
    desk.send(`<presence to="${room}/alice"><show>away</show></presence>`);
    assert.equal(inShort(desk.take()), ['-alice 110 307 333']);
    assert.equal(world.up, []);
  }),
);

test(
  'presence of a room that we are not in is nobody’s contact',
  inWorld((world) => {
    world.online();
    const phone = world.client('phone').available();
    world.server(occupant('bob'));
    assert.is(phone.take().length, 1);
    const desk = world.client('desk');
    desk.send('<presence/>');
    assert.not.ok(desk.take().some((text) => text.includes(room)));
  }),
);

test.run();
