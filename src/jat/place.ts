/** One service address with its parts, as each kind of stanza needs them. */
import { type Condition, StanzaError } from '../wire/error.ts';
import type { BareJid, Jid } from '../wire/jid.ts';
import { errorOf, type Stanza } from '../wire/stanza.ts';
import { firstElement } from '../wire/xml.ts';
import type { Choice } from './choice.ts';
import type { Contacts } from './contacts.ts';
import type { Ends } from './exchange.ts';
import type { Identity } from './identity.ts';
import type { Limits } from './limits.ts';
import type { OpenTable } from './open.ts';
import type { Statistics } from './statistics.ts';
import type { Sticky } from './sticky.ts';
import type { Target } from './target.ts';
import type { AddressSettings, Drop, Way, World } from './types.ts';
import type { Users } from './users.ts';
import type { Ways } from './ways.ts';

export interface Place {
  readonly address: BareJid;
  settings: AddressSettings;
  readonly world: World;
  readonly ways: Ways;
  readonly open: OpenTable;
  readonly users: Users;
  readonly contacts: Contacts;
  readonly target: Target;
  readonly choice: Choice;
  readonly sticky: Sticky;
  readonly limits: Limits;
  readonly identity: Identity;
  readonly statistics: Statistics;
  /** Is that one of our service addresses, or below one? */
  serves(whom: Jid): boolean;
  /** Do requests still wait for a first resource? */
  isStarting(): boolean;
}

export const endsOf = ({ address, settings, users }: Place, user: Jid, asked: Jid, target: Jid): Ends => ({
  address,
  users,
  user,
  asked,
  target,
  private: settings.private,
});

/** May that stanza be answered with an error at all (RFC 6120 §8.3.1)? A headline wants none (RFC 6121 §5.2.2). */
export const isAnswerable = ({ name, type }: Stanza): boolean =>
  name === 'iq' ? type === 'get' || type === 'set' : type !== 'error' && type !== 'headline';

/** Refused by the way it came. Errors, results and presence are dropped instead, and counted. */
export function refuse(place: Place, stanza: Stanza, way: Way, condition: Condition, why: Drop, text = ''): void {
  if (!isAnswerable(stanza) || stanza.name === 'presence') return place.statistics.dropped(why);
  place.statistics.refused(condition);
  place.ways.answer(way, errorOf(stanza, new StanzaError(condition, text)));
}

/** What an error says (RFC 6120 §8.3.3). */
export function conditionOf(stanza: Stanza): Condition {
  const error = stanza.tree.getChild('error');
  return ((error && firstElement(error)?.name) ?? 'undefined-condition') as Condition;
}
