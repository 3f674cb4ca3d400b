/** The client side of SCRAM (RFC 5802), apart from the code under test. */
import { createHash, createHmac, pbkdf2Sync, randomBytes, timingSafeEqual } from 'node:crypto';

export interface Exchange {
  first: string;
  /** The answer to the server's first message. */
  final(challenge: string): string;
  /** Throws unless the server has proved that it knows the password. */
  verify(final: string): void;
}

const saslName = (name: string): string => name.replaceAll('=', '=3D').replaceAll(',', '=2C');
const field = (text: string, name: string): string => {
  const found = text.split(',').find((part) => part.startsWith(`${name}=`));
  if (found === undefined) throw new Error(`no ${name}= in the server's message: ${text}`);
  return found.slice(2);
};

/** What an exchange is bound to. */
export interface Binding {
  type: string;
  data: Uint8Array;
}

/** One exchange; `binding`: with channel binding, or the flag that says why without (RFC 5802 §6). */
export function scram(
  hash: 'sha1' | 'sha256',
  user: string,
  password: string,
  binding: Binding | 'n' | 'y' = 'n',
): Exchange {
  const gs2 = typeof binding === 'string' ? `${binding},,` : `p=${binding.type},,`;
  const bound = Buffer.concat([Buffer.from(gs2), typeof binding === 'string' ? Buffer.alloc(0) : binding.data]);

  const size = hash === 'sha1' ? 20 : 32;
  const nonce = randomBytes(18).toString('base64');
  const bareFirst = `n=${saslName(user)},r=${nonce}`;
  const hmac = (key: Buffer, text: string) => createHmac(hash, key).update(text).digest();
  let expected: Buffer | undefined;
  return {
    first: gs2 + bareFirst,
    final(challenge) {
      const whole = field(challenge, 'r');
      if (!whole.startsWith(nonce)) throw new Error('the nonce is not ours');
      const salt = Buffer.from(field(challenge, 's'), 'base64');
      const salted = pbkdf2Sync(password, salt, Number(field(challenge, 'i')), size, hash);
      const withoutProof = `c=${bound.toString('base64')},r=${whole}`;
      const message = `${bareFirst},${challenge},${withoutProof}`;
      const clientKey = hmac(salted, 'Client Key');
      const signature = hmac(createHash(hash).update(clientKey).digest(), message);
      expected = hmac(hmac(salted, 'Server Key'), message);
      const proof = Buffer.from(clientKey.map((byte, at) => byte ^ signature[at]!));
      return `${withoutProof},p=${proof.toString('base64')}`;
    },
    verify(final) {
      const given = Buffer.from(field(final, 'v'), 'base64');
      if (expected === undefined || given.length !== size || !timingSafeEqual(given, expected))
        throw new Error('the server does not know the password');
    },
  };
}
