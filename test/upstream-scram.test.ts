/** SCRAM as a client: the RFCs' examples, and servers that cheat. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { type Hash, Scram } from '../src/upstream/scram.ts';
import { prepareSecret } from '../src/wire/secret.ts';

const examples = [
  {
    name: 'RFC 5802 §5',
    hash: 'sha1',
    nonce: 'fyko+d2lbbFgONRv9qkxdawL',
    first: 'n,,n=user,r=fyko+d2lbbFgONRv9qkxdawL',
    challenge: 'r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096',
    final: 'c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=',
    proof: 'v=rmF9pqV8S7suAoZWja4dJRkFsKQ=',
  },
  {
    name: 'RFC 7677 §3',
    hash: 'sha256',
    nonce: 'rOprNGfwEbeRWgbNEkqO',
    first: 'n,,n=user,r=rOprNGfwEbeRWgbNEkqO',
    challenge: 'r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096',
    final: 'c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=',
    proof: 'v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=',
  },
] as const;
const pencil = { username: 'user', password: 'pencil' };
const fresh = () => ({ key: '', salted: Buffer.alloc(0) });
const start = (hash: Hash, nonce: string, cache = fresh()) => new Scram(hash, pencil, cache, nonce);

for (const { name, hash, nonce, first, challenge, final, proof } of examples) {
  test(`the example of ${name}`, async () => {
    const scram = start(hash, nonce);
    assert.is(scram.first(), first);
    assert.is(await scram.final(challenge), final);
    scram.verify(proof);
  });

  test(`${hash}: a server that does not prove itself is refused`, async () => {
    const scram = start(hash, nonce);
    await scram.final(challenge);
    for (const wrong of ['', 'v=', 'v=AAAA', `v=${Buffer.alloc(hash === 'sha1' ? 20 : 32).toString('base64')}`])
      assert.throws(() => scram.verify(wrong), /proof of the server/);
    assert.throws(() => start(hash, nonce).verify(proof), /no proof/); // success before any challenge
  });
}

const ours = 'fyko+d2lbbFgONRv9qkxdawL';
for (const [what, challenge, why] of [
  ['our nonce unchanged', `r=${ours},s=QSXCR+Q6sek8bf92,i=4096`, /did not add/],
  ['another nonce', 'r=abcdefghijklmnopqrstuvwxyz,s=QSXCR+Q6sek8bf92,i=4096', /did not add/],
  ['too few iterations', `r=${ours}x,s=QSXCR+Q6sek8bf92,i=1`, /1 iterations/],
  ['a million million iterations', `r=${ours}x,s=QSXCR+Q6sek8bf92,i=4000000000`, /4000000000 iterations/],
  ['no salt', `r=${ours}x,s=,i=4096`, /not understood/],
  ['a mandatory extension', `m=x,r=${ours}x,s=QSXCR+Q6sek8bf92,i=4096`, /not understood/],
  ['nothing', '', /not understood/],
] as const)
  test(`a challenge with ${what} is refused`, async () => {
    let reason: unknown;
    await start('sha1', ours)
      .final(challenge)
      .catch((error) => {
        reason = error;
      });
    assert.match(String(reason), why);
  });

test('the salted password of the last login serves the next one, and no other', async () => {
  const { nonce, challenge, final } = examples[0];
  const cache = fresh();
  await start('sha1', nonce, cache).final(challenge);
  const kept = cache.salted;
  assert.is(await start('sha1', nonce, cache).final(challenge), final);
  assert.is(cache.salted, kept);
  await new Scram('sha1', { ...pencil, password: 'other' }, cache, nonce).final(challenge);
  assert.is.not(cache.salted, kept);
});

test('names and passwords are prepared', () => {
  const scram = new Scram('sha1', { username: 'a,b=c', password: '' }, fresh(), 'n');
  assert.is(scram.first(), 'n,,n=a=2Cb=3Dc,r=n');
  assert.is(prepareSecret('I\u00adX\u00a0\u2168'), 'IX IX'); // RFC 4013 §3
  assert.is(prepareSecret('\u00aa'), 'a');
});

test.run();
