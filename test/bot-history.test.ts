import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { readSince } from '../src/commands/since.ts';
import type { BareJid } from '../src/wire/jid.ts';
import { account, user } from './lib/registry.ts';
import { codeIn, speaker, stage } from './lib/root.ts';

const people = () => [
  user('alice', {
    admin: true,
    accounts: [account('alice@work.example', 'work'), account('alice@home.example', 'home')],
  }),
  user('bob', { accounts: [account('bob@home.example', 'house')] }),
];

const hit = (body: string, more = {}) => ({
  account: 'alice@work.example' as BareJid,
  at: Date.UTC(2026, 0, 31, 9, 5),
  peer: 'carol@home.example',
  nick: null,
  isSent: false,
  body,
  ...more,
});

test('history search: all words, a contact by its start, since when, page by page', async () => {
  const on = stage(people());
  const alice = speaker('alice');
  on.peers.push('carol@home.example', 'carla@x.example', 'dave@x.example');
  Object.assign(on.hits, { hits: [hit('Lunch at noon?'), hit('yes\nlunch', { isSent: true, nick: 'al' })], total: 7 });
  const said = await on.tell(alice, 'history search lunch tomorrow with=carol since=3d');
  const since = on.clock.now() - 3 * 86_400_000;
  const asked = `"lunch tomorrow" carol@home.example ${since} 0 5`;
  assert.equal(on.pooled, [`search alice alice@work.example alice@home.example ${asked}`]);
  assert.is(
    said,
    [
      '2026-01-31 09:05 from (work)',
      'carol@home.example',
      'Lunch at noon?',
      '2026-01-31 09:05 to (work)',
      'carol@home.example',
      'al: yes lunch',
      '…and 5 more: `history search "lunch tomorrow" with=carol since=3d page=2`',
    ].join('\n'),
  );
  assert.match(
    await on.tell(alice, 'history search x with=ca'),
    /More than one fits:\ncarol@home\.example\ncarla@x\.example/,
  );
  assert.match(await on.tell(alice, 'history search x with=zoe'), /no message with “zoe”/);
  assert.match(await on.tell(alice, 'history search x since=yesterday'), /since: `12h`/);
  Object.assign(on.hits, { hits: [], total: 9999 });
  assert.match(await on.tell(alice, 'history search x page=1500'), /So many I do not show/);
  Object.assign(on.hits, { hits: [], total: 0 });
  assert.match(await on.tell(alice, 'history search x account=home page=2'), /No message has these words/);
  assert.match(on.pooled.at(-1)!, /^search alice alice@home\.example "x" null null 5 5$/);
});

test('history forget: how many, and a code before anything is deleted', async () => {
  const on = stage(people());
  const alice = speaker('alice');
  Object.assign(on.reach, { messages: 12, first: 1, waiting: 0, size: 1 });
  assert.match(await on.tell(alice, 'history forget'), /What shall I forget/);
  const said = await on.tell(alice, 'history forget with=carol@home.example account=work');
  assert.match(said, /This deletes 12 messages\nwith\ncarol@home\.example\nof\nalice@work\.example/);
  assert.equal(on.pooled, []);
  assert.match(await on.tell(alice, `yes ${codeIn(said)}`), /Deleted: 12 messages/);
  assert.equal(on.pooled, ['forget history alice alice@work.example carol@home.example']);
  Object.assign(on.reach, { messages: 0, first: null, waiting: 0, size: 1 });
  assert.match(await on.tell(alice, 'history forget all'), /no such message/);
});

test('history export: where the file is', async () => {
  const on = stage(people());
  Object.assign(on.reach, { messages: 3, first: 1, waiting: 0, size: 1 });
  assert.match(await on.tell(speaker('bob'), 'history export format=xml'), /3 messages, in\n\/data\/exports\/bob\n/);
  assert.equal(on.pooled, ['export bob bob@home.example null xml']);
});

test('an account’s own login searches and forgets that account alone', async () => {
  const on = stage(people());
  const app = speaker('alice', 'alice@home.example');
  Object.assign(on.hits, { hits: [hit('x')], total: 1 });
  await on.tell(app, 'history search x');
  assert.match(on.pooled[0]!, /^search alice alice@home\.example "x"/);
  assert.match(await on.tell(app, 'history search x account=work'), /No such account/);
  assert.is(on.pooled.length, 1);
});

test('account show: how far the archive reaches, what waits to be sent', async () => {
  const on = stage(people());
  Object.assign(on.reach, { messages: 1200, first: Date.UTC(2025, 4, 6), waiting: 2, size: 1 });
  assert.match(
    await on.tell(speaker('alice'), 'account show work'),
    /1200 messages kept since 2025-05-06\n2 messages to be sent/,
  );
});

