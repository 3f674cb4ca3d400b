/** Users as targets see them: every form there and back, and whatever else one may write. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { codecOf, isServiceName } from '../src/jat/encoding.ts';
import { base32, fromBase32, fromBase64url, sealerOf } from '../src/jat/seal.ts';
import { Users } from '../src/jat/users.ts';
import { type BareJid, type Jid, parseJid, readJid } from '../src/wire/jid.ts';
import { desk, romeo, settle, svc, TestWorld } from './lib/jat.ts';
import { MemoryStore } from './lib/jat-world.ts';

const key = Buffer.alloc(32, 1);
const helpdesk = 'helpdesk@svc.example' as BareJid;
const codec = (encoding: 'resource' | 'localpart', sealed: boolean, address = svc) =>
  codecOf(address, encoding, sealed ? sealerOf(key, address) : undefined);
const forms = (['resource', 'localpart'] as const).flatMap((encoding) =>
  [svc, helpdesk].flatMap((address) =>
    [false, true].map((sealed) => ({
      what: `${encoding}${sealed ? ', private' : ''} at ${address}`,
      encoding,
      sealed,
      address,
    })),
  ),
);

test('the forms of the text', () => {
  const user = parseJid(romeo);
  assert.is(codec('resource', false).encode(user), 'svc.example/romeo@m.example/orchard');
  assert.is(codec('localpart', false).encode(user), 'romeo\\40m.example@svc.example/orchard');
  assert.is(codec('localpart', false).encode(parseJid('romeo@m.example')), 'romeo\\40m.example@svc.example');
  assert.is(codec('localpart', false).encode(parseJid('m.example')), '\\40m.example@svc.example');
  assert.is(codec('resource', false).encodeToken('k5qz'), 'svc.example/:k5qz');
  assert.is(codec('localpart', false, helpdesk).encodeToken('k5qz'), '\\3ak5qz@svc.example');
  assert.match(codec('resource', true).encode(user)!, /^svc\.example\/[A-Za-z0-9_-]{68}$/);
  assert.match(codec('localpart', true).encode(user)!, /^[a-z2-7]{69}@svc\.example\/[A-Za-z0-9_-]{47}$/);
});

/** A generator that gives the same each time (mulberry32). */
function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const random = randomOf(5);
const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)]!;
const letters = [
  ...'abcxyz0129.-_+=~!#$%()*,;?[]^`{|}',
  'é',
  'ß',
  'ç',
  'ж',
  'あ',
  '💬',
  '\\',
  '\\40',
  '\\5c',
  '\\2f',
  '\\20',
  '\u0301',
];
const odd = [...letters, ...' "&\'/:<>@', ':', ':k5', '@svc.example', 'svc.example/', '\u0338', '\u3000'];
const domains = [
  'm.example',
  'a.b.c.example',
  'xn--bcher-kva.example',
  'bücher.example',
  'localhost',
  '[::1]',
  'svc.example',
  'helpdesk',
];
const text = (from: readonly string[], most: number) =>
  Array.from({ length: 1 + Math.floor(random() * most) }, () => pick(from)).join('');

function anybody(): Jid | undefined {
  const local = random() < 0.8 ? `${text(letters, random() < 0.1 ? 400 : 12)}@` : '';
  const resource = random() < 0.8 ? `/${text(odd, random() < 0.1 ? 400 : 15)}` : '';
  return readJid(`${local}${pick(domains)}${resource}`);
}
const users = Array.from({ length: 3000 }, anybody).filter((user) => user !== undefined);

for (const { what, encoding, sealed, address } of forms)
  test(`${what}: there and back, for any address`, () => {
    const { encode, decode } = codec(encoding, sealed, address);
    const seen = new Map<Jid, Jid>();
    let fitting = 0;
    for (const user of users) {
      const form = encode(user);
      if (form === undefined) continue; // a token's matter
      fitting++;
      assert.is(parseJid(form), form, 'it is prepared');
      assert.is(decode(form), user);
      assert.is(encode(user), form, 'the same each time');
      assert.is(seen.get(form) ?? user, user, 'nobody else has it');
      seen.set(form, user);
      if (sealed && user.includes('@')) assert.not(form.includes(user), 'nothing of it is to be read');
    }
    assert.ok(fitting > users.length * 0.7, `${fitting} of ${users.length}`);
  });

test('what nobody wrote stands for nobody, and breaks nothing', () => {
  for (const { encoding, sealed, address } of forms) {
    const { decode, encode } = codec(encoding, sealed, address);
    for (let turn = 0; turn < 2000; turn++) {
      const forged = readJid(
        encoding === 'resource' ? `${address}/${text(odd, 60)}` : `${text(letters, 80)}@svc.example/${text(odd, 60)}`,
      );
      if (forged === undefined) continue;
      const user = decode(forged);
      if (sealed) assert.ok(user === undefined || typeof user === 'object', `${forged} is not sealed`);
      else if (typeof user === 'string') assert.is(decode(encode(user) ?? forged), user);
    }
  }
});

