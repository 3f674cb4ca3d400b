/** Looking through an account's archive: which places to look at, and a piece at a time where there are many. */
import type { Opened } from './opened.ts';
import { placeMask } from './schema.ts';
import { type Clause, columns, messageOf, type Row } from './selection.ts';
import type { ArchivedMessage, Selection } from './types.ts';

/** So many rows are looked at before others have their turn. */
const piece = 2000;

/** Places, both included. */
export interface Stretch {
  from: number;
  to: number;
}

const inStretch = (order: string): string => `${order} BETWEEN (? << 52) | ? AND (? << 52) | ?`;

/** Where the messages can be; undefined: nowhere. */
export function stretchOf(opened: Opened, account: number, selection: Selection): Stretch | undefined {
  const { after = -1, before = placeMask + 1, start, end } = selection;
  const bounds = start === undefined && end === undefined ? undefined : dated(opened, account, start, end);
  const from = Math.max(Math.floor(after) + 1, bounds?.from ?? 0, 0);
  const to = Math.min(Math.ceil(before) - 1, bounds?.to ?? placeMask, placeMask);
  return from > to ? undefined : { from, to };
}

/** Where the dates can be: dates follow places roughly, and zones know them. */
function dated(opened: Opened, account: number, start = -Infinity, end = Infinity): Stretch {
  const sql = `SELECT min(first) & ${placeMask} AS "from", max(last) & ${placeMask} AS "to" FROM zone
    WHERE first BETWEEN ? << 52 AND (? << 52) | ${placeMask} AND latest >= ? AND earliest <= ?`;
  const found = opened.statement(sql).get(account, account, start, end) as { from: number | null; to: number | null };
  const stretch = { from: found.from ?? placeMask, to: found.to ?? -1 };
  for (const [place, { at }] of opened.tail.loose(account)) {
    if (at < start || at > end) continue;
    stretch.from = Math.min(stretch.from, place);
    stretch.to = Math.max(stretch.to, place);
  }
  return stretch;
}

/** Where the first piece of a long search ends: it has so many rows that an index finds. */
export function pieceOf(opened: Opened, clause: Clause, { from, to }: Stretch, backwards: boolean): Stretch {
  const { account, narrow, order } = clause;
  const table = clause.from.startsWith('word') ? 'word' : 'message m';
  const sql = `SELECT ${order} & ${placeMask} AS place FROM ${table} WHERE ${inStretch(order)} AND ${narrow.where}
    ORDER BY ${order} ${backwards ? 'DESC' : 'ASC'} LIMIT 1 OFFSET ${piece}`;
  const row = opened.statement(sql).get(account, from, account, to, ...narrow.bound) as { place: number } | undefined;
  if (row === undefined) return { from, to };
  return backwards ? { from: row.place, to } : { from, to: row.place };
}

/** What is left of it after that piece. */
export function rest(stretch: Stretch, done: Stretch, backwards: boolean): Stretch | undefined {
  const left = backwards ? { from: stretch.from, to: done.from - 1 } : { from: done.to + 1, to: stretch.to };
  return left.from > left.to ? undefined : left;
}

export function select(
  opened: Opened,
  clause: Clause,
  { from, to }: Stretch,
  limit: number,
  backwards: boolean,
): ArchivedMessage[] {
  const { account, order, where, bound } = clause;
  const sql = `SELECT ${columns} FROM ${clause.from} CROSS JOIN peer ON peer.id = m.peer
    WHERE ${inStretch(order)} AND ${where} ORDER BY ${order} ${backwards ? 'DESC' : 'ASC'} LIMIT ?`;
  const rows = opened
    .statement(sql)
    .raw()
    .all(account, from, account, to, ...bound, limit) as Row[];
  return rows.map(messageOf);
}

export function countIn(opened: Opened, clause: Clause, { from, to }: Stretch): number {
  const { account, order, where, bound } = clause;
  const sql = `SELECT count(*) AS count FROM ${clause.from} WHERE ${inStretch(order)} AND ${where}`;
  return (opened.statement(sql).get(account, from, account, to, ...bound) as { count: number }).count;
}