test('set: a setting of one’s own, in short', async () => {
  const on = stage(people());
  const bob = speaker('bob');
  assert.match(await on.tell(bob, 'set backlog 20'), /backlog: 20 messages/);
  assert.match(await on.tell(bob, 'set retention 365'), /retention: 365 days/);
  assert.match(await on.tell(bob, 'set retention 99999'), /retention: at most 36500/);
  assert.match(await on.tell(bob, 'set away out for lunch'), /away: out for lunch/);
  const { backlog, retention, awayText } = on.registry.user('bob')!;
  assert.equal([backlog, retention, awayText], [20, 365, 'out for lunch']);
  assert.match(await on.tell(bob, 'user set quota=5'), /not for this login to set/);
  assert.match(await on.tell(speaker('alice'), 'user set bob quota=500'), /quota: 500 MiB/);
  assert.match(await on.tell(speaker('alice'), 'user show bob'), /backlog=20 retention=365 quota=500/);
});

test('set retention, quota: what would be deleted at once is told, and asks for a code', async () => {
  const on = stage(people());
  const alice = speaker('alice');
  Object.assign(on.reach, { messages: 12, first: on.clock.now() - 10 * 86_400_000, waiting: 0, size: 3 << 20 });
  assert.match(await on.tell(alice, 'set retention 10'), /retention: 10 days/, 'nothing is older');
  const said = await on.tell(alice, 'set retention 3');
  assert.match(said, /deletes messages older than 3 days, for good. The oldest is of 20\d\d-/);
  assert.is(on.registry.user('alice')!.retention, 10);
  assert.match(await on.tell(alice, `yes ${codeIn(said)}`), /retention: 3 days/);
  assert.is(on.registry.user('alice')!.retention, 3);
  assert.match(await on.tell(alice, 'set retention 0'), /retention: for ever/);
  const large = await on.tell(alice, 'user set bob quota=1 admin=yes');
  assert.match(large, /the archive takes 3 MiB, and may take 1/);
  assert.is(on.registry.user('bob')!.admin, false);
  assert.match(await on.tell(alice, `yes ${codeIn(large)}`), /quota: 1 MiB/);
  assert.is(on.registry.user('bob')!.quota, 1);
  Object.assign(on.reach, { size: 9 << 20 });
  const more = await on.tell(alice, 'user set bob quota=2');
  await on.registry.setUser('alice', { admin: false });
  assert.match(await on.tell(alice, `yes ${codeIn(more)}`), /no admin any more/);
  assert.is(on.registry.user('bob')!.quota, 1);
});

test('what an archive’s trouble is, admins and the user hear once, and when it is over', async () => {
  const on = stage(people());
  for (const name of ['alice', 'bob']) {
    on.bot.arrived(speaker(name));
  }
  on.said.splice(0);
  on.bot.archive('bob', '/data/archive/bob.sqlite: the disk is full.');
  on.bot.archive('bob', '/data/archive/bob.sqlite: something else.');
  const heard = () => [...new Set(on.said.map(({ to }) => to.replace(/[+@].*/, '')))].sort();
  assert.equal(heard(), ['alice', 'bob']);
  const times = on.said.length;
  for (const { text } of on.said) assert.match(text, /archive of bob cannot be written:\n.*the disk is full/);
  on.said.splice(0);
  on.bot.archive('bob', null);
  on.bot.archive('bob', null);
  assert.is(on.said.length, times);
  for (const { text } of on.said) assert.match(text, /can be written again/);
});

test('that nothing serves a user admins hear, the user’s apps now or as they come, and both when it is over', async () => {
  const on = stage(people());
  const reason = 'What serves bob cannot start:\n/data/archive/bob.sqlite is damaged.';
  on.bot.unopened('bob', reason);
  on.bot.unopened('bob', reason);
  const to = () => on.said.map((said) => said.to.replace(/\+.*@/, '@'));
  assert.equal([...new Set(to())].sort(), ['alice@proxy.example', 'bob@proxy.example']);
  for (const bare of ['bob@proxy.example', 'bob@work.example']) {
    on.said.splice(0);
    const bob = speaker('bob', bare);
    on.bot.arrived(bob);
    assert.equal(
      on.said.map(({ only }) => only),
      [bob.sid],
    );
    assert.match(on.said[0]!.text, /bob\.sqlite is damaged\.\n.*have me alone/);
    assert.equal([on.sent.at(-1)!.only, on.sent.at(-1)!.stanza.name], [bob.sid, 'presence']);
  }
  on.said.splice(0);
  on.bot.archive('bob', null);
  assert.ok(to().includes('alice@proxy.example') && to().includes('bob@proxy.example'));
  for (const { text } of on.said) assert.match(text, /serves bob runs again/);
  on.said.splice(0);
  on.bot.arrived(speaker('bob'));
  assert.equal(on.said, [], 'all is well');
  on.bot.unopened('bob', reason);
  on.bot.dropped('bob');
  on.bot.arrived(speaker('alice'));
  assert.is(on.sent.at(-1)!.stanza.tree.getChild('status'), undefined, 'bob is no more');
});

test('points in the past', () => {
  const now = Date.UTC(2026, 5, 1);
  assert.is(readSince('3d', now), now - 3 * 86_400_000);
  assert.is(readSince('12 hours', now), now - 12 * 3_600_000);
  assert.is(readSince('2026-01-31', now), Date.UTC(2026, 0, 31));
  for (const text of ['', 'soon', '3', '2026-02-31x']) assert.throws(() => readSince(text, now), /since:/);
});

test.run();
