/** What messages are known by: ids that their senders, their rooms and the account's server gave them. */
import type { ArchivedMessage } from '../archive/types.ts';
import { type BareJid, bare, type FullJid, isFull, type Jid, resourceOf } from '../wire/jid.ts';
import { NS } from '../wire/ns.ts';
import type { Stanza } from '../wire/stanza.ts';
import { childOf } from '../wire/xml.ts';
import type { Reading } from './archivable.ts';
import { hashed, type Name } from './hashed.ts';
import type { Way } from './known.ts';
import type { Sight } from './recent.ts';

type Ids = Pick<Reading, 'alias' | 'roomId' | 'originId'>;
type Named = Pick<ArchivedMessage, 'id' | 'peer' | 'resource' | 'type' | 'isSent' | 'client'>;

/** RFC 6121 §5.2.2: what is none of these is normal. */
export function typeOf({ type }: Stanza): ArchivedMessage['type'] {
  return type === 'chat' || type === 'groupchat' || type === 'headline' || type === 'error' ? type : 'normal';
}

/** `about`: what aboutName says, where that is at hand. */
export function sightOf(reading: Reading, message: ArchivedMessage, way: Way, about?: Name): Sight {
  const alias = aliasOf(reading);
  const { mark, stamp } = reading;
  return { names: namesOf(reading, message, alias, about), mark, alias, way, stamp };
}

/** Most telling first. */
function namesOf(ids: Ids, message: Named, alias: Name | undefined, about: Name | undefined): Name[] {
  const { roomId, originId } = ids;
  const { id, peer, isSent } = message;
  const names: Name[] = [];
  if (ids.alias !== undefined && alias !== undefined) names.push(alias);
  if (roomId !== undefined) names.push(hashed('room', peer, roomId));
  if (originId !== undefined && originId !== id && !isSent) names.push(otherName('origin', message, originId));
  if (id === undefined && isSent && originId !== undefined) names.push(idName(message, originId));
  if (id === undefined) return names;
  names.push(idName(message, id));
  if (isSent && message.type !== 'groupchat') names.push(about ?? aboutName(peer, id));
  return names;
}

/** What the account's server calls it; in a room the room's word counts as that. */
function aliasOf({ alias, roomId }: Ids): Name | undefined {
  const id = alias ?? roomId;
  return id === undefined ? undefined : hashed('alias', id);
}

const otherName = (kind: string, { peer, resource }: Named, id: string): Name => hashed(kind, peer, resource, id);

/** By its own id. An error has the id of the message that it is about. */
function idName(message: Named, id: string): Name {
  const { type, isSent, client, peer, resource } = message;
  if (type === 'error') return otherName('error', message, id);
  return type === 'groupchat' || !isSent ? otherName('came', message, id) : hashed('sent', peer, resource, id, client);
}

/** Of what that client, or one that is none of ours (undefined), sent to `to`. */
export function nameFrom(client: FullJid | undefined, message: Stanza, to: Jid, account: BareJid): Name | undefined {
  const id = message.id ?? childOf(message.tree, 'origin-id', NS.sid)?.attrs.id;
  const isOwn = to === account; // it came back from the server
  if (id === undefined || (isOwn && client === undefined)) return undefined;
  const resource = resourceOf((isOwn ? client : to) as FullJid) || undefined;
  return idName({ peer: bare(to), resource, id, client, isSent: !isOwn, type: typeOf(message) }, id);
}

/** What an error is about: the message that went to that peer. */
export const aboutName = (peer: string, id: string): Name => hashed('about', peer, id);

/** It went to another resource of the account, so it came as a carbon. */
export const wayOf = ({ to }: Stanza): Way => (to !== undefined && isFull(to as Jid) ? 'carbon' : 'direct');
