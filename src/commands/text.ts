/** How things are written in a chat: short lines, no columns. */
import type { ServerFacts } from './context.ts';

/** What a phone shows on one line. */
const width = 40;

/** SHA-256 as apps show it, `AB:CD:…`. */
export const withColons = (hex: string): string =>
  (
    hex
      .replace(/[^0-9a-f]/gi, '')
      .toUpperCase()
      .match(/../g) ?? []
  ).join(':');

/** The same in lines of eight bytes that an eye can compare. */
export const fingerprintText = (hex: string): string => withColons(hex).replace(/(.{23}):/g, '$1\n');

/** At most a phone's width a line, broken between words; what is longer stands alone. */
export function wrap(text: string): string[] {
  const lines: string[] = [];
  for (const paragraph of text.split('\n')) {
    let line = '';
    for (const word of paragraph.split(' ')) {
      if (line !== '' && line.length + 1 + word.length > width) {
        lines.push(line);
        line = word;
      } else line = line === '' ? word : `${line} ${word}`;
    }
    lines.push(line);
  }
  return lines;
}

/** `3 d 4 h`, `12 min`. */
export function duration(milliseconds: number): string {
  const minutes = Math.floor(Math.max(0, milliseconds) / 60_000);
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  return hours < 24 ? `${hours} h ${minutes % 60} min` : `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

export const dateText = (at: number): string => new Date(at).toISOString().slice(0, 16).replace('T', ' ');

export const count = (number: number, one: string): string => `${number} ${one}${number === 1 ? '' : 's'}`;

/** Where an app must be told to connect. */
export function serverText({ host, port, tlsPort }: ServerFacts): string {
  if (port !== 0) return `server ${host}, port ${port}`;
  return `server ${host}, port ${tlsPort} (direct TLS)`;
}

/** An answer quotes it: a value as it is typed in a command. */
export const quote = (value: string): string => (/^[^\s"'“”„‘’=-][^\s="]*$/.test(value) ? value : `"${value}"`);

/** A command as it is typed; what is undefined or empty is left out. */
export function typed(
  name: string,
  places: readonly string[],
  named: Readonly<Record<string, string | undefined>> = {},
): string {
  const options = Object.entries(named).filter(([, value]) => value !== undefined && value !== '');
  return [name, ...places.map(quote), ...options.map(([key, value]) => `${key}=${quote(value!)}`)].join(' ');
}

/** What a peer said: one line, no control characters, not long. */
export function peerText(text: string): string {
  const line = text.replace(/[\p{C}\p{Zl}\p{Zp}\s]+/gu, ' ').trim();
  return line.length > 160 ? `${line.slice(0, 159)}…` : line;
}

/** As many items as go with `size` on a page, and how to see the others. */
export function page(items: readonly string[], number: number, more: (page: number) => string, size = 20): string {
  const from = (Math.max(1, number) - 1) * size;
  const shown = items.slice(from, from + size);
  const left = items.length - from - shown.length;
  if (shown.length === 0) return `There is no page ${number}: \`${more(1)}\``;
  if (left > 0) shown.push(`…and ${left} more: \`${more(Math.max(1, number) + 1)}\``);
  return shown.join('\n');
}
