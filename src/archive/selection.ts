/** A selection of messages as SQL. */
import type { ArchivedMessage, Selection } from './types.ts';

/** Conditions on `message` (as `m`), with what is bound to them. */
export interface Clause {
  /** What stands after FROM. */
  from: string;
  where: string;
  bound: unknown[];
}

export const columns =
  'm.id & 0xfffffffffffff, m.at, peer.jid, m.resource, m.is_sent, m.type, m.name, m.origin, m.alias, m.client, m.text, m.body';

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

/** Words as FTS5 reads them: each in quotes, so that none of its own signs means anything. */
export function quoted(words: string): string {
  return (words.match(/\S*[\p{L}\p{N}]\S*/gu) ?? []).map((word) => `"${word.replaceAll('"', '""')}"`).join(' ');
}

/** Undefined where nothing can be meant: words without a letter. */
export function clauseOf(account: number, peer: number | undefined, selection: Selection): Clause | undefined {
  const { resource, start, end, after = -1, before = 2 ** 52, places, words, groupchat, isSent, notBy } = selection;
  const where: string[] = ['m.id > ((? << 52) + cast(? AS INTEGER))', 'm.id < ((? << 52) + cast(? AS INTEGER))'];
  const bound: unknown[] = [account, after, account, before];
  const add = (condition: string, ...values: unknown[]): void => {
    where.push(condition);
    bound.push(...values);
  };
  let from = 'message m';
  if (words !== undefined) {
    const match = quoted(words);
    if (match === '') return undefined;
    from = 'word CROSS JOIN message m ON m.id = word.rowid';
    add('word MATCH ?', match);
    add('word.rowid > ((? << 52) + cast(? AS INTEGER))', account, after);
    add('word.rowid < ((? << 52) + cast(? AS INTEGER))', account, before);
  }
  if (peer !== undefined) add('m.peer = ?', peer);
  if (places !== undefined)
    add('m.id IN (SELECT (? << 52) | value FROM json_each(?))', account, JSON.stringify(places));
  if (groupchat !== undefined)
    add(
      peer === undefined && words === undefined && !groupchat ? 'm.is_group = 0' : `+m.is_group = ${groupchat ? 1 : 0}`,
    );
  if (resource !== undefined) add('m.resource = ?', resource);
  if (start !== undefined) add('m.at >= ?', start);
  if (end !== undefined) add('m.at <= ?', end);
  if (isSent !== undefined) add(`m.is_sent = ${isSent ? 1 : 0}`);
  if (notBy !== undefined) add('m.client IS NOT ?', notBy);
  return { from, where: where.join(' AND '), bound };
}
