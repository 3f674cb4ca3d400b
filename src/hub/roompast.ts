/** What was said in a room, in the account's archive: for its history here, and for clients that ask for more of it. */
import type { BareJid } from '../wire/jid.ts';
import type { Stanza } from '../wire/stanza.ts';
import type { Archive } from './archive.ts';
import { History, type Past, type Wish } from './history.ts';
import { isHistory, stampOf, withDelay } from './muc.ts';

/** Read at once; a client gets no more than that before what is in memory. */
const most = 200;

/** What was said last, oldest first. */
export async function pastOf(archive: Archive, room: BareJid, limit: number, since?: number): Promise<Past[]> {
  const start = since !== undefined && since > 0 ? { start: since } : {};
  const { messages } = await archive.stored.page({ peer: room, ...start }, Math.min(limit, most), true);
  return messages
    .filter(({ type }) => type === 'groupchat')
    .map((message) => ({ message: withDelay(archive.shown(message), room, message.at), at: message.at }))
    .filter(({ message }) => isHistory(message));
}

/** What a client wants of it that is not in memory; undefined where nothing is missing. */
export function olderPast(archive: Archive, room: BareJid, history: History, wish: Wish): Promise<Past[]> | undefined {
  const { maxstanzas, since } = wish;
  const isAsked = Number.isFinite(maxstanzas) ? maxstanzas > history.length : since > 0;
  if (!isAsked || !history.isFull || since >= (history.first ?? 0)) return undefined;
  const limit = Number.isFinite(maxstanzas) ? maxstanzas + 1 : most;
  return pastOf(archive, room, limit, since).then((past) => history.olderOf(past));
}

/** What a room told of its past when we entered: what the archive does not have of it goes there. */
export async function archivePast(archive: Archive, room: BareJid, told: readonly Stanza[]): Promise<void> {
  if (told.length === 0) return;
  const known = new History(room);
  known.restore(await pastOf(archive, room, most));
  for (const message of told) {
    const at = stampOf(message);
    if (!known.knows(message)) archive.take(message, { isSent: false, ...(at === undefined ? {} : { at }) });
  }
}
