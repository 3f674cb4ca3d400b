import { createHash, createHmac, pbkdf2Sync } from 'node:crypto';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { checkAgainstNothing, checkPassword, makeVerifiers } from '../src/registry/verifiers.ts';

test('the example of RFC 7677 §3: the password is checked against the key that its proof proves', async () => {
  const salt = 'W22ZaJ0SNY7soEsUEjb6gQ==';
  const nonce = 'rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0';
  const exchange = `n=user,r=rOprNGfwEbeRWgbNEkqO,r=${nonce},s=${salt},i=4096,c=biws,r=${nonce}`;
  const proof = Buffer.from('dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=', 'base64');
  const salted = pbkdf2Sync('pencil', Buffer.from(salt, 'base64'), 4096, 32, 'sha256');
  const clientKey = createHmac('sha256', salted).update('Client Key').digest();
  const storedKey = createHash('sha256').update(clientKey).digest();
  const signature = createHmac('sha256', storedKey).update(exchange).digest();
  assert.equal(
    clientKey.map((byte, at) => byte ^ signature[at]!),
    proof,
  );
  const verifier = { salt, iterations: 4096, storedKey: storedKey.toString('base64'), serverKey: '' };
  const verifiers = { 'SCRAM-SHA-1': verifier, 'SCRAM-SHA-256': verifier };
  assert.is(await checkPassword(verifiers, 'pencil'), true);
  assert.is(await checkPassword(verifiers, 'Pencil'), false);
});

test('verifiers are what SCRAM computes from the password', async () => {
  const verifiers = await makeVerifiers('pencil', 4096);
  for (const [mechanism, hash, length] of [
    ['SCRAM-SHA-1', 'sha1', 20],
    ['SCRAM-SHA-256', 'sha256', 32],
  ] as const) {
    const { salt, iterations, storedKey, serverKey } = verifiers[mechanism];
    const salted = pbkdf2Sync('pencil', Buffer.from(salt, 'base64'), iterations, length, hash);
    const clientKey = createHmac(hash, salted).update('Client Key').digest();
    assert.is(createHash(hash).update(clientKey).digest('base64'), storedKey);
    assert.is(createHmac(hash, salted).update('Server Key').digest('base64'), serverKey);
    assert.is(iterations, 4096);
  }
  const { 'SCRAM-SHA-1': sha1, 'SCRAM-SHA-256': sha256 } = await makeVerifiers('pencil');
  assert.is(sha256.iterations, 10_000);
  assert.is.not(sha1.salt, sha256.salt);
  assert.is.not(sha256.salt, verifiers['SCRAM-SHA-256'].salt);
});

test('the password is met however it was typed, and nothing else is', async () => {
  const verifiers = await makeVerifiers('Pässwörd\u00a0№ ⅸ');
  assert.is(await checkPassword(verifiers, 'Pässwörd\u00a0№ ⅸ'), true);
  assert.is(await checkPassword(verifiers, 'Pa\u0308sswo\u0308rd No ix'), true);
  assert.is(await checkPassword(verifiers, 'P\u00adässwörd No\u200b ix'), true);
  for (const wrong of ['', 'passwort', 'pässwörd No ix', 'Pässwörd No ix ', 'x'.repeat(100_000)])
    assert.is(await checkPassword(verifiers, wrong), false);
  assert.is(await checkAgainstNothing('Pässwörd № ⅸ'), false);
});

test('an unknown login takes the work of a known one', async () => {
  const verifiers = await makeVerifiers('known');
  const time = async (work: () => Promise<boolean>) => {
    const times: bigint[] = [];
    for (let round = 0; round < 9; round++) {
      const start = process.hrtime.bigint();
      await work();
      times.push(process.hrtime.bigint() - start);
    }
    return Number(times.sort((a, b) => Number(a - b))[0]);
  };
  const known = await time(() => checkPassword(verifiers, 'wrong'));
  const unknown = await time(() => checkAgainstNothing('wrong'));
  assert.ok(unknown > known / 3 && unknown < known * 3, `${known} ns, ${unknown} ns`);
});

test.run();
