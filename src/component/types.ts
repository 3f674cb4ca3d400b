/** A component host (XEP-0114) as its users see it: a domain of a real server whose stanzas come to us. */
import type { BareJid } from '../wire/jid.ts';
import type { Stanza } from '../wire/stanza.ts';

/** Where a component connects, and what proves that it may. */
export interface ComponentPlace {
  host: BareJid;
  /** Name or IP address. */
  server: string;
  port: number;
  /** TLS from the first byte. XEP-0114 itself has none. */
  tls: boolean;
  secret: string;
  /** SHA-256 (hex, lower case) of the certificate to trust in place of a CA's word. */
  pin?: string | undefined;
}

export type ComponentFailureKind =
  /** The handshake was refused: another secret. */
  | 'refused'
  /** The server knows no such component. */
  | 'host-unknown'
  /** Another program has that host. */
  | 'conflict'
  /** Neither loopback nor TLS: the secret and all that is said would be read by others. */
  | 'clear'
  | 'certificate'
  /** The server's name does not resolve. */
  | 'name'
  | 'unreachable'
  | 'timeout'
  /** The server ended the stream or broke the protocol. */
  | 'stream'
  /** The connection was cut. */
  | 'lost';

export interface ComponentFailure {
  kind: ComponentFailureKind;
  /** What the peer or the system said, one line, never a secret. */
  text: string;
  /** SHA-256 (hex, lower case) of the certificate that was shown, where that is the matter. */
  fingerprint?: string | undefined;
}

export type ComponentStatus = 'off' | 'connecting' | 'online' | 'waiting';

export interface ComponentState {
  host: BareJid;
  status: ComponentStatus;
  /** Milliseconds since the epoch. */
  since: number;
  /** Why it is not online. */
  failure: ComponentFailure | undefined;
}

export interface ComponentEvents {
  /** The handshake is through: stanzas flow. */
  online(): void;
  /** The stream is over; what was sent and not delivered is lost, and nobody tells what. */
  offline(): void;
  /** From the server: both addresses prepared, `from` not on our host; `to` may be on another host of that server. */
  stanza(stanza: Stanza): void;
  state(state: ComponentState): void;
}

export interface Component {
  readonly state: ComponentState;
  /** Starts it, or tries again now. */
  start(): void;
  /** Whole stanzas as text; false if there is no stream, and nobody keeps it. */
  send(stanza: string): boolean;
  /** Ends the stream in good order, for at most `within` milliseconds. */
  stop(within: number): Promise<void>;
}

export interface ComponentOptions {
  /** PEM text of additional CAs. */
  ca: string | undefined;
  /** May the stream be neither on loopback nor in TLS? */
  allowClear: boolean;
  log: Log;
  timing?: Timing;
  /** From 0 to below 1. */
  random?: () => number;
}

/** How long what may take, in milliseconds. */
export interface Timing {
  /** TCP and TLS. */
  connect: number;
  /** The server's header, its answer to the handshake. */
  answer: number;
  /** Silence after which the server is asked whether it is there, and how long it may take to say so. */
  idle: number;
  reply: number;
  /** How long a server may take nothing of what is written. */
  stalled: number;
  /** A stream that lasted as long has proved that all is well: backoff begins anew. */
  held: number;
  /** First attempt after such a stream: at most. */
  quick: number;
  backoff: { least: number; most: number };
}

/** The program's logger; winston's fits. */
export interface Log {
  debug(message: string, fields?: object): unknown;
  info(message: string, fields?: object): unknown;
  warn(message: string, fields?: object): unknown;
  error(message: string, fields?: object): unknown;
}
