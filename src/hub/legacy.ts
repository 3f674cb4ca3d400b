/** What earlier versions kept of messages apart: it goes into the archive, once. */
import type { BareJid } from '../wire/jid.ts';
import { parseElement } from '../wire/parser.ts';
import { Stanza } from '../wire/stanza.ts';
import type { Archive } from './archive.ts';
import type { Kept } from './context.ts';
import { stampOf } from './muc.ts';
import { type KeptMessage, oldRow } from './outbox.ts';

/** Messages that wait for the server, as text alone. All clients have seen them. */
export async function moveSent(kept: Kept, archive: Archive, account: BareJid): Promise<void> {
  for (const { key, value } of await kept.read('outbox')) {
    if (!value.startsWith('<')) continue;
    const row = oldRow(key, value);
    const message = Stanza.of(parseElement(value));
    const { to, type } = message;
    if (to !== undefined && to !== account && type !== 'groupchat' && type !== 'error')
      archive.take(message.readdress({ to, from: account }), { isSent: true, at: stampOf(message) ?? row.at });
    kept.put('outbox', key, JSON.stringify(row satisfies KeptMessage));
  }
}

/** Messages that no client had taken, and the last ones of rooms. */
export async function moveOld(kept: Kept, archive: Archive, account: BareJid): Promise<void> {
  const [waiting, said] = await Promise.all([kept.read('offline'), kept.read('room-message')]);
  const rooms = new Map<string, { key: string; value: string }[]>();
  for (const { key, value } of said) {
    const [room = '', gap] = [key.slice(0, key.lastIndexOf(' ')), value.indexOf(' ')];
    const entry = { key: value.slice(0, gap).padStart(16, '0'), value: value.slice(gap + 1) };
    rooms.set(room, [...(rooms.get(room) ?? []), entry]);
  }
  const old = [waiting, ...rooms.values()].flatMap(inOrder);
  for (const { message, at } of old.sort((a, b) => a.by - b.by))
    archive.take(message.readdress({ to: account, from: message.from }), { isSent: false, at });
  if (waiting.length > 0) kept.remove('offline');
  if (said.length > 0) kept.remove('room-message');
}

/** As they came, by their keys; `by`: no date of theirs, which others may have chosen, changes that. */
function inOrder(entries: { key: string; value: string }[]): { message: Stanza; at: number; by: number }[] {
  let by = 0;
  return entries
    .sort((a, b) => (a.key < b.key ? -1 : 1))
    .map(({ value }) => {
      const message = Stanza.of(parseElement(value));
      const at = stampOf(message) ?? 0;
      by = Math.max(by, at);
      return { message, at, by };
    });
}
