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

/** What lasts of an account's sessions with its server, so that another process can take the last one up (XEP-0198 §5). */
export interface SessionState {
  /** Counts the sessions; the sequence numbers of each begin behind `number` times 2^32. */
  number: number;
  /** For `<resume/>`; undefined where the server resumes nothing. */
  id: string | undefined;
  address: FullJid;
  /** Where the server would like to see us again: `host`, `host:port`. */
  location: string | undefined;
  /** Stanzas of the server that are handled, and all that came of them is durable: our `h`. */
  h: number;
  /** Which of the server's stanzas was begun and not ended when the stream broke, or the process ended, and how often. */
  begun: { position: number; times: number } | undefined;
}

/** Where a core session keeps what lasts of it: in the same transactions as what its hub makes of the stanzas. */
export interface SessionLedger {
  /** As noted last; undefined where nothing was. */
  read(): Promise<SessionState | undefined>;
  /** Kept as it is at the next commit; resolves when that is durable. */
  note(state: () => SessionState): Promise<void>;
  /** Resolves when all that was written until now is durable; undefined: it is. */
  settled(): Promise<void> | undefined;
}

/** Called by a core session; never from within a call of the hub into the session. */
export interface CoreEvents {
  /**
   * Bound (`resumed` false: a new session, everything must be told the server again) or resumed (XEP-0198: nothing was lost).
   * `inherited`: resumed, but it was begun before this process or worker: the server thinks that we know what it told that one.
   */
  online(address: FullJid, resumed: boolean, inherited: boolean): void;
  /** The stream is gone and the session may still be resumed; what is sent meanwhile is queued by nobody. */
  offline(): void;
  /**
   * One stanza from the server: prepared `from` (own bare address where the server left it out), prepared `to`. It counts as
   * handled (XEP-0198 `h`) when all is durable that was written before this returns.
   */
  stanza(stanza: Stanza): void;
  /**
   * The server has all that was sent with a sequence number from `first`, where the session began, up to `last`. Comes before
   * `online`, too: at resumption, and where a session that cannot be resumed is known to have got so far.
   */
  handled(first: number, last: number): void;
  /** After a failed resume, or at stop(): what this process sent and was never acknowledged, oldest first. Comes before `online`. */
  unacknowledged(stanzas: string[]): void;
  /** The server's stanza at which the stream, or the process, has broken twice was left out, and counts as handled. */
  skipped(): void;
  status(status: Status, failure: Failure | undefined): void;
}

export interface CoreSession {
  readonly status: Status;
  /** Own full address upstream, once bound; kept while offline. */
  readonly address: FullJid | undefined;
  /** Start, or start again after `stopped` or with other settings. */
  start(): void;
  /**
   * Its sequence number if it went to a live stream (and is kept until acknowledged); undefined while offline: the caller keeps
   * it. The numbers rise, over sessions and processes, too.
   */
  send(stanza: string): number | undefined;
  /** Nobody looks (XEP-0352), or somebody does again; told the server where it wants to know, on later streams too. */
  setInactive(inactive: boolean): void;
  /** Nothing can be kept now: nothing more is taken from the server, until it is taken back. What is sent goes out all the same. */
  setPaused(paused: boolean): void;
  /** Makes durable and acknowledges what was handled, closes the stream, for at most `within` milliseconds, then destroys it. */
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
