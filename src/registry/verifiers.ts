/** SCRAM verifiers (RFC 5802 §3, RFC 7677): made from a password, and a password checked against them. */
import { createHash, createHmac, pbkdf2, randomBytes, timingSafeEqual } from 'node:crypto';
import { promisify } from 'node:util';
import { prepareSecret } from '../wire/secret.ts';
import type { Verifier } from '../wire/verifier.ts';
import { RegistryError, type Verifiers } from './types.ts';

const derive = promisify(pbkdf2);
const hashes = { 'SCRAM-SHA-1': ['sha1', 20], 'SCRAM-SHA-256': ['sha256', 32] } as const;
type ScramMechanism = keyof typeof hashes;

/** RFC 7677 §4 asks for at least 4096. */
export const defaultIterations = 10_000;
/** What an unknown login is checked against: takes as long as a known one, and nobody meets it. */
const nothing: Verifier = {
  salt: randomBytes(16).toString('base64'),
  iterations: defaultIterations,
  storedKey: randomBytes(32).toString('base64'),
  serverKey: randomBytes(32).toString('base64'),
};

/** Verifiers for all mechanisms we offer, each with a salt of its own. */
export async function makeVerifiers(password: string, iterations = defaultIterations): Promise<Verifiers> {
  const secret = prepareSecret(password);
  if (secret === '') throw new RegistryError('A password cannot be empty.');
  if (/\p{Cc}/u.test(secret)) throw new RegistryError('A password cannot contain control characters.');
  const [sha1, sha256] = await Promise.all([
    make('SCRAM-SHA-1', secret, iterations),
    make('SCRAM-SHA-256', secret, iterations),
  ]);
  return { 'SCRAM-SHA-1': sha1, 'SCRAM-SHA-256': sha256 };
}

/** Is that the password (SASL PLAIN)? */
export function checkPassword(verifiers: Verifiers, password: string): Promise<boolean> {
  return meets(verifiers['SCRAM-SHA-256'], password);
}

/** For a login that does not exist: the same work as checkPassword, and always no. */
export async function checkAgainstNothing(password: string): Promise<false> {
  await meets(nothing, password);
  return false;
}

async function make(mechanism: ScramMechanism, secret: string, iterations: number): Promise<Verifier> {
  const salt = randomBytes(16);
  const keys = await keysOf(mechanism, secret, salt, iterations);
  return {
    salt: salt.toString('base64'),
    iterations,
    storedKey: keys.storedKey.toString('base64'),
    serverKey: keys.serverKey.toString('base64'),
  };
}

async function meets(verifier: Verifier, password: string): Promise<boolean> {
  const salt = Buffer.from(verifier.salt, 'base64');
  const { storedKey } = await keysOf('SCRAM-SHA-256', prepareSecret(password), salt, verifier.iterations);
  const wanted = Buffer.from(verifier.storedKey, 'base64');
  return wanted.length === storedKey.length && timingSafeEqual(wanted, storedKey);
}

/** RFC 5802 §3: SaltedPassword, and the two keys that come of it. */
async function keysOf(mechanism: ScramMechanism, secret: string, salt: Buffer, iterations: number) {
  const [hash, length] = hashes[mechanism];
  const salted = await derive(secret, salt, iterations, length, hash);
  const clientKey = createHmac(hash, salted).update('Client Key').digest();
  return {
    storedKey: createHash(hash).update(clientKey).digest(),
    serverKey: createHmac(hash, salted).update('Server Key').digest(),
  };
}
