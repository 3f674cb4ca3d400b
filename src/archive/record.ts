/** What writes do to the tables, as data: so that it can stand in the journal first, and be done later. */
import type { ArchivedMessage, Kind } from './types.ts';

/** A message; `isPast`: nobody has been shown it. */
export interface Added {
  account: string;
  message: ArchivedMessage;
  isPast: boolean;
}

/** What the server calls a message. */
export interface Aliased {
  account: string;
  place: number;
  alias: string;
}

/** A row of `kept`. */
export interface Put {
  account: string;
  kind: Kind;
  key: string;
  value: string;
}

/** A row goes; without a key all of the kind go. */
export interface Removed {
  account: string;
  kind: Kind;
  removed: string | undefined;
}

/** Rows up to that key go. */
export interface RemovedTo {
  account: string;
  kind: Kind;
  to: string;
}

export type Entered = Added | Aliased | Put | Removed | RemovedTo;

/**
 * One line: an array in JSON. What is long and has no line feed, such as a stanza, stands behind it as it is, with a tab between: as
 * JSON it would take thrice as long.
 */
export function lineOf(record: Entered): string {
  const { account } = record;
  if ('message' in record) {
    const { place, at, peer, resource, isSent, type, id, originId, alias, client, text, body } = record.message;
    const head = [place, at, peer, resource, isSent, type, id, originId, alias, client, body];
    return withText([record.isPast ? 'past' : 'message', account, ...head], text);
  }
  if ('alias' in record) return JSON.stringify(['alias', account, record.place, record.alias]);
  const { kind } = record;
  if ('to' in record) return JSON.stringify(['to', account, kind, record.to]);
  if ('removed' in record) return JSON.stringify(['removed', account, kind, record.removed]);
  return withText(['put', account, kind, record.key], record.value);
}

function withText(head: unknown[], text: string): string {
  if (!text.includes('\n')) return `${JSON.stringify(head)}\t${text}`;
  head.push(text);
  return JSON.stringify(head);
}

/** Throws where it is no such line. */
export function readLine(line: string): Entered {
  const tab = line.indexOf('\t');
  const [what, account, ...rest] = JSON.parse(tab === -1 ? line : line.slice(0, tab)) as [string, string, ...unknown[]];
  if (tab !== -1) rest.push(line.slice(tab + 1));
  if (what === 'message' || what === 'past') return { account, message: messageOf(rest), isPast: what === 'past' };
  if (what === 'alias') return { account, place: rest[0] as number, alias: rest[1] as string };
  const [kind, key, value] = rest as [Kind, string | null, string];
  if (what === 'to') return { account, kind, to: key! };
  if (what === 'removed') return { account, kind, removed: key ?? undefined };
  return { account, kind, key: key!, value };
}

function messageOf(row: unknown[]): ArchivedMessage {
  const [place, at, peer, resource, isSent, type, id, originId, alias, client, body, text] = row.map(
    (value) => value ?? undefined,
  ) as [number, number, string, string | undefined, boolean, ArchivedMessage['type'], ...(string | undefined)[]];
  return { place, at, peer, resource, isSent, type, id, originId, alias, client, text: text!, body };
}
