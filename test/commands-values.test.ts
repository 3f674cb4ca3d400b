/** Words and form fields become values; what cannot be read is refused, and kept from other apps. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { commands } from '../src/commands/commands.ts';
import { read } from '../src/commands/define.ts';
import { UsageError } from '../src/commands/error.ts';
import { isPlain } from '../src/commands/line.ts';
import { Numbers } from '../src/commands/numbers.ts';
import { find } from '../src/commands/tree.ts';
import { splitWords } from '../src/commands/words.ts';
import { alice, lineAs, scopeOf } from './lib/commands.ts';
import { account } from './lib/registry.ts';

const same: [string, Record<string, string>][] = [
  ['account add a@b.example pw label=x', { jid: 'a@b.example', password: 'pw', label: 'x' }],
  ['account add pw jid=xmpp:a@b.example --label x', { jid: 'A@b.example', password: 'pw', label: 'x' }],
  [
    'account add —trust AB:CD:EF:01:23:45:67:89 a@b.example "p w"',
    { jid: 'a@b.example', password: 'p w', trust: 'abcdef0123456789' },
  ],
  ['account show 2', { account: '2' }],
  ['account show hom', { account: 'home' }],
  ['account del ally', { account: 'other' }],
  ['user add bob pw admin', { name: 'bob', password: 'pw', admin: 'true' }],
  ['user add bob pw', { name: 'bob', password: 'pw', admin: '0' }],
  [
    'user set bob mirror=log away="a b" autoaway=off admin=no',
    { user: 'bob', mirror: 'log', away: 'a b', autoaway: 'off', admin: 'no' },
  ],
  ['user list 2', { page: '2' }],
  ['help account add', { command: 'account add' }],
];
for (const [line, fields] of same)
  test(`words and form give the same: ${line}`, () => {
    const found = find(commands, splitWords(line), 'admin');
    assert.is(found.kind, 'command');
    if (found.kind !== 'command') return;
    assert.equal(lineAs(line, 'admin'), read(found.command, new Map(Object.entries(fields)), scopeOf('admin')));
  });

test('an account is named by number, label, address, or the start of either', () => {
  for (const word of ['2', 'home', 'HOME', 'ho', 'alice@home.example', 'alice@ho', 'xmpp:alice@home.example'])
    assert.is((lineAs(`account show ${word}`, 'user').values.account as { label: string }).label, 'home');
  assert.throws(() => lineAs('account show 4', 'user'), /No such account/);
  assert.throws(
    () => lineAs('account del al', 'user'),
    /More than one account fits: work, home, other\. `account list`/,
  );
});

test('a session of one account has that account alone, named or not', () => {
  assert.is((lineAs('account show', 'account').values.account as { label: string }).label, 'work');
  assert.throws(() => lineAs('account show home', 'account'), /No such account/);
  assert.throws(() => lineAs('account show 2', 'account'), /No such account/);
});

test('a user names nobody else; an admin does', () => {
  assert.throws(() => lineAs('user show bob', 'user'), /No such user/);
  assert.is((lineAs('user show bo', 'admin').values.user as { name: string }).name, 'bob');
  assert.is((lineAs('user show bob@proxy.example', 'admin').values.user as { name: string }).name, 'bob');
  assert.throws(() => lineAs('user show b', 'admin'), /More than one user fits: bob, bert\. `user list`/);
});

test('what is missing is asked for, what is unknown refused without repeating it', () => {
  assert.equal(lineAs('account add a@b.example', 'user').missing, ['password']);
  assert.equal(lineAs('account set work password', 'user').missing, ['password']);
  assert.equal(lineAs('user add', 'admin').missing, ['name', 'password']);
  for (const line of [
    'account add a@b.example --hunter2',
    'account add a@b.example pw hunter2',
    'account add a@b.example --hunter2=x',
  ])
    try {
      lineAs(line, 'user');
      assert.unreachable(line);
    } catch (reason) {
      assert.instance(reason, UsageError);
      assert.not.match((reason as Error).message, 'hunter2');
    }
  assert.throws(() => lineAs('account add a@b.example lable=x --lable=x', 'user'), /Did you mean `label=`/);
  assert.throws(() => lineAs('account add a@b.example --label', 'user'), /needs a value/);
  assert.throws(() => lineAs('user set mirror=loud', 'user'), /inline, log, off/);
});

test('numbers are not given again', () => {
  const numbers = new Numbers();
  const [work, home, other] = alice.accounts;
  assert.equal(
    [work, home, other].map((one) => numbers.of(alice, one!.jid)),
    [1, 2, 3],
  );
  const less = { ...alice, accounts: [work!, other!] };
  assert.is(numbers.of(less, other!.jid), 3);
  const more = { ...alice, accounts: [...less.accounts, account('x@y.example', 'x')] };
  assert.is(numbers.of(more, more.accounts[2]!.jid), 4);
});

const secrecy: [string, boolean][] = [
  ['account list', true],
  ['account', true],
  ['help account add', true],
  ['account add a@b.example', true],
  ['account add a@b.example label=x', true],
  ['account set work password', true],
  ['account add a@b.example hunter2', false],
  ['account add a@b.example password=hunter2', false],
  ['acc ad a@b.example --password hunter2', false],
  ['account set work password hunter2', false],
  ['password', true],
  ['password hunter2', false],
  ['user add bob hunter2', false],
  ['user set bob password=hunter2', false],
  ['acount add a@b.example hunter2', false],
  ['account add a@b.example "hunter2', false],
  ['account add a@b.example x y', false],
  ['account set work hunter2', false],
  ['unlock hunter2', false],
  ['account show hunter2', false],
  ['account list hunter2', false],
  ['user set hunter2', false],
  ['help account add a@b.example hunter2', false],
  ['hunter2', false],
  ['', false],
];
for (const [line, plain] of secrecy)
  test(`${JSON.stringify(line)} ${plain ? 'may be shown to other apps' : 'stays here'}`, () =>
    assert.is(isPlain(commands, line, scopeOf('admin')), plain));

test.run();
