/** Entering rooms (XEP-0045 §7.1, §7.2): one occupant upstream, any number of clients. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { NS } from '../src/wire/ns.ts';
import { core, inWorld, like } from './lib/hub.ts';
import { admits, enter, inShort, joining, leaving, occupant, room, said, subject } from './lib/room.ts';

test(
  "the first client's join goes upstream as asked, and it is answered as the room answers",
  inWorld((world) => {
    world.online();
    const phone = world.client('phone').available();
    const desk = world.client('desk').available();
    phone.send(joining('alice', '<password>cauldronburn</password><history maxstanzas="2"/>'));
    assert.is(world.up.length, 1);
    like(world.up[0], `to="${room}/alice"`, 'id="j1"', '<password>cauldronburn</password><history maxstanzas="2"/>');
    like(world.up[0], 'node="urn:xmpproxy"');
    admits(world, 'alice', { history: [said('bob', 'old', { at: '2026-01-02T03:00:00Z' })] });
    const came = phone.take();
    assert.equal(inShort(came), ['bob', 'carol', 'alice 110', 'bob: old', 'subject Cauldron']);
    like(came[2], `to="${phone.address}"`, `jid="${phone.address}"`);
    assert.equal(desk.take(), []);
    assert.equal(phone.facts.rooms, [`${room}/alice`]);
  }),
);

test(
  'a refusal by the room reaches the client as it is, and the room can be tried again',
  inWorld((world) => {
    world.online();
    const phone = world.client('phone').available();
    phone.send(joining('alice'));
    world.server(
      `<presence from="${room}/alice" to="${core}" type="error" id="j1"><x xmlns="${NS.muc}"/><error type="auth" by="${room}"><not-authorized xmlns="${NS.stanzas}"/></error></presence>`,
    );
    like(phone.take()[0], 'type="error"', `by="${room}"`, '<not-authorized');
    assert.equal(phone.facts.rooms, []);
    phone.send(joining('alice', '<password>x</password>'));
    assert.is(world.up.length, 2);
  }),
);

test(
  "a further client's join is answered here in the order of XEP-0045 §7.1, without a word upstream",
  inWorld((world) => {
    world.online();
    const phone = world.client('phone').available();
    enter(world, phone, 'alice', {
      codes: [100, 110, 170, 201],
      history: [said('bob', 'old', { at: '2026-01-02T03:00:00Z' })],
    });
    world.server(occupant('carol', { inside: '<show>away</show>' }));
    world.server(occupant('dave'));
    world.server(occupant('bob', { type: 'unavailable' }));
    world.server(said('carol', 'live'));
    phone.take();
    const desk = world.client('desk').available();
    desk.send(joining('alice', '<password>wrong</password>', 'j7'));
    assert.equal(world.up, []);
    const came = desk.take();
    assert.equal(inShort(came), ['carol', 'dave', 'alice 110 100 170', 'bob: old', 'carol: live', 'subject Cauldron']);
    like(came[0], `to="${desk.address}"`, '<show>away</show>', 'affiliation="member"');
    like(came[2], 'id="j7"', `jid="${desk.address}"`);
    like(came[3], `<delay xmlns="${NS.delay}" from="${room}" stamp="2026-01-02T03:00:00Z"/>`);
    like(came[4], `<delay xmlns="${NS.delay}" from="${room}" stamp="2026-01-02T03:04:05Z"/>`);
    assert.equal(phone.take(), [], 'who is in already gets nothing of it');
    world.server(said('dave', 'now'));
    for (const client of [phone, desk]) {
      const [message, ...more] = client.take();
      like(message, `to="${client.address}"`, 'now');
      assert.not.ok(message!.includes('delay'));
      assert.equal(more, []);
    }
    assert.equal(desk.facts.rooms, [`${room}/alice`]);
  }),
);

test(
  'who asks for another nick is told the true one by status 210',
  inWorld((world) => {
    world.online();
    const phone = world.client('phone').available();
    enter(world, phone, 'alice');
    const desk = world.client('desk').available();
    desk.send(joining('ally'));
    assert.equal(inShort(desk.take()), ['bob', 'carol', 'alice 110 210', 'subject Cauldron']);
    phone.send(joining('alice'));
    assert.equal(
      inShort(phone.take()),
      ['bob', 'carol', 'alice 110', 'subject Cauldron'],
      'lost track, and asks again',
    );
    assert.equal(world.up, []);
  }),
);

test(
  'a nick that the service gives is ours: 210 for who asked another',
  inWorld((world) => {
    world.online();
    const phone = world.client('phone').available();
    phone.send(joining('alice'));
    admits(world, 'Alice of Work', { others: [], codes: [110, 210] });
    assert.equal(inShort(phone.take()), ['Alice of Work 110 210', 'subject Cauldron']);
    const desk = world.client('desk').available();
    desk.send(joining('Alice of Work'));
    assert.equal(inShort(desk.take()), ['Alice of Work 110', 'subject Cauldron']);
  }),
);

test(
  'the subject is always told, be it empty; a change of it is seen by all and told to who comes later',
  inWorld((world) => {
    world.online();
    const phone = world.client('phone').available();
    enter(world, phone, 'alice', { others: [], topic: '' });
    const desk = world.client('desk').available();
    desk.send(joining('alice'));
    const first = desk.take();
    assert.equal(inShort(first), ['alice 110', 'subject']);
    assert.not.ok(first[1]!.includes('delay'), 'nobody knows since when');
    world.server(subject('Bubble'));
    assert.equal(inShort(desk.take()), ['subject Bubble']);
    const pad = world.client('pad').available();
    pad.send(joining('alice'));
    const told = pad.take().at(-1);
    like(told, '<subject>Bubble</subject>', `<delay xmlns="${NS.delay}" from="${room}"`);
    assert.not.ok(told!.includes('<body>'));
  }),
);

test(
  'a join while the first is under way waits for it; each client gets each thing once',
  inWorld((world) => {
    world.online();
    const phone = world.client('phone').available();
    const desk = world.client('desk').available();
    const pad = world.client('pad').available();
    phone.send(joining('alice'));
    world.server(occupant('bob'));
    desk.send(joining('alice'));
    world.server(occupant('alice', { codes: [110] }));
    pad.send(joining('alice'));
    world.server(said('bob', 'old', { at: '2026-01-02T03:00:00Z' }));
    assert.equal(desk.take(), []);
    world.server(subject('Cauldron'));
    world.server(said('bob', 'live'));
    const all = ['bob', 'alice 110', 'bob: old', 'subject Cauldron', 'bob: live'];
    for (const client of [phone, desk, pad]) assert.equal(inShort(client.take()), all);
    assert.is(world.up.length, 1);
  }),
);

test(
  'a room that tells no subject is waited for 10 s; a live message ends the wait too',
  inWorld((world) => {
    world.online();
    const phone = world.client('phone').available();
    const desk = world.client('desk').available();
    phone.send(joining('alice'));
    desk.send(joining('alice'));
    world.server(occupant('alice', { codes: [110] }));
    world.hub.sweep();
    assert.equal(desk.take(), []);
    world.now += 10_000;
    world.hub.sweep();
    assert.equal(inShort(desk.take()), ['alice 110', 'subject']);
    assert.is(phone.take().length, 1);
    phone.send(leaving('alice'));
    desk.send(leaving('alice'));
    world.server(occupant('alice', { codes: [110], type: 'unavailable' }));
    for (const client of [phone, desk]) {
      client.take();
      client.send(joining('alice'));
    }
    world.server(occupant('alice', { codes: [110] }));
    world.server(said('bob', 'live'));
    assert.equal(inShort(desk.take()), ['alice 110', 'subject', 'bob: live']);
    assert.equal(inShort(phone.take()), ['alice 110', 'bob: live']);
  }),
);

test(
  'a room that does not answer: an error for all that wait, and the late answer finds nobody',
  inWorld((world) => {
    world.online();
    const phone = world.client('phone').available();
    const desk = world.client('desk').available();
    phone.send(joining('alice'));
    desk.send(joining('alice'));
    world.up.splice(0);
    world.now += 30_000;
    world.hub.sweep();
    for (const client of [phone, desk]) {
      const came = client.take();
      assert.equal(inShort(came), ['error remote-server-timeout']);
      like(came[0], `from="${room}/alice"`, 'id="j1"');
    }
    assert.equal(world.up, [`<presence to="${room}/alice" type="unavailable"/>`]);
    assert.equal(world.hub.rooms(), []);
  }),
);

test(
  'who waits tries in its turn when the first is refused: its nick or password may be better',
  inWorld((world) => {
    world.online();
    const phone = world.client('phone').available();
    const desk = world.client('desk').available();
    phone.send(joining('bob'));
    desk.send(joining('alice', '', 'j2'));
    world.server(
      `<presence from="${room}/bob" to="${core}" type="error"><error type="cancel"><conflict xmlns="${NS.stanzas}"/></error></presence>`,
    );
    assert.equal(inShort(phone.take()), ['error conflict']);
    assert.is(world.up.length, 2);
    like(world.up[1], `to="${room}/alice"`, 'id="j2"');
    admits(world, 'alice');
    assert.equal(inShort(desk.take()), ['bob', 'carol', 'alice 110', 'subject Cauldron']);
    assert.equal(phone.take(), []);
  }),
);

test(
  'without a nick there is no entering (§7.2.1)',
  inWorld((world) => {
    world.online();
    const phone = world.client('phone').available();
    phone.send(`<presence to="${room}" id="a"><x xmlns="${NS.muc}"/></presence>`);
    assert.equal(inShort(phone.take()), ['error jid-malformed']);
    assert.equal(world.up, []);
  }),
);

test(
  'the account is in 500 rooms at most',
  inWorld((world) => {
    world.online();
    const phone = world.client('phone').available();
    for (let number = 0; number < 501; number++) phone.send(joining('alice').replace('coven@', `room${number}@`));
    assert.is(world.up.length, 500);
    assert.equal(inShort(phone.take()), ['error resource-constraint']);
  }),
);

test.run();
