import crypto, { createHmac, type Hmac } from 'node:crypto';
import { syncBuiltinESMExports } from 'node:module';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Authentication, type SaslReply } from '../src/stream/authentication.ts';
import type { Authority, ScramMechanism } from '../src/stream/authority.ts';
import { createDecoys } from '../src/stream/decoys.ts';
import { Guesses } from '../src/stream/guesses.ts';
import { addressKey } from '../src/stream/remote.ts';
import { scramExchange } from '../src/stream/scram.ts';
import type { StreamError } from '../src/wire/error.ts';
import { NS } from '../src/wire/ns.ts';
import { parseElement } from '../src/wire/parser.ts';
import { base64, domain, fakeAuthority, HandClock, silent, verifierOf } from './lib/edge.ts';
import { scram } from './lib/scram.ts';

const decoys = createDecoys(Buffer.from('secret of this test'), 1000);
/** A long time: the window of wrong passwords. */
const window = 600_000;

interface Setup {
  authority?: Partial<Authority>;
  guesses?: Guesses;
  confidential?: boolean;
  remote?: string;
}

function begin({ authority, guesses, confidential = true, remote = '192.0.2.1' }: Setup = {}) {
  const authentication = new Authentication({
    authority: fakeAuthority(authority),
    decoys,
    guesses: guesses ?? new Guesses(20, window, new HandClock()),
    log: silent,
    domain,
    remote,
    attempts: 8,
    confidential,
  });
  const take = async (text: string): Promise<SaslReply> => authentication.take(parseElement(text));
  const auth = (mechanism: string, content = '') =>
    take(`<auth xmlns="${NS.sasl}" mechanism="${mechanism}">${content}</auth>`);
  const plain = (user: string, password: string, authzid = '') =>
    auth('PLAIN', base64(`${authzid}\0${user}\0${password}`));
  const respond = (content = '') => take(`<response xmlns="${NS.sasl}">${content}</response>`);
  return { take, auth, plain, respond };
}

const content = ({ text }: SaslReply): string => Buffer.from(parseElement(text).getText(), 'base64').toString();
const condition = ({ text }: Pick<SaslReply, 'text'>): string => {
  const element = parseElement(text);
  assert.is(element.name, 'failure');
  assert.is(element.attrs.xmlns, NS.sasl);
  return element.getChildElements()[0]!.name;
};

/** The published exchanges, word for word. */
const vectors: {
  mechanism: ScramMechanism;
  salt: string;
  nonces: [string, string];
  proof: string;
  signature: string;
}[] = [
  {
    mechanism: 'SCRAM-SHA-1', // RFC 5802 §5
    salt: 'QSXCR+Q6sek8bf92',
    nonces: ['fyko+d2lbbFgONRv9qkxdawL', '3rfcNHYJY1ZVvWVs7j'],
    proof: 'v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=',
    signature: 'rmF9pqV8S7suAoZWja4dJRkFsKQ=',
  },
  {
    mechanism: 'SCRAM-SHA-256', // RFC 7677 §3
    salt: 'W22ZaJ0SNY7soEsUEjb6gQ==',
    nonces: ['rOprNGfwEbeRWgbNEkqO', '%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0'],
    proof: 'dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=',
    signature: '6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=',
  },
];

for (const { mechanism, salt, nonces, proof, signature } of vectors)
  test(`${mechanism} as published`, async () => {
    const verifier = () => verifierOf(mechanism, 'pencil', Buffer.from(salt, 'base64'), 4096);
    const authority = fakeAuthority({ verifier });
    const exchange = scramExchange(mechanism, { authority, decoys, domain, nonce: nonces[1] });
    const nonce = nonces.join('');
    const first = await exchange.step(Buffer.from(`n,,n=user,r=${nonces[0]}`));
    assert.equal(first, { challenge: `r=${nonce},s=${salt},i=4096` });
    const last = await exchange.step(Buffer.from(`c=biws,r=${nonce},p=${proof}`));
    assert.equal(last, { login: `user@${domain}`, data: `v=${signature}` });
  });

