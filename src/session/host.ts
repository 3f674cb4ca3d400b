/** What a session asks of the edge. */
import type { StreamLimits } from '../stream/limits.ts';
import type { Outgoing } from '../stream/outgoing.ts';
import type { Clock } from '../wire/clock.ts';
import type { FullJid } from '../wire/jid.ts';
import type { Stanza } from '../wire/stanza.ts';
import type { Session } from './session.ts';

export interface SessionHost {
  limits: StreamLimits;
  clock: Clock;
  /** A checked stanza of that client. */
  route(session: Session, stanza: Stanza): void;
  /** XEP-0198 is on, and the session may be resumed with that id. */
  resumable(session: Session, id: string): void;
  /** `report` has something to say; not within this call. */
  changed(session: Session): void;
  /** Clients that answer no pings. */
  mute: { has(address: FullJid): boolean };
  /** Once. `isClean`: its client ended it, and all that it said is durable. */
  over(session: Session, isClean: boolean, unacknowledged: readonly Outgoing[]): void;
}
