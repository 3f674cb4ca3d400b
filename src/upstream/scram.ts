/** SCRAM (RFC 5802, RFC 7677), the client's part; the server's proof is checked. */
import { createHash, createHmac, pbkdf2, randomBytes, timingSafeEqual } from 'node:crypto';
import { promisify } from 'node:util';
import { prepareSecret } from '../wire/secret.ts';
import { Failed } from './failed.ts';

const derive = promisify(pbkdf2);

export type Hash = 'sha1' | 'sha256';
/** Fewer make the password cheap to guess for whoever sees the exchange; more only keep us busy. */
const iterations = { least: 4096, most: 2_000_000 };

/** The last salted password: a reconnect need not compute it again. */
export interface SaltCache {
  key: string;
  salted: Buffer;
}

export interface Credentials {
  username: string;
  password: string;
}

export class Scram {
  readonly #hash: Hash;
  readonly #credentials: Credentials;
  readonly #cache: SaltCache;
  readonly #nonce: string;
  #signature: Buffer | undefined;

  /** `nonce` is given by tests alone. */
  constructor(hash: Hash, credentials: Credentials, cache: SaltCache, nonce = randomBytes(18).toString('base64')) {
    this.#hash = hash;
    this.#credentials = credentials;
    this.#cache = cache;
    this.#nonce = nonce;
  }

  /** client-first-message; `n`: no channel binding. */
  first(): string {
    return `n,,${this.#bareFirst()}`;
  }

  /** client-final-message for the server-first-message. */
  async final(serverFirst: string): Promise<string> {
    const { nonce, salt, count } = readServerFirst(serverFirst, this.#nonce);
    const salted = await this.#salt(salt, count);
    const withoutProof = `c=biws,r=${nonce}`;
    const message = `${this.#bareFirst()},${serverFirst},${withoutProof}`;
    const clientKey = this.#hmac(salted, 'Client Key');
    const storedKey = createHash(this.#hash).update(clientKey).digest();
    const proof = this.#hmac(storedKey, message).map((byte, index) => byte ^ clientKey[index]!);
    this.#signature = this.#hmac(this.#hmac(salted, 'Server Key'), message);
    return `${withoutProof},p=${Buffer.from(proof).toString('base64')}`;
  }

  /** Has the server proved that it knows the password too? Throws if not. */
  verify(serverFinal: string): void {
    const { v, e } = readAttributes(serverFinal);
    if (e !== undefined)
      throw new Failed(/^(invalid-proof|unknown-user)$/.test(e) ? 'refused' : 'stream', `SCRAM: ${e}`);
    const shown = Buffer.from(v ?? '', 'base64');
    if (this.#signature === undefined || shown.length !== this.#signature.length)
      throw new Failed('stream', 'SCRAM: no proof of the server');
    if (!timingSafeEqual(shown, this.#signature)) throw new Failed('stream', 'SCRAM: wrong proof of the server');
  }

  #bareFirst(): string {
    return `n=${escapeName(this.#credentials.username)},r=${this.#nonce}`;
  }

  async #salt(salt: string, count: number): Promise<Buffer> {
    const password = prepareSecret(this.#credentials.password);
    const key = createHash('sha256')
      .update(JSON.stringify([this.#hash, password, salt, count]))
      .digest('hex');
    if (this.#cache.key !== key) {
      const length = this.#hash === 'sha1' ? 20 : 32;
      this.#cache.salted = await derive(password, Buffer.from(salt, 'base64'), count, length, this.#hash);
      this.#cache.key = key;
    }
    return this.#cache.salted;
  }

  #hmac(key: Buffer, text: string): Buffer {
    return createHmac(this.#hash, key).update(text).digest();
  }
}

/** RFC 5802 §5.1: `,` and `=` in a name. */
const escapeName = (name: string): string => name.normalize('NFKC').replaceAll('=', '=3D').replaceAll(',', '=2C');

function readAttributes(message: string): Record<string, string | undefined> {
  return Object.fromEntries(message.split(',').map((part) => [part.slice(0, 1), part.slice(2)]));
}

function readServerFirst(message: string, ours: string): { nonce: string; salt: string; count: number } {
  const parts = /^r=([\x21-\x2b\x2d-\x7e]+),s=([A-Za-z0-9+/]+=*),i=(\d{1,10})(?:,|$)/.exec(message);
  if (parts === null) throw new Failed('stream', 'SCRAM: challenge not understood');
  const [nonce, salt, count] = [parts[1]!, parts[2]!, Number(parts[3])];
  if (!nonce.startsWith(ours) || nonce.length === ours.length)
    throw new Failed('stream', 'SCRAM: the server did not add to our nonce');
  if (count < iterations.least || count > iterations.most)
    throw new Failed('stream', `SCRAM: the server asks for ${count} iterations`);
  return { nonce, salt, count };
}
