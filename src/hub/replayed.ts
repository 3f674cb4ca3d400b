/** A message of the archive as a client gets it that missed it: as it would have got it then, and with its date (XEP-0203). */
import type { ArchivedMessage } from '../archive/types.ts';
import { type BareJid, bare, type FullJid, isFull, type Jid, withResource } from '../wire/jid.ts';
import { NS } from '../wire/ns.ts';
import { delay, type Stanza } from '../wire/stanza.ts';
import { hasChild } from '../wire/xml.ts';
import { isEligible, wrap } from './carbons.ts';
import type { Client } from './clients.ts';
import type { Context } from './context.ts';
import type { Habit } from './habits.ts';
import type { Archived } from './ids.ts';
import { inlineCopy, marked } from './mirror.ts';

/** A client that takes messages to the bare address, from when it does. */
export interface Run {
  readonly client: Client;
  /** All up to there it has, or need not get. Undefined until it is known where that is. */
  position: number;
  /** The archive's last place when it came. */
  readonly began: number;
  /** What a hub before this one had given it: all up to there. */
  readonly inherited: number;
  /** What it was when it was here last. */
  readonly habit: Habit;
  /** So many messages that others have seen are due. */
  backlog: number;
  isStarted: boolean;
  /** All that it waits for is whether its client enables carbons. */
  isPostponed: boolean;
  isOver: boolean;
  readonly held: Stanza[];
  /** Given ahead of its turn. */
  readonly given: Set<number>;
}

/**
 * Undefined: nothing. `sender`: of an error, the client whose message it is about. `isInRoom`: said to, or by, an occupant of a room
 * of ours.
 */
export function replayed(
  context: Context,
  client: Client,
  message: ArchivedMessage,
  { sender, isInRoom }: { sender: string | undefined; isInRoom: boolean },
): Stanza | undefined {
  const { account } = context;
  const stanza = context.archive.shown(message);
  const { to = account, from = account } = stanza;
  if (message.type === 'error') {
    if (sender === client.address) return dated(stanza, account, message.at);
    const isShown = client.carbons && !hasChild(stanza.tree, 'x', NS.mucUser);
    return isShown ? wrap('received', account, stanza, account, from, message.at) : undefined;
  }
  if (message.isSent) return sent(context, client, message, isInRoom ? marked(stanza) : stanza, to, isInRoom);
  if (isFull(to as Jid) && client.carbons) return wrap('received', account, stanza, to, from, message.at);
  return dated(stanza, account, message.at);
}

/** As a carbon, or a copy in the chat (RULES 6); between clients of the account, as itself to the one that it went to. */
function sent(
  context: Context,
  client: Client,
  { peer, resource, place, at }: ArchivedMessage,
  stanza: Stanza,
  to: string,
  isInRoom: boolean,
): Stanza | undefined {
  const { account } = context;
  if (peer === account && resource !== undefined)
    return withResource(account, resource) === client.address ? dated(stanza, account, at) : undefined;
  if (!isEligible(stanza.tree, isInRoom)) return undefined;
  if (client.carbons) return wrap('sent', account, stanza, to, stanza.from ?? account, at);
  if (client.knowsCarbons) return undefined;
  const copy = inlineCopy(context, stanza, isInRoom ? (to as FullJid) : (peer as BareJid), place);
  return copy && dated(copy, account, at);
}

/** Unless it came with a date. */
const dated = (stanza: Stanza, account: BareJid, at: number): Stanza =>
  stanza.rest.includes(`"${NS.delay}"`) ? stanza : stanza.adding(delay(account, at));

/** The clients whose messages came back, by the place of the error. */
export async function sendersOf(
  archived: Archived,
  messages: readonly ArchivedMessage[],
): Promise<Map<number, string | undefined>> {
  const senders = new Map<number, string | undefined>();
  for (const { place, type, id, peer } of messages) {
    if (type !== 'error' || id === undefined) continue;
    senders.set(place, (await archived.find({ id, peer, isSent: true }))?.client);
  }
  return senders;
}

/**
 * What an occupant of a room says to us, or we to him, is for the clients in that room: those that are in it now, and of what
 * was said before `began` those that were in it when they were here last.
 */
export function isAmong(
  { client, began, habit }: Run,
  { peer, place }: ArchivedMessage,
  members: ReadonlySet<number>,
): boolean {
  if (place > began) return members.has(client.sid);
  return place <= (habit.left ?? 0) && (habit.rooms ?? []).some((occupant) => bare(occupant as FullJid) === peer);
}
