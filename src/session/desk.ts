/** Service addresses, as the edge sees them: what clients send to one is taken out before a unit, as what is said to root. */
import type { Stanza } from '../wire/stanza.ts';
import type { Session } from './session.ts';

export interface ServiceDesk {
  /** Is that stanza for a service address of ours, and not for its server? Asked for each, so it is quick. */
  takes(session: Session, stanza: Stanza): boolean;
  /** One that it takes. */
  stanza(session: Session, stanza: Stanza): void;
  /** The session's available presence came, changed or went (its facts have it). */
  presence(session: Session): void;
  /** That session is over, and its client never acknowledged these (XEP-0198); what others sent is among them. */
  over(session: Session, unacknowledged: readonly Stanza[]): void;
}
