/** Verifiers for logins that do not exist: they look like real ones, stay the same, and no password meets them. */
import { createHmac } from 'node:crypto';
import type { Verifier } from '../wire/verifier.ts';
import type { ScramMechanism } from './authority.ts';

export type Decoys = (login: string, mechanism: ScramMechanism) => Verifier;

/**
 * `secret` kept over restarts keeps the salts the same, or a restart would tell which logins exist. On our own domain
 * `user` and `user+label` share a password and so a salt, whether they exist or not.
 */
export function createDecoys(secret: Uint8Array, iterations: number, domain = ''): Decoys {
  return (login, mechanism) => {
    const shared = login.endsWith(`@${domain}`) ? login.replace(/\+.*@/, '@') : login;
    const bytes = createHmac('sha512', secret).update(`${mechanism}\0${shared}`).digest();
    const key = bytes.subarray(16, mechanism === 'SCRAM-SHA-1' ? 36 : 48).toString('base64');
    return { salt: bytes.subarray(0, 16).toString('base64'), iterations, storedKey: key, serverKey: key };
  };
}
