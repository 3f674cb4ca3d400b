/** The rooms that accounts stay in: who sees which, what can be done to them, and what root relays from detached ones. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { RoomState } from '../src/link/link.ts';
import { parseBare } from '../src/wire/jid.ts';
import { alone, locked, people, type Stage, speaker, stage } from './lib/root.ts';

const state = (room: string, more: Partial<RoomState> = {}, account = 'alice@work.example'): RoomState => ({
  account: parseBare(account),
  room: parseBare(room),
  nick: 'alice',
  isIn: true,
  detached: false,
  occupants: 12,
  clients: 2,
  ...more,
});

function inRooms(): Stage {
  const on = stage(people());
  on.rooms.push(
    state('coven@muc.example'),
    state('castle@muc.example', { isIn: false, clients: 0 }),
    state('market@muc.example', { detached: true, occupants: 1, clients: 0 }, 'alice@home.example'),
    state('coven@muc.example', { nick: 'ally', clients: 1 }, 'alice@home.example'),
    state('tavern@muc.example', { nick: 'bob' }, 'bob@work.example'),
  );
  return on;
}

test('room list: one’s own rooms, with the account where there are several', async () => {
  const on = inRooms();
  assert.is(
    await on.tell(speaker('alice'), 'room list'),
    [
      '● coven@muc.example',
      'as alice (work), 12 occupants, 2 apps of',
      'yours',
      '◐ castle@muc.example',
      'as alice (work), not let in yet',
      '○ market@muc.example',
      'as alice (home), 1 occupant, 0 apps of',
      'yours, detached',
      '● coven@muc.example',
      'as ally (home), 12 occupants, 1 app of',
      'yours',
    ].join('\n'),
  );
  assert.is(await on.tell(speaker('bob'), 'room list'), '● tavern@muc.example\nas bob, 12 occupants, 2 apps of yours');
  assert.match(await stage(people()).tell(speaker('bob'), 'room list'), 'You are in no room.');
});

test('room list: of one account, and in that account’s own login no other', async () => {
  const on = inRooms();
  const home = ['○ market@muc.example', '● coven@muc.example'];
  for (const line of ['room list account=home', 'room list account=alice@home.example'])
    assert.equal((await on.tell(speaker('alice'), line)).match(/^[●◐○] .*/gm), home);
  assert.equal((await on.tell(locked(), 'room list')).match(/^[●◐○] .*/gm), [
    '● coven@muc.example',
    '◐ castle@muc.example',
  ]);
  assert.match(await on.tell(locked(), 'room list account=home'), 'No such account');
  assert.match(await on.tell(locked(), 'room leave market'), 'You are in no such room');
  assert.equal(on.pooled, []);
});

test('room list: many come in pages', async () => {
  const on = stage(people());
  for (let number = 1; number <= 10; number++) on.rooms.push(state(`room${number}@muc.example`));
  const text = await on.tell(speaker('alice'), 'room list account=work');
  assert.match(text, '…and 2 more: `room list 2 account=work`');
  assert.match(await on.tell(speaker('alice'), 'room list 2 account=work'), '● room9@muc.example');
});

test('room leave, detach, attach: by address, name or its start', async () => {
  const on = inRooms();
  const alice = speaker('alice');
  assert.is(await on.tell(alice, 'room leave castle@muc.example'), 'You leave castle@muc.example.');
  assert.match(await on.tell(alice, 'room detach MARKET'), 'market@muc.example is detached');
  assert.match(await on.tell(alice, 'room attach xmpp:market@muc.example?join'), 'market@muc.example is attached');
  assert.match(await on.tell(alice, 'room leave mar'), 'You leave market@muc.example.');
  assert.equal(on.pooled, [
    'leave castle@muc.example alice@work.example',
    'detach market@muc.example alice@home.example',
    'attach market@muc.example alice@home.example',
    'leave market@muc.example alice@home.example',
  ]);
  assert.equal(on.logged.filter(({ message }) => message === 'administration').length, 4);
});

test('the same room in two accounts: root asks which', async () => {
  const on = inRooms();
  const alice = speaker('alice');
  assert.is(
    await on.tell(alice, 'room leave coven'),
    'Which room?\ncoven@muc.example account=work\ncoven@muc.example account=home',
  );
  assert.is(await on.tell(alice, 'room leave coven account=home'), 'You leave coven@muc.example.');
  assert.equal(on.pooled, ['leave coven@muc.example alice@home.example']);
  assert.match(await on.tell(alice, 'room leave c account=work'), 'Which room?\ncoven@muc.example\ncastle@muc.example');
  assert.match(await on.tell(alice, 'room detach nowhere'), 'You are in no such room. `room list` shows all.');
});

test('a room that was left between the question and the answer is said so', async () => {
  const on = inRooms();
  Object.assign(on.rooms, { some: () => false }); // what the unit looks at when the command arrives
  assert.match(await on.tell(speaker('alice'), 'room leave castle'), 'You are not in that room any more.');
  assert.is(on.pooled.length, 1);
});

test('what is said in a detached room is told to every login that has the account', () => {
  const on = stage(people());
  on.bot.relay('alice', parseBare('alice@work.example'), 'bob in coven:\n> alice?');
  assert.equal(
    on.said.map(({ to }) => to),
    ['alice@proxy.example', 'alice+work@proxy.example', 'alice@work.example'],
  );
  on.bot.relay('bob', parseBare('alice@work.example'), 'not his');
  assert.is(on.said.length, 3);
});

test('who is away is told on arrival, once, wherever the account is first seen', () => {
  const on = stage(alone());
  const logins = ['carol@proxy.example', 'carol+work@proxy.example', 'carol@work.example'].map(parseBare);
  for (const login of logins) on.away.add(login);
  for (let number = 1; number <= 21; number++) on.bot.relay('carol', parseBare('carol@work.example'), `${number}`);
  assert.equal(on.said, []);
  on.away.clear();
  on.bot.arrived(speaker('alice'));
  assert.equal(on.said, []);
  on.bot.arrived(speaker('carol', 'carol@work.example'));
  on.bot.arrived(speaker('carol'));
  assert.is(on.said.length, 1);
  assert.is(on.said[0]?.to, 'carol@work.example');
  assert.equal(on.said[0]?.text.split('\n').length, 20);
});

test.run();
