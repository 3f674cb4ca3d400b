/** What the mechanisms have in common (RFC 6120 §6, RFC 4422). */
import type { BareJid } from '../wire/jid.ts';
import { readJid } from '../wire/jid.ts';

/** RFC 6120 §6.5: the conditions that we send. */
export type SaslCondition =
  | 'aborted'
  | 'encryption-required'
  | 'incorrect-encoding'
  | 'invalid-authzid'
  | 'invalid-mechanism'
  | 'malformed-request'
  | 'not-authorized'
  | 'temporary-auth-failure';

/** Ends one attempt; the stream goes on. `guess`: whose password was wrong. */
export class SaslFailure extends Error {
  readonly condition: SaslCondition;
  readonly guess: string | undefined;
  constructor(condition: SaslCondition, text = '', guess?: string) {
    super(text);
    this.name = 'SaslFailure';
    this.condition = condition;
    this.guess = guess;
  }
}

/** What a mechanism answers: a challenge, or the login that it has proved. */
export type Step = { challenge: string } | { login: BareJid; data?: string };

/** One attempt with one mechanism; throws SaslFailure. */
export interface Exchange {
  step(message: Buffer): Step | Promise<Step>;
}

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

export function readText(message: Buffer): string {
  try {
    return decoder.decode(message);
  } catch {
    throw new SaslFailure('malformed-request', 'not UTF-8');
  }
}

/** The login that a user name means on a stream to that domain: a localpart, or the whole bare address where somebody wrote that. */
export function loginOf(name: string, domain: BareJid): BareJid | undefined {
  const whole = name.includes('@') ? name : `${name}@${domain}`;
  const login = readJid(whole);
  return login?.endsWith(`@${domain}`) && !login.includes('/') ? (login as BareJid) : undefined;
}

/** RFC 6120 §6.3.8: nobody may act as another. */
export function checkAuthzid(authzid: string, login: BareJid | undefined): void {
  if (authzid === '') return;
  if (login === undefined || readJid(authzid) !== login) throw new SaslFailure('invalid-authzid');
}
