/** What messages are known by: ids that their senders, their rooms and the account's server gave them. */
import type { ArchivedMessage } from '../archive/types.ts';
import { isFull, type Jid } from '../wire/jid.ts';
import type { Stanza } from '../wire/stanza.ts';
import type { Reading } from './archivable.ts';
import type { Sight, Way } from './recent.ts';

type Ids = Pick<Reading, 'alias' | 'roomId' | 'originId'>;
type Named = Pick<ArchivedMessage, 'id' | 'peer' | 'resource' | 'type' | 'isSent' | 'client'>;

/** RFC 6121 §5.2.2: what is none of these is normal. */
export function typeOf({ type }: Stanza): ArchivedMessage['type'] {
  return type === 'chat' || type === 'groupchat' || type === 'headline' || type === 'error' ? type : 'normal';
}

/** `about`: what aboutName says, where that is at hand. */
export const sightOf = (reading: Reading, message: ArchivedMessage, way: Way, about?: string): Sight => ({
  names: namesOf(reading, message, about),
  mark: reading.mark,
  alias: reading.alias ?? reading.roomId,
  way,
  stamp: reading.stamp,
});

/** Most telling first. */
function namesOf({ alias, roomId, originId }: Ids, message: Named, about: string | undefined): string[] {
  const { id, peer, isSent } = message;
  const names: string[] = [];
  if (alias !== undefined) names.push(`alias ${alias}`);
  if (roomId !== undefined) names.push(`room ${peer} ${roomId}`);
  if (originId !== undefined && originId !== id && !isSent) names.push(`origin ${otherOf(message)} ${originId}`);
  if (id === undefined && isSent && originId !== undefined) names.push(idName(message, originId));
  if (id === undefined) return names;
  names.push(idName(message, id));
  if (isSent && message.type !== 'groupchat') names.push(about ?? aboutName(peer, id));
  return names;
}

const otherOf = ({ peer, resource }: Named): string => (resource === undefined ? peer : `${peer}/${resource}`);

/** By its own id. An error has the id of the message that it is about. */
export function idName(message: Named, id: string): string {
  const { type, isSent, client } = message;
  if (type === 'error') return `error ${otherOf(message)} ${id}`;
  return type === 'groupchat' || !isSent
    ? `came ${otherOf(message)} ${id}`
    : `sent ${client ?? ''} ${otherOf(message)} ${id}`;
}

/** What an error is about: the message that went to that peer. */
export const aboutName = (peer: string, id: string): string => `about ${peer} ${id}`;

/** It went to another resource of the account, so it came as a carbon. */
export const wayOf = ({ to }: Stanza): Way => (to !== undefined && isFull(to as Jid) ? 'carbon' : 'direct');
