/** SASL SCRAM (RFC 5802, RFC 7677), the server's side, without channel binding. */
import { createHash, createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import type { BareJid } from '../wire/jid.ts';
import type { Authority, ScramMechanism, Verifier } from './authority.ts';
import type { Decoys } from './decoys.ts';
import { checkAuthzid, type Exchange, loginOf, readText, SaslFailure, type Step } from './sasl.ts';

const hashes = { 'SCRAM-SHA-1': 'sha1', 'SCRAM-SHA-256': 'sha256' } as const;

export interface ScramContext {
  authority: Authority;
  decoys: Decoys;
  domain: BareJid;
  /** Base64 or the like, without a comma; random where left out. */
  nonce?: string;
}

/** gs2-header and client-first-message-bare (RFC 5802 §7); `m=` asks for what nobody has specified. */
const firstMessage = /^((?:n|y),(?:a=([^,]+))?,)(n=([^,]+),r=([\x21-\x2b\x2d-\x7e]+)(?:,.*)?)$/s;
/** client-final-message: channel binding, nonce, extensions, proof. */
const finalMessage = /^(c=([^,]+),r=([^,]+)(?:,[^,]+)*),p=([^,]+)$/s;

export function scramExchange(mechanism: ScramMechanism, context: ScramContext): Exchange {
  let second: ((message: string) => Step) | undefined;
  return {
    step(message) {
      const text = readText(message);
      if (second !== undefined) return second(text);
      const { challenge, finish } = begin(mechanism, context, text);
      second = finish;
      return { challenge };
    },
  };
}

function begin(mechanism: ScramMechanism, { authority, decoys, domain, ...context }: ScramContext, text: string) {
  const [, gs2, authzid, bareFirst, name, clientNonce] = firstMessage.exec(text) ?? [];
  if (gs2 === undefined || name === undefined) throw new SaslFailure('malformed-request');
  const user = readName(name);
  const login = loginOf(user, domain);
  checkAuthzid(readName(authzid ?? ''), login);
  // Both are looked up whether or not there is such a login: the work is the same, and so are the answers.
  const decoy = decoys(login ?? user, mechanism);
  const known = login === undefined ? undefined : authority.verifier(login, mechanism);
  const verifier = known ?? decoy;
  const nonce = `${clientNonce}${context.nonce ?? randomBytes(18).toString('base64')}`;
  const challenge = `r=${nonce},s=${verifier.salt},i=${verifier.iterations}`;
  const finish = (final: string): Step => {
    const [, withoutProof, binding, sent, proof] = finalMessage.exec(final) ?? [];
    if (withoutProof === undefined || binding === undefined || proof === undefined)
      throw new SaslFailure('malformed-request');
    if (Buffer.from(gs2).toString('base64') !== binding) throw new SaslFailure('malformed-request', 'channel binding');
    if (sent !== nonce) throw new SaslFailure('malformed-request', 'nonce');
    const signed = `${bareFirst},${challenge},${withoutProof}`;
    const { proved, signature } = verify(mechanism, verifier, signed, proof);
    if (!proved || login === undefined || known === undefined) throw new SaslFailure('not-authorized', '', true);
    return { login, data: `v=${signature}` };
  };
  return { challenge, finish };
}

/** RFC 5802 §3: the proof is checked against the stored key, and ours is made, whether or not theirs is right. */
function verify(mechanism: ScramMechanism, { storedKey, serverKey }: Verifier, signed: string, proof: string) {
  const hash = hashes[mechanism];
  const stored = Buffer.from(storedKey, 'base64');
  const clientSignature = createHmac(hash, stored).update(signed).digest();
  const given = Buffer.from(proof, 'base64');
  const clientKey = clientSignature.map((byte, at) => byte ^ (given[at] ?? 0));
  const found = createHash(hash).update(clientKey).digest();
  const proved = given.length === found.length && stored.length === found.length && timingSafeEqual(found, stored);
  const signature = createHmac(hash, Buffer.from(serverKey, 'base64')).update(signed).digest('base64');
  return { proved, signature };
}

/** saslname: `=2C` and `=3D` stand for comma and equals sign, and nothing else does. */
function readName(text: string): string {
  if (/=(?!2C|3D)/.test(text)) throw new SaslFailure('malformed-request');
  return text.replaceAll('=2C', ',').replaceAll('=3D', '=');
}
