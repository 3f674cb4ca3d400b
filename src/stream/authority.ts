/** Who may log in: what the streams ask, answered from the registry by whoever puts the program together. */
import type { BareJid } from '../wire/jid.ts';
import type { Verifier } from '../wire/verifier.ts';

export type Mechanism = 'SCRAM-SHA-256' | 'SCRAM-SHA-1' | 'PLAIN';
export type ScramMechanism = Exclude<Mechanism, 'PLAIN'>;
/** -PLUS is with channel binding: where TLS allows it, the stream offers it beside each SCRAM (RFC 5802 §4). */
export type OfferedMechanism = Mechanism | `${ScramMechanism}-PLUS`;

export type PlainVerdict =
  | { ok: true }
  /** The password is wrong: counts as guessing. */
  | { ok: false; reason: 'not-authorized' }
  /** It could not be found out now (the real server is away, too many trials): does not count. */
  | { ok: false; reason: 'temporary-auth-failure'; text: string };

export interface Authority {
  /** Does a stream `to` that domain concern us (else `host-unknown`)? */
  serves(domain: string): boolean;
  /** What is offered there, best first (RULES, Logging in: a domain open to enrolment offers PLAIN alone). */
  mechanisms(domain: string): readonly Mechanism[];
  /** Undefined for an unknown login: the stream then plays the exchange to its end with a verifier nobody can meet. */
  verifier(login: BareJid, mechanism: ScramMechanism): Verifier | undefined;
  /** Takes as long for an unknown login as for a wrong password. `remote`: the client's IP address. */
  plain(login: BareJid, password: string, remote: string): Promise<PlainVerdict>;
  /** The user behind a login that has just been proved; undefined if it vanished meanwhile. */
  user(login: BareJid): Granted | undefined;
}

/** Whose login it is, and what it shows (link's LoginView). */
export interface Granted {
  user: string;
  view: 'identity' | 'single' | 'merged';
  /** The account it shows, where that has another address than the login (single). */
  account?: BareJid;
}
