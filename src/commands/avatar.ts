/** A picture as it can be told in a chat: a `data:` URI (RFC 2397), small as contact lists show it. */
import { UsageError } from './error.ts';

const most = 2900;
/** First bytes of what apps show. */
const kinds: readonly [mime: string, start: RegExp][] = [
  ['image/png', /^\x89PNG\r\n\x1a\n/],
  ['image/jpeg', /^\xff\xd8\xff/],
  ['image/gif', /^GIF8[79]a/],
  ['image/webp', /^RIFF.{4}WEBP/s],
];

export function readAvatar(text: string): { mime: string; data: string } {
  const match = /^(?:data:[a-z/+.-]*;base64,)?([A-Za-z0-9+/\s]+={0,2})$/i.exec(text.trim());
  const data = Buffer.from(match?.[1] ?? '', 'base64');
  const found = kinds.find(([, start]) => start.test(data.toString('latin1')));
  if (found === undefined || data.length > most)
    throw new UsageError('`avatar` is a small PNG, JPEG, GIF or WebP as `data:image/png;base64,…`.');
  return { mime: found[0], data: data.toString('base64') };
}
