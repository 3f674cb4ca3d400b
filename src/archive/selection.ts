/** A selection of messages as SQL. */
import { placeMask } from './schema.ts';
import type { ArchivedMessage, Selection } from './types.ts';

/** Conditions on `message` (as `m`), with what is bound to them; the first places and the last are bound apart. */
export interface Clause {
  account: number;
  /** What stands after FROM, and the column that is in the order of places. */
  from: string;
  order: string;
  where: string;
  bound: unknown[];
  /** The part of it that an index answers alone: what is counted to cut a long search into pieces. */
  narrow: { where: string; bound: unknown[] };
  /** A row that was found by index may not be meant: a search may have to look at many. */
  isLoose: boolean;
}

export const columns = `m.id & ${placeMask}, m.at, peer.jid, m.resource, m.is_sent, m.type, m.name, m.origin, m.alias, m.client,
  m.text, m.body`;

/** With `raw()`. */
export type Row = [
  place: number,
  at: number,
  peer: string,
  resource: string | null,
  isSent: number,
  type: ArchivedMessage['type'],
  id: string | null,
  originId: string | null,
  alias: string | null,
  client: string | null,
  text: string,
  body: string | null,
];

export const messageOf = (row: Row): ArchivedMessage => ({
  place: row[0],
  at: row[1],
  peer: row[2],
  resource: row[3] ?? undefined,
  isSent: row[4] === 1,
  type: row[5],
  id: row[6] ?? undefined,
  originId: row[7] ?? undefined,
  alias: row[8] ?? undefined,
  client: row[9] ?? undefined,
  text: row[10],
  body: row[11] ?? undefined,
});

/** Words as FTS5 reads them: each in quotes, so that none of its own signs means anything. Empty where there is no letter in it. */
export function quoted(words: string): string {
  return (words.match(/\S*[\p{L}\p{N}]\S*/gu) ?? []).map((word) => `"${word.replaceAll('"', '""')}"`).join(' ');
}

/** Undefined where there can be none. The dates are conditions here; which places they can be at is the zones' to say. */
export function clauseOf(account: number, peer: number | undefined, selection: Selection): Clause | undefined {
  const { resource, start, end, places, words, groupchat, isSent, notBy } = selection;
  const clause: Clause = {
    account,
    from: 'message m',
    order: 'm.id',
    where: 'TRUE',
    bound: [],
    narrow: { where: 'TRUE', bound: [] },
    isLoose: false,
  };
  const narrow = (condition: string, ...bound: unknown[]): void => {
    add(condition, ...bound);
    clause.narrow.where += ` AND ${condition}`;
    clause.narrow.bound.push(...bound);
  };
  const add = (condition: string, ...bound: unknown[]): void => {
    clause.where += ` AND ${condition}`;
    clause.bound.push(...bound);
  };
  const loosely = (condition: string, ...bound: unknown[]): void => {
    clause.isLoose = true;
    add(condition, ...bound);
  };
  if (words !== undefined) {
    const match = quoted(words);
    if (match === '') return undefined;
    clause.from = 'word CROSS JOIN message m ON m.id = word.rowid';
    clause.order = 'word.rowid';
    narrow('word MATCH ?', match);
    if (peer !== undefined) loosely('m.peer = ?', peer);
  } else if (peer !== undefined) narrow('m.peer = ?', peer);
  if (places !== undefined)
    add('m.id IN (SELECT (? << 52) | value FROM json_each(?))', account, JSON.stringify(places));
  if (groupchat === false && words === undefined && peer === undefined) narrow('m.is_group = 0');
  else if (groupchat !== undefined) loosely(`+m.is_group = ${groupchat ? 1 : 0}`);
  if (resource !== undefined) loosely('m.resource = ?', resource);
  if (start !== undefined) loosely('m.at >= ?', start);
  if (end !== undefined) loosely('m.at <= ?', end);
  if (isSent !== undefined) loosely(`m.is_sent = ${isSent ? 1 : 0}`);
  if (notBy !== undefined) loosely('m.client IS NOT ?', notBy);
  return clause;
}
