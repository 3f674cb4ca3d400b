/**
 * Sealed texts (`translation.md`): AES-256-GCM whose nonce is a MAC of what is sealed, so that one user always looks the
 * same (one roster item, one chat) and the same nonce never serves two texts. What is sealed for one address or purpose
 * does not open for another.
 */
import { createCipheriv, createDecipheriv, createHmac } from 'node:crypto';

const nonceBytes = 12;
const tagBytes = 16;
/** What sealing adds to a text. */
export const sealBytes = nonceBytes + tagBytes;

export interface Sealer {
  /** `purpose` must be the same to open it. */
  seal(text: string, purpose: string): Buffer;
  /** Undefined: not sealed by us, for this. */
  open(sealed: Buffer, purpose: string): string | undefined;
}

/** `key`: the proxy's; `scope`: the service address. */
export function sealerOf(key: Uint8Array, scope: string): Sealer {
  const derive = (use: string) => createHmac('sha256', key).update(`${use}\0${scope}`).digest();
  const [cipherKey, nonceKey] = [derive('jat seal'), derive('jat nonce')];
  const nonceOf = (text: string, purpose: string) =>
    createHmac('sha256', nonceKey).update(`${purpose}\0${text}`).digest().subarray(0, nonceBytes);
  return {
    seal(text, purpose) {
      const nonce = nonceOf(text, purpose);
      const cipher = createCipheriv('aes-256-gcm', cipherKey, nonce).setAAD(Buffer.from(purpose));
      return Buffer.concat([nonce, cipher.update(text, 'utf8'), cipher.final(), cipher.getAuthTag()]);
    },
    open(sealed, purpose) {
      if (sealed.length <= sealBytes) return undefined;
      const decipher = createDecipheriv('aes-256-gcm', cipherKey, sealed.subarray(0, nonceBytes))
        .setAAD(Buffer.from(purpose))
        .setAuthTag(sealed.subarray(-tagBytes));
      try {
        return decipher.update(sealed.subarray(nonceBytes, -tagBytes), undefined, 'utf8') + decipher.final('utf8');
      } catch {
        return undefined;
      }
    },
  };
}

/** A short name for a text, the same each time; nobody without the key can make it or guess the text. */
export const nameOf = (key: Uint8Array, scope: string, text: string): Buffer =>
  createHmac('sha256', key).update(`jat token\0${scope}\0${text}`).digest().subarray(0, 15);

const digits = 'abcdefghijklmnopqrstuvwxyz234567';

/** RFC 4648 §6 in lower case and without padding: localparts have no other case (RFC 7622 §3.3). */
export function base32(bytes: Uint8Array): string {
  let text = '';
  let held = 0;
  let bits = 0;
  for (const byte of bytes) {
    held = (held << 8) | byte;
    for (bits += 8; bits >= 5; bits -= 5) text += digits[(held >> (bits - 5)) & 31];
    held &= 0xff;
  }
  return bits === 0 ? text : text + digits[(held << (5 - bits)) & 31];
}

/** Undefined unless base32() wrote it. */
export function fromBase32(text: string): Buffer | undefined {
  const bytes: number[] = [];
  let held = 0;
  let bits = 0;
  for (const char of text) {
    const value = digits.indexOf(char);
    if (value < 0) return undefined;
    held = ((held << 5) | value) & 0xfff;
    bits += 5;
    if (bits < 8) continue;
    bits -= 8;
    bytes.push((held >> bits) & 0xff);
  }
  const found = Buffer.from(bytes);
  return base32(found) === text ? found : undefined;
}

/** Undefined unless base64url wrote it: one text, one address. */
export function fromBase64url(text: string): Buffer | undefined {
  const found = Buffer.from(text, 'base64url');
  return found.toString('base64url') === text ? found : undefined;
}