for (const [mechanism, hash] of [
  ['SCRAM-SHA-1', 'sha1'],
  ['SCRAM-SHA-256', 'sha256'],
] as const)
  test(`${mechanism}: client and server prove themselves`, async () => {
    const { auth, respond } = begin();
    const client = scram(hash, 'alice', 'proxy secret');
    const challenge = await auth(mechanism, base64(client.first));
    const reply = await respond(base64(client.final(content(challenge))));
    client.verify(content(reply));
    assert.equal(reply.login, { bare: 'alice@proxy.example', user: 'alice', view: 'merged', mechanism });
  });

test('SCRAM: names with comma and equals sign, flag y, own authzid, the initial response asked for', async () => {
  const password = 'x';
  const salt = Buffer.alloc(16);
  const { auth, respond } = begin({
    authority: {
      verifier: (login, mechanism) =>
        login === 'a,b=c@proxy.example' ? verifierOf(mechanism, password, salt) : undefined,
      user: () => ({ user: 'odd', view: 'merged' }),
    },
  });
  const client = scram('sha256', 'a,b=c', password);
  const asked = await auth('SCRAM-SHA-256');
  assert.is(asked.text, `<challenge xmlns="${NS.sasl}"/>`);
  const gs2 = 'y,a=a=2Cb=3Dc@proxy.example,';
  const bareFirst = client.first.slice('n,,'.length);
  const challenge = content(await respond(base64(gs2 + bareFirst)));
  const nonce = /r=([^,]+)/.exec(challenge)![1]!;
  const withoutProof = `c=${base64(gs2)},r=${nonce}`;
  const { serverKey, ...keys } = clientKeys(password, salt);
  const signed = `${bareFirst},${challenge},${withoutProof}`;
  const signature = createHmac('sha256', keys.storedKey).update(signed).digest();
  const proof = Buffer.from(keys.clientKey.map((byte, at) => byte ^ signature[at]!)).toString('base64');
  const done = await respond(base64(`${withoutProof},p=${proof}`));
  assert.is(done.login?.bare, 'a,b=c@proxy.example');
  assert.is(content(done), `v=${createHmac('sha256', serverKey).update(signed).digest('base64')}`);
});

function clientKeys(password: string, salt: Buffer) {
  const salted = crypto.pbkdf2Sync(password, salt, 1000, 32, 'sha256');
  const clientKey = createHmac('sha256', salted).update('Client Key').digest();
  const storedKey = crypto.createHash('sha256').update(clientKey).digest();
  return { clientKey, storedKey, serverKey: createHmac('sha256', salted).update('Server Key').digest() };
}

const badFirst: [string, string, string][] = [
  ['channel binding that is not offered', 'p=tls-unique,,n=alice,r=abc', 'malformed-request'],
  ['a mandatory extension', 'n,,m=x,n=alice,r=abc', 'malformed-request'],
  ['no nonce', 'n,,n=alice', 'malformed-request'],
  ['a nonce that is not printable', 'n,,n=alice,r=a b', 'malformed-request'],
  ['a bad escape', 'n,,n=al=ice,r=abc', 'malformed-request'],
  ['nothing of SCRAM', 'hello', 'malformed-request'],
  ['another authzid', 'n,a=bob@proxy.example,n=alice,r=abc', 'invalid-authzid'],
];
for (const [what, first, expected] of badFirst)
  test(`SCRAM: ${what}`, async () => {
    assert.is(condition(await begin().auth('SCRAM-SHA-1', base64(first))), expected);
  });

const badFinal: [string, (nonce: string) => string][] = [
  ['another nonce', () => 'c=biws,r=other,p=AAAA'],
  ['another channel binding', (nonce) => `c=eSws,r=${nonce},p=AAAA`],
  ['no proof', (nonce) => `c=biws,r=${nonce}`],
];
for (const [what, final] of badFinal)
  test(`SCRAM: ${what} in the final message`, async () => {
    const guesses = new Guesses(1, window, new HandClock());
    const { auth, respond } = begin({ guesses });
    const challenge = content(await auth('SCRAM-SHA-1', base64('n,,n=alice,r=abc')));
    const reply = await respond(base64(final(/r=([^,]+)/.exec(challenge)![1]!)));
    assert.is(condition(reply), 'malformed-request');
    assert.not(guesses.exhausted('192.0.2.1'));
  });

