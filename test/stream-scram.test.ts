import crypto, { createHmac, type Hmac } from 'node:crypto';
import { syncBuiltinESMExports } from 'node:module';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { ScramMechanism } from '../src/stream/authority.ts';
import { Guesses } from '../src/stream/guesses.ts';
import { scramExchange } from '../src/stream/scram.ts';
import { NS } from '../src/wire/ns.ts';
import { domain, fakeAuthority, HandClock, verifierOf } from './lib/edge.ts';
import { begin, condition, content, decoys, window } from './lib/sasl.ts';
import { scram } from './lib/scram.ts';
import { base64 } from './lib/wire.ts';

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
    const { storedKey, ...login } = reply.login!;
    assert.equal(login, { bare: 'alice@proxy.example', user: 'alice', view: 'merged', mechanism });
    assert.is(storedKey, fakeAuthority().verifier(login.bare, 'SCRAM-SHA-256')!.storedKey);
  });

test('SCRAM: the password that was the right one when the exchange began', async () => {
  let password = 'old';
  const { auth, respond } = begin({
    authority: { verifier: (_, mechanism) => verifierOf(mechanism, password, Buffer.from(password)) },
  });
  const client = scram('sha256', 'alice', 'old');
  const challenge = await auth('SCRAM-SHA-256', base64(client.first));
  password = 'new';
  assert.is(condition(await respond(base64(client.final(content(challenge))))), 'not-authorized');
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
    assert.is(alice.hashed.length, 5); // decoy, offer, client signature, stored key, server signature
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
