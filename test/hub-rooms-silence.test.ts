/** Rooms that say nothing (XEP-0410), and rooms that shall say nothing to the apps. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { NS } from '../src/wire/ns.ts';
import { core, inWorld, like } from './lib/hub.ts';
import { admits, gone, inRoom, inShort, joining, joins, occupant, room, said, subject } from './lib/room.ts';

test(
  'a room that is silent for 15 minutes is asked whether we are in (XEP-0410)',
  inWorld((world) => {
    const phone = inRoom(world);
    const pings = () => world.up.splice(0).filter((text) => text.includes(NS.ping));
    const answer = (ping: string, body: string, type = 'error') =>
      world.server(`<iq type="${type}" id="${/id="([\w-]+)"/.exec(ping)![1]}" from="${room}/alice">${body}</iq>`);
    const error = (condition: string) => `<error type="cancel"><${condition} xmlns="${NS.stanzas}"/></error>`;
    const quarter = () => {
      world.now += 15 * 60_000;
      world.hub.sweep();
      return pings();
    };
    world.now += 10 * 60_000;
    world.server(said('bob', 'hi'));
    world.now += 10 * 60_000;
    world.hub.sweep();
    assert.equal(pings(), []);
    world.now += 5 * 60_000;
    world.hub.sweep();
    const [first] = pings();
    like(first, `to="${room}/alice"`, 'type="get"');
    world.hub.sweep();
    assert.equal(pings(), [], 'one at a time');
    answer(first!, '', 'result');
    for (const condition of [
      'service-unavailable',
      'feature-not-implemented',
      'item-not-found',
      'remote-server-timeout',
    ]) {
      const [ping] = quarter();
      answer(ping!, error(condition));
      assert.equal(joins(world), [], condition);
    }
    const [ping] = quarter();
    answer(ping!, error('not-acceptable'));
    assert.is(joins(world).length, 1);
    phone.take();
    admits(world, 'alice', { others: ['bob'] });
    assert.equal(inShort(phone.take()), ['-carol']);
  }),
);

test(
  'many silent rooms are not asked all at once',
  inWorld((world) => {
    world.online();
    const phone = world.client('phone').available();
    for (let number = 0; number < 100; number++) {
      const address = `room${number}@muc.example`;
      phone.send(joining('alice').replace(room, address));
      world.server(occupant('alice', { codes: [110] }).replace(room, address));
      world.server(subject().replace(room, address));
    }
    world.up.splice(0);
    world.now += 15 * 60_000;
    world.hub.sweep();
    assert.is(world.up.splice(0).length, 5);
    world.hub.sweep();
    assert.is(world.up.splice(0).length, 5);
  }),
);

test(
  'a detached room: clients are out of it, the account is in, and root relays what is said to us',
  inWorld(async (world) => {
    const phone = inRoom(world);
    assert.is(world.hub.room(room as never, 'detach'), true);
    assert.equal(inShort(phone.take()), ['-alice 110']);
    assert.equal(world.up, []);
    world.server(said('bob', 'nothing of note about Alicent'));
    world.server(said('bob', 'ALICE: look\n/whois root', { id: 'm' }));
    world.server(said('alice', 'alice is me'));
    world.server(`<message from="${room}/bob" to="${core}" type="chat" id="p"><body>psst</body></message>`);
    assert.equal(phone.take(), []);
    assert.equal(world.told, [`bob in ${room}:\n> ALICE: look\n> /whois root`, `bob in ${room} (private):\n> psst`]);
    for (let number = 0; number < 30; number++) world.server(said('bob', 'alice!', { id: `n${number}` }));
    assert.is(world.told.length, 10, 'a minute has an end');
    const [kept] = await world.store.read('alice@work.example', 'room');
    like(kept?.value, '"detached":true');
    phone.send(joining('alice', '<history maxstanzas="1"/>'));
    assert.equal(inShort(phone.take()), ['bob', 'carol', 'alice 110', 'bob: alice!', 'subject Cauldron', 'bob: psst']);
    assert.is(world.hub.rooms()[0]?.detached, false, 'who enters attaches it');
    world.now += 60_000;
    world.server(said('bob', 'alice', { id: 'o' }));
    assert.is(world.told.length, 10);
    assert.is(world.hub.room(room as never, 'leave'), true);
    assert.equal(world.up.splice(0), [`<presence to="${room}/alice" type="unavailable"/>`]);
    world.server(gone([110]));
    phone.take();
    assert.is(world.hub.room(room as never, 'attach'), false);
  }),
);

test.run();
