/** Upstream secrets at rest: AES-256-GCM, bound to the record they belong to. */
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';

/** What a sealed text belongs to: moved to any other place it does not open. */
export interface Place {
  user: string;
  account: string;
  field: string;
}

const algorithm = 'aes-256-gcm';
const nonceLength = 12;
const tagLength = 16;
const bound = ({ user, account, field }: Place) => Buffer.from(JSON.stringify([user, account, field]));

/** A key has 32 octets; a random nonce of 96 bits serves for far more secrets than there will be (NIST SP 800-38D §8.3). */
export function seal(key: Buffer, place: Place, text: string): string {
  const nonce = randomBytes(nonceLength);
  const cipher = createCipheriv(algorithm, key, nonce, { authTagLength: tagLength }).setAAD(bound(place));
  return Buffer.concat([nonce, cipher.update(text, 'utf8'), cipher.final(), cipher.getAuthTag()]).toString('base64');
}

/** Undefined: another key, another place, or not as it was written. */
export function unseal(key: Buffer, place: Place, sealed: string): string | undefined {
  const bytes = Buffer.from(sealed, 'base64');
  if (bytes.length < nonceLength + tagLength) return undefined;
  const decipher = createDecipheriv(algorithm, key, bytes.subarray(0, nonceLength), { authTagLength: tagLength });
  decipher.setAAD(bound(place)).setAuthTag(bytes.subarray(-tagLength));
  try {
    return decipher.update(bytes.subarray(nonceLength, -tagLength), undefined, 'utf8') + decipher.final('utf8');
  } catch {
    return undefined;
  }
}