test('of a sealed one each bit counts, and it opens at its own address alone', () => {
  const user = parseJid(romeo);
  const sealed = codec('resource', true)
    .encode(user)!
    .slice(svc.length + 1);
  const bytes = Buffer.from(sealed, 'base64url');
  for (let bit = 0; bit < bytes.length * 8; bit++) {
    const changed = Buffer.from(bytes);
    changed[bit >> 3]! ^= 1 << (bit & 7);
    assert.is(codec('resource', true).decode(`${svc}/${changed.toString('base64url')}` as Jid), undefined);
  }
  assert.is(codec('resource', true, helpdesk).decode(`${helpdesk}/${sealed}` as Jid), undefined);
  assert.is(codecOf(svc, 'resource', sealerOf(Buffer.alloc(32, 2), svc)).decode(`${svc}/${sealed}` as Jid), undefined);
  assert.is(codec('resource', true).decode(`${svc}/${sealed}=` as Jid), undefined, 'one text for one user');
  const [local, resource] = codec('localpart', true).encode(user)!.split('@svc.example/') as [string, string];
  const other = codec('localpart', true).encode(parseJid('juliet@m.example/orchard'))!.split('@')[0]!;
  assert.is(
    codec('localpart', true).decode(`${other}@svc.example/${resource}` as Jid),
    undefined,
    'a resource is its user’s',
  );
  assert.is(codec('localpart', true).decode(`${local}@svc.example/${resource}x` as Jid), undefined);
});

test('an escaped one is compared as it stands (XEP-0106 §4.2)', () => {
  const { decode } = codec('localpart', false);
  assert.is(decode('romeo\\40m.example@svc.example' as Jid), 'romeo@m.example');
  for (const local of [
    'romeo',
    'm.example',
    'romeo\\40m.example\\2forchard',
    '\\40romeo\\40m.example',
    'a\\40b\\40c',
    '\\40',
    '\\3a',
  ])
    assert.ok(typeof decode(`${local}@svc.example` as Jid) !== 'string', local);
  assert.is(decode('romeo\\40m.example@other.example' as Jid), undefined);
});

test('base32 and base64url have one text for each', () => {
  for (let length = 0; length < 40; length++) {
    const bytes = Buffer.from(Array.from({ length }, () => Math.floor(random() * 256)));
    assert.equal(fromBase32(base32(bytes)), bytes);
    assert.equal(fromBase64url(bytes.toString('base64url')), bytes);
  }
  assert.is(base32(Buffer.from('foobar')), 'mzxw6ytboi'); // RFC 4648 §10
  assert.is(fromBase32('mzxw6ytbo1'), undefined);
  assert.is(fromBase32('mzxw6ytboj'), undefined, 'bits that nobody wrote');
  assert.is(fromBase64url('Zg=='), undefined);
});

test('names of service addresses are none of users', () => {
  assert.equal(['helpdesk', 'a\\20b', 'romeo\\40m', '\\3ak5'].map(isServiceName), [true, true, false, false]);
});

const longUser = parseJid(`${'l'.repeat(700)}@m.example/${'r'.repeat(700)}`);

test('too long for 1023 bytes: a token, which outlives the program', async () => {
  for (const encoding of ['resource', 'localpart'] as const) {
    const store = new MemoryStore();
    const form = { address: svc, encoding, private: encoding === 'localpart' };
    const users = await Users.open(form, key, store);
    const seen = users.seen(longUser)!;
    assert.match(seen, encoding === 'resource' ? /^svc\.example\/:[a-z2-7]{24}$/ : /^\\3a[a-z2-7]{24}@svc\.example$/);
    assert.is(users.seen(longUser), seen);
    assert.is(users.userOf(seen), longUser);
    await users.ready(longUser);
    assert.is(users.ready(longUser), undefined);
    const again = await Users.open(form, key, store);
    assert.is(again.userOf(seen), longUser);
    assert.is(again.seen(longUser), seen);
    const elsewhere = await Users.open({ ...form, address: helpdesk }, key, store);
    assert.is(elsewhere.userOf(seen.replace('svc.example/', `${helpdesk}/`) as Jid), undefined);
  }
});

test('a stanza of a user with a token waits until that is kept; what follows stays behind it', async () => {
  const store = new MemoryStore();
  const world = await TestWorld.of({}, ['a'], store);
  store.hold();
  for (const id of ['1', '2']) world.asks(id, { from: longUser });
  world.says(`<message from="${longUser}" to="${svc}" id="3"><body>hi</body></message>`);
  assert.equal(world.take(), []);
  store.release();
  await settle();
  const ids = world.take().map((text) => / id="(.)"/.exec(text)![1]);
  assert.equal(ids, ['1', '2', '3']);
});

test('a token that cannot be kept: the user is told', async () => {
  const store = new MemoryStore();
  const world = await TestWorld.of({}, ['a'], store);
  store.fail();
  world.asks('1', { from: longUser });
  await settle();
  assert.match(world.one(), /type="error" id="1".*internal-server-error/);
  assert.is(world.status().open, 0);
});

test('other settings, other form: what was seen before is not mistaken', async () => {
  const world = await TestWorld.of();
  world.asks('1');
  assert.match(world.one(), new RegExp(`from="${svc}/romeo@m.example/orchard"`));
  await world.add({ private: true });
  world.asks('2');
  assert.match(world.one(), new RegExp(`from="${svc}/[A-Za-z0-9_-]{68}"`));
  world.answers('1');
  assert.match(world.one(), /type="result" id="1" from="svc.example" to="romeo@m.example\/orchard"/);
  world.says(`<message from="${desk}/a" to="${svc}/${romeo}" id="3"><body>hi</body></message>`);
  assert.match(world.one(), /item-not-found/);
});

test.run();