test('SCRAM: a final message of the wrong shape or time leaves no exchange behind', async () => {
  const { auth, respond, plain } = begin();
  await auth('SCRAM-SHA-1', base64('n,,n=alice,r=abc'));
  assert.is(condition(await respond(base64('c=biws'))), 'malformed-request');
  assert.is(condition(await respond(base64('c=biws'))), 'malformed-request');
  assert.ok((await plain('alice', 'proxy secret')).login);
});

test('PLAIN: localpart, whole address, authzid; capitals', async () => {
  for (const user of ['alice', 'ALICE', 'alice@proxy.example'])
    assert.is((await begin().plain(user, 'proxy secret')).login?.bare, 'alice@proxy.example');
  assert.ok((await begin().plain('alice', 'proxy secret', 'alice@proxy.example')).login);
  assert.is(condition(await begin().plain('alice', 'proxy secret', 'bob@proxy.example')), 'invalid-authzid');
  assert.is(condition(await begin().plain('alice', 'proxy secret', 'alice@proxy.example/desk')), 'invalid-authzid');
  assert.is(condition(await begin().plain('alice@work.example', 'work secret')), 'not-authorized');
});

const badPlain: [string, string, string][] = [
  ['two parts', base64('alice\0secret'), 'malformed-request'],
  ['four parts', base64('\0alice\0se\0cret'), 'malformed-request'],
  ['no password', base64('\0alice\0'), 'malformed-request'],
  ['no user', base64('\0\0secret'), 'malformed-request'],
  ['no bytes', '=', 'malformed-request'],
  ['not UTF-8', Buffer.from([0, 0x61, 0, 0xff]).toString('base64'), 'malformed-request'],
  ['white space in base64', `${base64('\0alice\0proxy secret')}\n`, 'incorrect-encoding'],
  ['no base64', 'ä', 'incorrect-encoding'],
  ['base64 without its padding', base64('\0alice\0secret').replace(/=+$/, ''), 'incorrect-encoding'],
];
for (const [what, content, expected] of badPlain)
  test(`PLAIN: ${what}`, async () => {
    assert.is(condition(await begin().auth('PLAIN', content)), expected);
  });

test('other refusals', async () => {
  assert.is(condition(await begin().auth('EXTERNAL', '=')), 'invalid-mechanism');
  assert.is(condition(await begin().auth('SCRAM-SHA-256-PLUS', '=')), 'invalid-mechanism');
  assert.is(condition(await begin({ confidential: false }).auth('SCRAM-SHA-1', '=')), 'encryption-required');
  const open = begin({ authority: { mechanisms: () => ['PLAIN'] } });
  assert.is(condition(await open.auth('SCRAM-SHA-1', '=')), 'invalid-mechanism');
  const { auth, take } = begin();
  await auth('SCRAM-SHA-1', base64('n,,n=alice,r=abc'));
  assert.is(condition(await take(`<abort xmlns="${NS.sasl}"/>`)), 'aborted');
  const broken = begin({ authority: { plain: () => Promise.reject(new Error('disk')) } });
  assert.is(condition(await broken.plain('alice', 'x')), 'temporary-auth-failure');
  const gone = begin({ authority: { user: () => undefined } });
  assert.is(condition(await gone.plain('alice', 'proxy secret')), 'not-authorized');
  const away = begin({
    authority: { plain: async () => ({ ok: false, reason: 'temporary-auth-failure', text: 'server away' }) },
  });
  const reply = await away.plain('alice', 'x');
  assert.is(condition(reply), 'temporary-auth-failure');
  assert.match(reply.text, '<text>server away</text>');
  await begin()
    .take(`<hello xmlns="${NS.sasl}"/>`)
    .then(
      () => assert.unreachable(),
      (error) => assert.is((error as StreamError).condition, 'unsupported-stanza-type'),
    );
});

test('a refused attempt leaves the way open to the next; the eighth ends the stream', async () => {
  const { auth, plain } = begin();
  for (let attempt = 1; attempt <= 7; attempt += 1) assert.is((await auth('EXTERNAL')).end, undefined);
  const { end, text } = await plain('alice', 'wrong');
  assert.is(condition({ text }), 'not-authorized');
  assert.is(end?.condition, 'policy-violation');
  const patient = begin();
  for (let attempt = 1; attempt <= 7; attempt += 1) await patient.auth('EXTERNAL');
  assert.ok((await patient.plain('alice', 'proxy secret')).login);
});

