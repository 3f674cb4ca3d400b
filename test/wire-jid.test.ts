import { domainToASCII } from 'node:url';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { StanzaError } from '../src/wire/error.ts';
import {
  bare,
  domainOf,
  escapeLocal,
  isAt,
  isFull,
  localOf,
  parseBare,
  parseJid,
  readJid,
  resourceOf,
  unescapeLocal,
} from '../src/wire/jid.ts';

test('addresses are prepared: case of local and domain, never of the resource', () => {
  const cases: [string, string][] = [
    ['Alice@Work.Example/Phone', 'alice@work.example/Phone'],
    ['work.example.', 'work.example'],
    ['ÄNNE@Straße.example', 'änne@straße.example'],
    ['alice@[::1]', 'alice@[::1]'],
    ['a@b/c/d@e', 'a@b/c/d@e'],
    ['work.example/ a b ', 'work.example/ a b '],
    ['alice@work.example/caf\u0065\u0301', 'alice@work.example/café'],
    ['alice\\40x@work.example', 'alice\\40x@work.example'],
  ];
  for (const [text, expected] of cases) assert.is(parseJid(text), expected);
});

test('A-labels and U-labels of a domain are one address, and it has U-labels', () => {
  const same: [string, string][] = [
    ['xn--bcher-kva.example', 'bücher.example'],
    ['ANNE@XN--BCHER-KVA.Example/XN--bcher-kva', 'anne@bücher.example/XN--bcher-kva'],
    ['anne@www.xn--bcher-kva.example.', 'anne@www.bücher.example'],
    ['xn--strae-oqa.example', 'Straße.example'],
    ['xn--i-7iq.example', 'i❤.example'],
    ['ａｂ。example', 'ab.example'],
    ['xn--bcher-kva.example@work.example', 'xn--bcher-kva.example@work.example'],
  ];
  for (const [one, other] of same) {
    assert.is(parseJid(one), parseJid(other));
    assert.is(parseJid(parseJid(one)), parseJid(one), 'prepared twice is prepared once');
  }
  assert.is(parseJid('xn--bcher-kva.example'), 'bücher.example');
});

test('what only looks like an A-label stays as it is', () => {
  for (const name of ['xn--a', 'xn--', 'xn--abc-', 'xn--a-ecp.ru', 'xn--bcher-kva.xn--zzzz9999', 'foo--bar.example'])
    assert.is(parseJid(`a@${name}`), `a@${name}`);
  assert.is(readJid('bücher.xn--zzzz9999'), undefined);
});

test('a domain that is too long in U-labels is refused', () => {
  const long = new Array(9).fill('漢'.repeat(40)).join('.'); // 9 × 120 octets, and the dots
  const ascii = domainToASCII(long);
  assert.ok(ascii.startsWith('xn--') && ascii.length < 1023);
  assert.is(readJid(long), undefined);
  assert.is(readJid(ascii), undefined);
});

test('what is no address is refused', () => {
  const wrong = [
    '',
    '@',
    '@work.example',
    'a@',
    'a@/r',
    'a@b/',
    'a b@c',
    'a"@c',
    "a'@c",
    'a&@c',
    'a<@c',
    'a:@c',
    'a@b@c',
    'a@b c',
    'a@.b',
    'a@b..c',
    'a@b/\u0000',
    'a@b/\n',
    `${'x'.repeat(1024)}@b`,
    `a@b/${'é'.repeat(512)}`,
    'a\u200d@b',
  ];
  for (const text of wrong) {
    assert.is(readJid(text), undefined, JSON.stringify(text));
    assert.throws(
      () => parseJid(text),
      (error: Error) => error instanceof StanzaError && error.condition === 'jid-malformed',
    );
  }
  assert.throws(() => parseBare('a@b/c'));
});

test('the parts of an address', () => {
  const full = parseJid('alice@work.example/a/b');
  assert.is(bare(full), 'alice@work.example');
  assert.is(domainOf(full), 'work.example');
  assert.is(localOf(full), 'alice');
  assert.is(resourceOf(full), 'a/b');
  assert.is(isFull(full), true);
  const server = parseJid('work.example');
  assert.is(localOf(server), '');
  assert.is(resourceOf(server), '');
});

test('XEP-0106 escaping goes both ways', () => {
  const cases: [string, string][] = [
    ['alice@work.example', 'alice\\40work.example'],
    ["d'artagnan", 'd\\27artagnan'],
    ['c:\\net', 'c\\3a\\net'],
    ['\\5commas', '\\5c5commas'],
    ['\\3and\\2is\\5cool', '\\5c3and\\2is\\5c5cool'],
  ];
  for (const [plain, escaped] of cases) {
    assert.is(escapeLocal(plain), escaped);
    assert.is(unescapeLocal(escaped), plain);
  }
});

test('the domain of an address is none of what its resource says', () => {
  for (const [text, domain] of [
    ['d.example', 'd.example'],
    ['a@d.example', 'd.example'],
    ['d.example/b@c.example/e', 'd.example'],
    ['a@d.example/b@c.example/e', 'd.example'],
    ['d.example/@', 'd.example'],
  ] as const) {
    const address = parseJid(text);
    assert.is(domainOf(address), domain);
    assert.ok(isAt(address, parseBare(domain)), text);
    for (const other of ['example', 'd.exampl', 'c.example', 'x.d.example', 'd.example.x'])
      assert.not.ok(isAt(address, parseBare(other)), `${text} ${other}`);
  }
});

test.run();
