/** What a login may do, and how passwords change that. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { commands } from '../src/commands/commands.ts';
import { allowed, type Level } from '../src/commands/grant.ts';
import { isGroup } from '../src/commands/tree.ts';
import type { Speaker } from '../src/link/door.ts';
import { alone, locked, minute, people, speaker, stage } from './lib/root.ts';

test('an account’s own login knows that account alone, until unlock', async () => {
  const on = stage(people());
  on.passwords.set('alice', 'proxy password');
  const work = locked();
  for (const line of [
    'account list',
    'account add a@b.example',
    'user list',
    'server status',
    'password',
    'account del',
    'account trust work',
  ])
    assert.match(await on.tell(work, line), /I do not know that command|I am root/, line);
  assert.match(await on.tell(work, 'account show'), 'work\nalice@work.example');
  assert.match(await on.tell(work, 'account show home'), 'No such account');
  const who = await on.tell(work, 'whoami');
  assert.match(who, 'this account and nothing else');
  assert.not.match(who, 'You are', 'nor whose it is');
  assert.not.match(await on.tell(work, 'help'), 'password:');
  assert.match(await on.tell(work, 'unlock'), 'Send the proxy password');
  assert.is(await on.mirrored(work, 'proxy password'), false);
  assert.match(on.said.at(-1)!.text, 'Unlocked in this app for 10 minutes');
  assert.match(await on.tell(work, 'account list'), 'home');
  assert.match(await on.tell(work, 'server status'), 'xmpproxy 1.2.3');
  assert.match(await on.tell(locked(), 'account list'), /I do not know/);
  await on.clock.pass(10 * minute);
  assert.match(await on.tell(work, 'account list'), 'I do not know');
});

const sessions: [Level, () => Speaker][] = [
  ['account', locked],
  ['user', () => speaker('bob')],
  ['admin', () => speaker('alice')],
];
for (const [level, from] of sessions)
  for (const [name, node] of Object.entries(commands))
    for (const [verb, command] of isGroup(node) ? Object.entries(node.commands) : [['', node] as const]) {
      if (allowed(command.access, level)) continue;
      test(`${level}: ${name} ${verb} is as unknown as any other word, and so is its help`, async () => {
        const on = stage(people());
        const who = from();
        await on.tell(who, 'whoami');
        assert.match(await on.tell(who, `${name} ${verb}`), 'I do not know that command');
        assert.match(await on.tell(who, `help ${name} ${verb}`), 'I do not know that command');
      });
    }

test('guessing at unlock is held back for that user, whatever the session', async () => {
  const on = stage(people());
  on.passwords.set('alice', 'right');
  for (let i = 0; i < 5; i++) assert.match(await on.tell(locked(), 'unlock wrong'), 'not the proxy password');
  assert.match(await on.tell(locked(), 'unlock right'), 'Too many wrong passwords. Try again in 10 min.');
  assert.match(await on.tell(speaker('alice'), 'whoami'), 'an admin');
  await on.clock.pass(10 * minute);
  assert.match(await on.tell(locked(), 'unlock right'), 'Unlocked');
});

test('unlock ends with its session and with another’s change of the password', async () => {
  const on = stage(people());
  on.passwords.set('alice', 'right');
  const [one, two] = [locked(), locked()];
  await on.tell(one, 'unlock right');
  await on.tell(two, 'unlock right');
  on.bot.gone(one.sid);
  assert.match(await on.tell(one, 'account list'), /I am root|I do not know/);
  await on.tell(speaker('alice'), 'password newer');
  assert.match(await on.tell(two, 'account list'), 'I do not know');
});

test('one account without a proxy password needs no unlock, and is never an admin', async () => {
  const on = stage(alone());
  await on.registry.setUser('carol', { admin: true });
  const carol = speaker('carol', 'carol@work.example');
  assert.match(await on.tell(carol, 'account list'), 'carol@work.example');
  assert.match(await on.tell(carol, 'user list'), /I do not know/);
  assert.not.match(await on.tell(carol, 'help'), 'unlock');
});

test('a second account asks for a proxy password first; both are kept, or neither', async () => {
  const on = stage(alone());
  const carol = speaker('carol', 'carol@work.example');
  await on.tell(carol, 'account add carol@new.example account-pw');
  assert.match(on.said[0]!.text, 'With a second account you need a proxy password.');
  await on.tell(carol, 'cancel');
  assert.equal([on.passwords.size, on.registry.user('carol')!.accounts.length], [0, 1]);
  await on.tell(carol, 'account add carol@new.example account-pw');
  assert.match(await on.tell(carol, 'proxy-pw'), 'Proxy password stored (8 characters).');
  assert.equal(
    [...on.passwords],
    [
      ['carol', 'proxy-pw'],
      ['carol@new.example', 'account-pw'],
    ],
  );
  assert.match(await on.tell(carol, 'account list'), 'carol@new.example');
  assert.match(await on.tell(speaker('carol', 'carol@work.example'), 'account list'), /I do not know/);
});

test('password: other sessions of the old one end, this one stays', async () => {
  const on = stage(alone());
  const alice = speaker('alice');
  assert.match(await on.tell(alice, 'password hunter2'), 'alice@proxy.example\nApps that used the old one');
  assert.equal(on.ended, [{ match: { user: 'alice', except: alice.sid }, reason: 'The password was changed' }]);
  const carol = speaker('carol', 'carol@work.example');
  assert.not.match(await on.tell(carol, 'password hunter3'), 'Apps that used');
  assert.match(await on.tell(carol, 'account list'), 'carol@work.example');
});

test.run();