test('only wrong passwords are guesses; too many of them close the address for a while', async () => {
  const clock = new HandClock();
  const guesses = new Guesses(3, window, clock);
  const fresh = () => begin({ guesses });
  await fresh().auth('EXTERNAL');
  await fresh().auth('PLAIN', '=');
  await fresh().plain('alice', 'x', 'bob@proxy.example');
  await fresh().plain('alice', 'wrong');
  await fresh().plain('nobody', 'wrong');
  assert.not(guesses.exhausted('192.0.2.1'));
  const { auth, respond } = fresh();
  const client = scram('sha1', 'alice', 'wrong');
  const challenge = await auth('SCRAM-SHA-1', base64(client.first));
  const third = await respond(base64(client.final(content(challenge))));
  assert.is(condition(third), 'not-authorized');
  assert.is(third.end?.condition, 'policy-violation');
  const right = await fresh().plain('alice', 'proxy secret');
  assert.is(condition(right), 'temporary-auth-failure');
  assert.is(right.end?.condition, 'policy-violation');
  assert.ok((await begin({ guesses, remote: '192.0.2.2' }).plain('alice', 'proxy secret')).login);
  clock.move(window);
  assert.ok((await fresh().plain('alice', 'proxy secret')).login);
});

test('an IPv6 network is one address', () => {
  assert.is(addressKey('2001:db8::1'), addressKey('2001:0db8:0:0:ffff:1:2:3'));
  assert.is(addressKey('2001:db8:0:1::1'), addressKey('2001:db8:0:1:8::'));
  assert.is.not(addressKey('2001:db8:0:1::1'), addressKey('2001:db8:0:2::1'));
  assert.is(addressKey('::1'), '0:0:0:0::/64');
  assert.is(addressKey('192.0.2.7'), '192.0.2.7');
});

/** What the exchange of that user says, and how much is hashed for it. */
async function watch(user: string, mechanism: ScramMechanism): Promise<{ replies: string[]; hashed: string[] }> {
  const hashed: string[] = [];
  const { createHash, createHmac } = crypto;
  const known = verifierOf(mechanism, 'proxy secret', Buffer.from('0123456789abcdef'));
  const authority = { verifier: (login: string) => (login === 'alice@proxy.example' ? known : undefined) };
  const { auth, respond } = begin({ authority });
  const first = `n,,n=${user},r=abc`;
  crypto.createHmac = (algorithm: string, key: crypto.BinaryLike | crypto.KeyObject): Hmac => {
    hashed.push(`hmac ${algorithm}`);
    return createHmac(algorithm, key);
  };
  crypto.createHash = ((algorithm: string) => {
    hashed.push(algorithm);
    return createHash(algorithm);
  }) as typeof createHash;
  syncBuiltinESMExports();
  try {
    const challenge = content(await auth(mechanism, base64(first)));
    const nonce = /r=([^,]+)/.exec(challenge)![1]!;
    const final = await respond(base64(`c=biws,r=${nonce},p=${Buffer.alloc(20).toString('base64')}`));
    return { replies: [challenge.replace(/r=[^,]+/, 'r=').replace(/s=[^,]+/, 's='), final.text], hashed };
  } finally {
    Object.assign(crypto, { createHash, createHmac });
    syncBuiltinESMExports();
  }
}

for (const mechanism of ['SCRAM-SHA-1', 'SCRAM-SHA-256'] as const)
  test(`${mechanism}: an unknown login is answered as a wrong password is, with the same work`, async () => {
    const [alice, nobody] = [await watch('alice', mechanism), await watch('nobody', mechanism)];
    assert.equal(nobody, alice);
    assert.is(alice.hashed.length, 4); // decoy, client signature, stored key, server signature
  });

test('the salt of an unknown login stays the same, as a real one does', () => {
  const one = decoys('nobody@proxy.example', 'SCRAM-SHA-256');
  assert.equal(decoys('nobody@proxy.example', 'SCRAM-SHA-256'), one);
  assert.is(Buffer.from(one.salt, 'base64').length, 16);
  assert.is(Buffer.from(one.storedKey, 'base64').length, 32);
  assert.is(Buffer.from(decoys('nobody@proxy.example', 'SCRAM-SHA-1').storedKey, 'base64').length, 20);
  assert.is.not(decoys('somebody@proxy.example', 'SCRAM-SHA-256').salt, one.salt);
});

test.run();
