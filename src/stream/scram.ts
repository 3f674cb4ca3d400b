/** SASL SCRAM (RFC 5802, RFC 7677), the server's side, with and without channel binding. */
import { createHash, createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import type { BareJid } from '../wire/jid.ts';
import type { Verifier } from '../wire/verifier.ts';
import type { Authority, OfferedMechanism, ScramMechanism } from './authority.ts';
import type { Decoys } from './decoys.ts';
import { type Offer, offerHash } from './offer.ts';
import { checkAuthzid, type Exchange, loginOf, readText, SaslFailure, type Step } from './sasl.ts';

const hashes = { 'SCRAM-SHA-1': 'sha1', 'SCRAM-SHA-256': 'sha256' } as const;

export interface ScramContext {
  authority: Authority;
  decoys: Decoys;
  domain: BareJid;
  /** What the client has been shown; where it is left out, nothing is said of it. */
  offer?: Offer;
  /** Base64 or the like, without a comma; random where left out. */
  nonce?: string;
}

/** gs2-header and client-first-message-bare (RFC 5802 §7); `m=` asks for what nobody has specified. */
const firstMessage = /^((n|y|p=[a-zA-Z0-9.-]+),(?:a=([^,]+))?,)(n=([^,]+),r=([\x21-\x2b\x2d-\x7e]+)(?:,.*)?)$/s;
/** client-final-message: channel binding, nonce, extensions, proof. */
const finalMessage = /^(c=([^,]+),r=([^,]+)(?:,[^,]+)*),p=([^,]+)$/s;

export function scramExchange(mechanism: Exclude<OfferedMechanism, 'PLAIN'>, context: ScramContext): Exchange {
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

function begin(named: Exclude<OfferedMechanism, 'PLAIN'>, context: ScramContext, text: string) {
  const { authority, decoys, domain, offer } = context;
  const [, gs2, flag, authzid, bareFirst, name, clientNonce] = firstMessage.exec(text) ?? [];
  if (gs2 === undefined || flag === undefined || name === undefined) throw new SaslFailure('malformed-request');
  const bound = boundTo(flag, named.endsWith('-PLUS'), offer?.bindings ?? []);
  const mechanism = named.replace('-PLUS', '') as ScramMechanism;
  const user = readName(name);
  const login = loginOf(user, domain);
  checkAuthzid(readName(authzid ?? ''), login);
  // Both are looked up whether or not there is such a login: the work is the same, and so are the answers.
  const decoy = decoys(login ?? user, mechanism);
  const known = login === undefined ? undefined : authority.verifier(login, mechanism);
  const verifier = known ?? decoy;
  const nonce = `${clientNonce}${context.nonce ?? randomBytes(18).toString('base64')}`;
  const shown = offer === undefined ? '' : `,h=${offerHash(offer, hashes[mechanism])}`;
  const challenge = `r=${nonce},s=${verifier.salt},i=${verifier.iterations}${shown}`;
  const finish = (final: string): Step => {
    const [, withoutProof, binding, sent, proof] = finalMessage.exec(final) ?? [];
    if (withoutProof === undefined || binding === undefined || proof === undefined)
      throw new SaslFailure('malformed-request');
    if (Buffer.concat([Buffer.from(gs2), bound]).toString('base64') !== binding) throw unbound();
    if (sent !== nonce) throw new SaslFailure('malformed-request', 'nonce');
    const signed = `${bareFirst},${challenge},${withoutProof}`;
    const { proved, signature } = verify(mechanism, verifier, signed, proof);
    // It may be another password by now: the exchange takes as long as the client likes.
    const isKnown = login !== undefined && authority.verifier(login, mechanism)?.storedKey === known?.storedKey;
    if (!proved || !isKnown || known === undefined) throw new SaslFailure('not-authorized', '', login ?? user);
    return { login, data: `v=${signature}` };
  };
  return { challenge, finish };
}

/**
 * RFC 5802 §6: what the exchange is bound to. A client that could bind and saw no -PLUS, where we offered it, saw another
 * offer than ours.
 */
function boundTo(flag: string, plus: boolean, bindings: Offer['bindings']): Buffer {
  if (flag === 'y' && bindings.length > 0) throw unbound();
  if (plus !== flag.startsWith('p=')) throw new SaslFailure('malformed-request');
  const binding = bindings.find(({ type }) => `p=${type}` === flag);
  if (plus && binding === undefined) throw unbound();
  return binding?.data ?? Buffer.alloc(0);
}

/** Nothing is said of a password by it. */
const unbound = () => new SaslFailure('not-authorized', 'channel binding');

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
