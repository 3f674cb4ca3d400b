/** A room that does not let us in again, at once or at all. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { NS } from '../src/wire/ns.ts';
import { core, inWorld, like } from './lib/hub.ts';
import { admits, gone, inRoom, inShort, joining, joins, occupant, refused, room, subject } from './lib/room.ts';

test(
  'our nick was taken meanwhile: we enter under another, and clients see the change',
  inWorld((world) => {
    const phone = inRoom(world, { others: [] });
    world.hub.offline();
    world.hub.online(core, false);
    world.server(refused('conflict'));
    const tries = joins(world);
    assert.is(tries.length, 2);
    like(tries[1], `to="${room}/alice_"`);
    world.server(occupant('alice', { jid: 'mallory@home.example/x' }));
    world.server(occupant('alice_', { codes: [110], jid: core }));
    world.server(subject('Cauldron'));
    const came = phone.take();
    assert.equal(inShort(came), ['alice', 'alice_ 110']);
  }),
);

test(
  'another nick than before is told as a change of nick',
  inWorld((world) => {
    const phone = inRoom(world, { others: [] });
    world.hub.offline();
    world.hub.online(core, false);
    world.server(occupant('Alice', { codes: [110, 210], jid: core }));
    const came = phone.take();
    assert.equal(inShort(came), ['-alice 303 110', 'Alice 110 210']);
    like(came[0], 'nick="Alice"');
  }),
);

const refusals: [condition: string, shown: RegExp][] = [
  ['forbidden', /<status code="110"\/><status code="301"\/>/],
  ['registration-required', /<status code="110"\/><status code="321"\/>/],
  ['gone', /<destroy\/><status code="110"\/>/],
  ['not-authorized', /<status code="110"\/><status code="333"\/>/],
];
for (const [condition, shown] of refusals)
  test(
    `the room does not let us in again (${condition}): the clients in it are told, and it is given up`,
    inWorld((world) => {
      const phone = inRoom(world);
      world.hub.offline();
      world.hub.online(core, false);
      world.server(refused(condition));
      const came = phone.take();
      assert.is(came.length, 1);
      like(came[0], 'type="unavailable"', `from="${room}/alice"`, shown);
      assert.equal(world.hub.rooms(), []);
      assert.equal(phone.facts.rooms, []);
    }),
  );

test(
  'a service that is away for a while is tried again, later each time; clients are told after a minute',
  inWorld((world) => {
    const phone = inRoom(world);
    world.hub.offline();
    world.hub.online(core, false);
    world.server(refused('remote-server-not-found'));
    world.up.splice(0);
    const waits: number[] = [];
    for (let seconds = 0; seconds < 100 && waits.length < 3; seconds++) {
      world.now += 1000;
      world.hub.sweep();
      if (joins(world).length === 0) continue;
      waits.push(seconds + 1);
      world.server(refused('remote-server-not-found'));
    }
    assert.equal(waits, [1, 3, 7]);
    assert.equal(phone.take(), []);
    assert.equal(world.hub.rooms()[0]?.isIn, false);
    phone.send(`<iq type="get" id="p" to="${room}/alice"><ping xmlns="${NS.ping}"/></iq>`);
    like(phone.take()[0], 'type="result"');
    world.now += 54_000;
    world.hub.sweep();
    assert.equal(inShort(phone.take()), ['-alice 110 333']);
    phone.send(`<iq type="get" id="p" to="${room}/alice"><ping xmlns="${NS.ping}"/></iq>`);
    like(phone.take()[0], 'not-acceptable');
    phone.send(joining('alice'));
    like(joins(world)[0], 'since=');
    admits(world, 'alice');
    assert.equal(inShort(phone.take()), ['bob', 'carol', 'alice 110', 'subject Cauldron']);
  }),
);

test(
  'a room that is not there is waited for: somebody may be making it anew; in the end it is gone',
  inWorld((world) => {
    const phone = inRoom(world);
    world.hub.offline();
    world.hub.online(core, false);
    let tries = 1;
    world.server(refused('item-not-found'));
    for (let seconds = 0; seconds < 120 && world.hub.rooms().length > 0; seconds++) {
      world.up.splice(0);
      world.now += 1000;
      world.hub.sweep();
      if (joins(world).length === 0) continue;
      tries++;
      world.server(refused('item-not-found'));
    }
    assert.is(tries, 7);
    assert.equal(inShort(phone.take()), ['-alice 110 333']);
    assert.equal(world.hub.rooms(), []);
  }),
);

test(
  'a client that asks to enter meanwhile gets an error as soon as it is known',
  inWorld((world) => {
    const phone = inRoom(world);
    world.hub.offline();
    world.hub.online(core, false);
    const desk = world.client('desk');
    phone.take();
    desk.send(joining('alice'));
    world.server(refused('remote-server-not-found'));
    assert.equal(inShort(desk.take()), ['error recipient-unavailable']);
    assert.equal(phone.take(), []);
  }),
);

for (const codes of [[110, 332], [110, 307, 333], [110]])
  test(
    `taken out by nobody's will (${codes.join(' ')}): we enter again by ourselves, and clients hear of it only if that takes long`,
    inWorld((world) => {
      const phone = inRoom(world);
      world.server(gone(codes));
      assert.equal(phone.take(), []);
      world.now += 1000;
      world.hub.sweep();
      assert.is(joins(world).length, 1);
      admits(world, 'alice', { others: ['bob'] });
      assert.equal(inShort(phone.take()), ['-carol']);
      world.server(gone(codes));
      world.now += 1900;
      world.hub.sweep();
      assert.equal(joins(world), [], 'not so soon again');
      world.now += 58_100;
      world.hub.sweep();
      assert.equal(inShort(phone.take()), [`-alice ${codes.join(' ')}`]);
      assert.is(world.hub.rooms().length, 1, 'and goes on trying');
    }),
  );

test(
  'a room that is made anew by our return is opened for the others',
  inWorld((world) => {
    inRoom(world);
    world.hub.offline();
    world.hub.online(core, false);
    world.up.splice(0);
    world.server(occupant('alice', { codes: [110, 201] }));
    like(
      world.up[0],
      `type="set"`,
      `to="${room}"`,
      `<query xmlns="${NS.mucOwner}"><x xmlns="${NS.data}" type="submit"/>`,
    );
  }),
);

test.run();
