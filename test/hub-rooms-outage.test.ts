/** Rooms outlast everything but somebody's will: outages, restarts, silence, a service that goes away for a while. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { NS } from '../src/wire/ns.ts';
import { core, inWorld, like, type TestClient, type World } from './lib/hub.ts';
import { admits, enter, inShort, joining, leaving, occupant, room, said, subject } from './lib/room.ts';

const refused = (condition: string, nick = 'alice'): string =>
  `<presence from="${room}/${nick}" to="${core}" type="error"><error type="cancel"><${condition} xmlns="${NS.stanzas}"/></error></presence>`;
const isJoin = (text: string): boolean => text.includes(`to="${room}`) && text.includes(`<x xmlns="${NS.muc}"`);
const joins = (world: World): string[] => world.up.splice(0).filter(isJoin);
const gone = (codes: number[]) => occupant('alice', { codes, type: 'unavailable' });

/** One client in the room. */
function inRoom(world: World, options: Parameters<typeof enter>[3] = {}): TestClient {
  world.online();
  const phone = world.client('phone').available();
  enter(world, phone, 'alice', options);
  return phone;
}

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
    assert.equal(waits, [5, 15, 35]);
    assert.equal(phone.take(), []);
    assert.equal(world.hub.rooms()[0]?.isIn, false);
    phone.send(`<iq type="get" id="p" to="${room}/alice"><ping xmlns="${NS.ping}"/></iq>`);
    like(phone.take()[0], 'type="result"');
    world.now += 26_000;
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
    assert.is(tries, 5);
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
      world.now += 5000;
      world.hub.sweep();
      assert.is(joins(world).length, 1);
      admits(world, 'alice', { others: ['bob'] });
      assert.equal(inShort(phone.take()), ['-carol']);
      world.server(gone(codes));
      world.now += 9000;
      world.hub.sweep();
      assert.equal(joins(world), [], 'not so soon again');
      world.now += 51_000;
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
      history: [
        said('bob', 'before', { sid: 's1', at: '2026-01-02T03:04:05Z' }),
        said('bob', 'meanwhile', { sid: 's2', at: '2026-01-02T03:04:30Z' }),
      ],
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
    const phone = again.client('phone', { presence: '<presence/>', rooms: [room, 'lost@muc.example'] });
    const told = phone.take().filter((text) => text.includes('@muc'));
    assert.is(told.length, 1);
    like(told[0], 'from="lost@muc.example/', 'code="110"', 'code="333"');
    again.hub.online(core, false);
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
    world.hub.offline();
    world.hub.unacknowledged([message('one'), message('two')]);
    world.hub.online(core, false);
    assert.not.ok(world.up.some((text) => text.startsWith('<message')));
    admits(world, 'alice', { history: [said('alice', 'one', { at: '2026-01-02T03:04:30Z' })] });
    const sent = world.up.filter((text) => text.startsWith('<message'));
    assert.is(sent.length, 1);
    like(sent[0], `to="${room}"`, 'id="two"', `<delay xmlns="${NS.delay}"`);
    assert.equal(inShort(phone.take()), ['alice: one']);
  }),
);

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
