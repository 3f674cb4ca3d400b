/** What earlier versions kept of messages apart: it goes into the archive, once. */
import type { BareJid } from '../wire/jid.ts';
import { parseElement } from '../wire/parser.ts';
import { Stanza } from '../wire/stanza.ts';
import type { Archive } from './archive.ts';
import type { Kept } from './context.ts';
import { stampOf } from './muc.ts';

/** Messages that no client had taken, and the last ones of rooms. */
export async function moveOld(kept: Kept, archive: Archive, account: BareJid): Promise<void> {
  const [waiting, said] = await Promise.all([kept.read('offline'), kept.read('room-message')]);
  const texts = [
    ...waiting.sort((a, b) => (a.key < b.key ? -1 : 1)).map(({ value }) => value),
    ...said.map(({ value }) => value.slice(value.indexOf(' ') + 1)),
  ];
  const old = texts.map((text) => Stanza.of(parseElement(text)));
  const dated = old.map((message) => ({ message, at: stampOf(message) ?? 0 }));
  for (const { message, at } of dated.sort((a, b) => a.at - b.at))
    archive.take(message.readdress({ to: account, from: message.from }), { isSent: false, at });
  if (waiting.length > 0) kept.remove('offline');
  if (said.length > 0) kept.remove('room-message');
}
