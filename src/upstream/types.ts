/** A core session: the one lasting stream to an account's real server, as its hub sees it. */
import type { Failure } from '../wire/failure.ts';
import type { BareJid, FullJid } from '../wire/jid.ts';
import type { Stanza } from '../wire/stanza.ts';

/** What a core session needs to know to log in. */
export interface Account {
  jid: BareJid;
  password: string;
  /** Asked for at bind; a server may give another. */
  resource: string;
  /** `host:port` or `xmpps://host:port` (direct TLS): connect there, exempt from the private-address guard. */
  route: string | undefined;
  /** SHA-256 (hex, lower case, no colons) of the DER certificate to trust in place of a CA's word. */
  pin: string | undefined;
}

export type Status = 'off' | 'connecting' | 'online' | 'waiting' | 'stopped';

/** Called by a core session; never from within a call of the hub into the session. */
export interface CoreEvents {
  /** Bound (resumed false: a new session, everything must be told the server again) or resumed (XEP-0198: nothing was lost). */
  online(address: FullJid, resumed: boolean): void;
  /** The stream is gone and the session may still be resumed; what is sent meanwhile is queued by nobody. */
  offline(): void;
  /**
   * One stanza from the server: prepared `from` (own bare address where the server left it out), prepared `to`.
   * It counts as handled (XEP-0198 `h`) when this returns.
   */
  stanza(stanza: Stanza): void;
  /** After a failed resume, or at stop(): what was sent and never acknowledged, oldest first. Comes before `online`. */
  unacknowledged(stanzas: string[]): void;
  status(status: Status, failure: Failure | undefined): void;
}

export interface CoreSession {
  readonly status: Status;
  /** Own full address upstream, once bound; kept while offline. */
  readonly address: FullJid | undefined;
  /** Start, or start again after `stopped` or with other settings. */
  start(): void;
  /** True if it went to a live stream (and is kept until acknowledged); false while offline: the caller keeps it. */
  send(stanza: string): boolean;
  /** Nobody looks (XEP-0352), or somebody does again; told the server where it wants to know, on later streams too. */
  setInactive(inactive: boolean): void;
  /** Resolves when the server has acknowledged all that was sent until now, or it was given back by `unacknowledged`. */
  acknowledged(): Promise<void>;
  /** Closes the stream cleanly, for at most `within` milliseconds, then destroys it. */
  stop(within: number): Promise<void>;
}

/** The settings UPSTREAM_*. */
export interface UpstreamOptions {
  /** domain → `host:port` or `xmpps://host:port`. */
  routes: Record<string, string>;
  /** PEM text of additional CAs. */
  ca: string | undefined;
  allowPrivate: boolean;
  /** Without TLS, on loopback only. */
  allowPlaintext: boolean;
}

/** The program's logger; winston's fits. Stanza bodies at debug only, passwords and SASL payloads never. */
export interface Log {
  debug(message: string, fields?: object): unknown;
  info(message: string, fields?: object): unknown;
  warn(message: string, fields?: object): unknown;
  error(message: string, fields?: object): unknown;
}
