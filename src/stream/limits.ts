/** What a client may use up. All can be given to the edge, what a client may leave unacknowledged by the settings; these are the defaults. */
import type { Limits } from '../wire/parser.ts';

export interface StreamLimits {
  /** Connections from one address (one /64 in IPv6) that have no session yet. */
  pending: number;
  /** The same for loopback, where a relay or many local programs may stand behind the one address. */
  pendingLoopback: number;
  /** Milliseconds for a TLS handshake. */
  handshake: number;
  /** Milliseconds from the connection to a bound or resumed session. */
  login: number;
  /** Failed SASL attempts of one stream (RFC 6120 §6.4.5). */
  attempts: number;
  /** Wrong passwords from one address within `guessWindow` milliseconds. */
  guesses: number;
  guessWindow: number;
  /** Elements before and after authentication. */
  before: Limits;
  after: Limits;
  /** Bytes that a client leaves unread for as long as `answer` before it is cut off. */
  unflushed: number;
  /** Milliseconds that a closing stream is given to end. */
  closing: number;
  /** Milliseconds without a sign of life after which a client is asked for one (XEP-0478 idle-seconds). */
  idle: number;
  /** XEP-0198: stanzas and bytes that a client leaves unacknowledged. */
  unacknowledged: { stanzas: number; bytes: number };
  /** XEP-0198: milliseconds for an answer to `<r/>` before a stream above those limits is closed, and before any stream is. */
  grace: number;
  answer: number;
  /** XEP-0198: milliseconds that a session waits for its client to come back. */
  resume: number;
  /** Sessions of one login. */
  sessions: number;
}

/** So many times above what a client may leave unread or unacknowledged, nobody waits for it. */
export const flood = 4;

export const defaultLimits: StreamLimits = {
  pending: 100,
  pendingLoopback: 1000,
  handshake: 10_000,
  login: 30_000,
  attempts: 8,
  guesses: 20,
  guessWindow: 600_000,
  before: { bytes: 10_000, depth: 8, attributes: 32 },
  after: { bytes: 262_144, depth: 64, attributes: 128 },
  unflushed: 1_048_576,
  closing: 1000,
  idle: 900_000,
  unacknowledged: { stanzas: 1000, bytes: 1_048_576 },
  grace: 10_000,
  answer: 60_000,
  resume: 300_000,
  sessions: 100,
};
