/** Entering and leaving rooms (XEP-0045 §7.1, §7.2, §7.14): one occupant upstream, any number of clients. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { NS } from '../src/wire/ns.ts';
import { account, core, inWorld, like } from './lib/hub.ts';
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
    assert.equal(phone.facts.rooms, [room]);
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
    assert.equal(desk.facts.rooms, [room]);
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
    assert.equal(inShort(desk.take()), ['alice 110', 'subject']);
    world.server(subject('Bubble'));
    assert.equal(inShort(desk.take()), ['subject Bubble']);
    const pad = world.client('pad').available();
    pad.send(joining('alice'));
    const told = pad.take().at(-1);
    like(told, '<subject>Bubble</subject>', `<delay xmlns="${NS.delay}" from="${room}"`);
    assert.not.ok(told!.includes('<body>'));
  }),
);

const history = (attrs: string): string => `<history ${attrs}/>`;

test(
  'history as the client asks for it: maxstanzas, maxchars, seconds, since, and all of them together',
  inWorld((world) => {
    world.online();
    const phone = world.client('phone').available();
    enter(world, phone, 'alice', { others: [] });
    const start = world.now;
    for (let number = 1; number <= 5; number++) {
      world.now = start + number * 60_000; // 03:05:05 to 03:09:05
      world.server(said('bob', `m${number}`));
    }
    const asks = (attrs: string | undefined): string[] => {
      phone.take();
      phone.send(joining('alice', attrs === undefined ? '' : history(attrs)));
      return inShort(phone.take())
        .slice(1, -1)
        .map((text) => text.replace('bob: ', ''));
    };
    assert.equal(asks(undefined), ['m1', 'm2', 'm3', 'm4', 'm5']);
    assert.equal(asks('maxstanzas="2"'), ['m4', 'm5']);
    assert.equal(asks('maxstanzas="0"'), []);
    assert.equal(asks('maxchars="0"'), []);
    assert.equal(asks('seconds="60"'), ['m4', 'm5']);
    assert.equal(asks('since="2026-01-02T03:07:00Z"'), ['m3', 'm4', 'm5']);
    assert.equal(asks('since="2026-01-02T03:07:00Z" maxstanzas="1"'), ['m5']);
    assert.equal(asks('maxstanzas="many" since="yesterday"'), ['m1', 'm2', 'm3', 'm4', 'm5']);
    phone.take();
    phone.send(joining('alice'));
    const [one] = phone.take().filter((text) => text.includes('m5'));
    assert.equal(asks(`maxchars="${one!.length}"`), ['m5'], 'whole stanzas are counted');
    assert.equal(asks(`maxchars="${one!.length - 1}"`), []);
  }),
);

test(
  'the history is the last 50 messages, and no more than so many characters',
  inWorld((world) => {
    world.online();
    const phone = world.client('phone').available();
    enter(world, phone, 'alice', { others: [] });
    for (let number = 0; number < 60; number++) world.server(said('bob', `m${number}`));
    const told = () => {
      phone.take();
      phone.send(joining('alice'));
      return inShort(phone.take()).slice(1, -1);
    };
    assert.is(told().length, 50);
    assert.is(told()[0], 'bob: m10');
    world.server(said('bob', 'x'.repeat(200_000), { id: 'big' }));
    world.server(said('bob', 'y'.repeat(200_000), { id: 'bigger' }));
    assert.is(told().length, 1);
    world.server(said('bob', 'z'.repeat(300_000), { id: 'huge' }));
    assert.is(told().length, 1, 'what is too large alone is not kept');
    world.server(said('bob', '', { id: 'state', inside: `<composing xmlns="${NS.chatStates}"/>` }));
    assert.is(told().length, 1, 'no history: nothing to read');
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
    assert.ok(account);
  }),
);

test.run();
