import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { UsageError } from '../src/commands/error.ts';
import { readAddress, readFingerprint } from '../src/commands/kinds.ts';
import { nearest } from '../src/commands/nearest.ts';
import { mendAddress, parseWords, splitWords } from '../src/commands/words.ts';

const texts = (line: string) => splitWords(line).map(({ text }) => text);
const nbsp = '\u00a0';

const lines: [string, string[]][] = [
  ['account list', ['account', 'list']],
  ['  account   list  ', ['account', 'list']],
  ['/account list', ['account', 'list']],
  ['!account list', ['account', 'list']],
  ['/ account list', ['account', 'list']],
  [`account${nbsp}list${nbsp}`, ['account', 'list']],
  ['account\u2009list\u3000', ['account', 'list']],
  ['account\tlist\n', ['account', 'list']],
  ['\ufeff\u200eaccount list', ['account', 'list']],
  ['Account Add', ['Account', 'Add']],
  ['set away="in a meeting"', ['set', 'away=in a meeting']],
  ['set away=“in a meeting”', ['set', 'away=in a meeting']],
  ['set away=„in a meeting“', ['set', 'away=in a meeting']],
  ['set away=‘in a meeting’', ['set', 'away=in a meeting']],
  ['set away=«in a meeting»', ['set', 'away=in a meeting']],
  ["set 'it's fine' x", ['set', "it's fine", 'x']],
  ['set "say "x"y" z', ['set', 'say "x"y', 'z']],
  ["O'Brien’s", ["O'Brien’s"]],
  ['pass"word', ['pass"word']],
  ['""', ['']],
  ['--label="my home"', ['--label=my home']],
  ['—label="my home"', ['—label=my home']],
  ['', []],
  ['/', []],
];
for (const [line, words] of lines) test(`words of ${JSON.stringify(line)}`, () => assert.equal(texts(line), words));

test('a quotation mark that is not closed is refused, and the line is not repeated', () => {
  try {
    splitWords('password "hunter2');
    assert.unreachable();
  } catch (reason) {
    assert.instance(reason, UsageError);
    assert.not.match((reason as Error).message, 'hunter2');
  }
});

const keys = { all: ['label', 'password', 'admin', 'host'], flags: ['admin'], bare: ['admin', 'password'] };
const parsed = (line: string) => {
  const { positional, named } = parseWords(splitWords(line), keys);
  return [positional, Object.fromEntries(named)];
};
const options: [string, string[], Record<string, string | true>][] = [
  ['a b', ['a', 'b'], {}],
  ['a label=work', ['a'], { label: 'work' }],
  ['a Label=Work', ['a'], { label: 'Work' }],
  ['a --label work b', ['a', 'b'], { label: 'work' }],
  ['a --label=work', ['a'], { label: 'work' }],
  ['a —label work', ['a'], { label: 'work' }],
  ['a –label=work', ['a'], { label: 'work' }],
  ['a —Label work', ['a'], { label: 'work' }],
  ['a label="my home"', ['a'], { label: 'my home' }],
  ['a --label "my home"', ['a'], { label: 'my home' }],
  ['a --label', ['a'], { label: true }],
  ['a label=', ['a'], { label: true }],
  ['a admin', ['a'], { admin: true }],
  ['a Admin b', ['a', 'b'], { admin: true }],
  ['a --admin b', ['a', 'b'], { admin: true }],
  ['a admin=no', ['a'], { admin: 'no' }],
  ['a password', ['a'], { password: true }],
  ['a password hunter2', ['a'], { password: 'hunter2' }],
  ['a password label=x', ['a'], { password: true, label: 'x' }],
  ['a password=Hunter=2', ['a'], { password: 'Hunter=2' }],
  ['a "label=work"', ['a', 'label=work'], {}],
  ['a "--label"', ['a', '--label'], {}],
  ['a other=work', ['a', 'other=work'], {}],
  ['a --other work', ['a'], { other: 'work' }],
  ['a --other=work', ['a'], { other: 'work' }],
  ['a -x 007 1e3 0x10', ['a', '-x', '007', '1e3', '0x10'], {}],
  ['a -- b', ['a', '--', 'b'], {}],
  ['a — b', ['a', '—', 'b'], {}],
  ['a label=x label=y', ['a'], { label: 'y' }],
  ['a "it is \'quoted\'"', ['a', "it is 'quoted'"], {}],
  ['a --__proto__=1 --constructor=2', ['a', '--__proto__=1'], { constructor: '2' }],
];
for (const [line, positional, named] of options)
  test(`options of ${JSON.stringify(line)}`, () => assert.equal(parsed(line), [positional, named]));

const addresses: [string, string][] = [
  ['alice@work.example', 'alice@work.example'],
  ['Alice@Work.Example', 'alice@work.example'],
  ['alice@work.example.', 'alice@work.example'],
  ['alice@work.example,', 'alice@work.example'],
  [' alice@work.example ', 'alice@work.example'],
  ['alice@work.example/phone', 'alice@work.example'],
  ['xmpp:alice@work.example', 'alice@work.example'],
  ['XMPP:alice@work.example?message', 'alice@work.example'],
  ['xmpp:alice%2Bx@work.example?join;x=y', 'alice+x@work.example'],
  ['xmpp://me@here.example/alice@work.example', 'alice@work.example'],
  ['mailto:alice@work.example', 'alice@work.example'],
  ['<alice@work.example>', 'alice@work.example'],
  ['\u2068alice@work.example\u200b', 'alice@work.example'],
];
for (const [text, address] of addresses)
  test(`address ${JSON.stringify(text)}`, () => assert.is(readAddress(text), address));

for (const text of ['work.example', 'alice@', '@', 'a b@c', 'xmpp:', 'xmpp:%zz'])
  test(`no address ${JSON.stringify(text)}`, () =>
    assert.throws(
      () => readAddress(text),
      (e: unknown) => e instanceof UsageError,
    ));

test('an address is mended without losing what belongs to it', () =>
  assert.is(mendAddress('a.b-c_d+e@f.g'), 'a.b-c_d+e@f.g'));

test('fingerprints in any spelling', () => {
  assert.is(readFingerprint('AB:CD:EF:01:23:45:67:89:0A'), 'abcdef01234567890a');
  assert.is(readFingerprint('ab cd ef 01 23 45 67 89'), 'abcdef0123456789');
  assert.throws(() => readFingerprint('abcdef012345678'), /SHA-256/);
  assert.throws(() => readFingerprint('zzzzzzzz'), /SHA-256/);
});

const near: [string, string | undefined][] = [
  ['acount', 'account'],
  ['acocunt', 'account'],
  ['accounts', 'account'],
  ['usr', 'user'],
  ['delete', 'del'],
  ['hepl', 'help'],
  ['xyzzy', undefined],
  ['', undefined],
];
for (const [word, meant] of near)
  test(`did you mean: ${word}`, () => assert.is(nearest(word, ['account', 'user', 'del', 'help', 'whoami']), meant));

test.run();
