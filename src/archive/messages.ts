/** The messages of a user's accounts in SQLite. */
import { ArchiveError } from './database.ts';
import type { Opened } from './opened.ts';
import { placeMask } from './schema.ts';
import { type Clause, clauseOf, columns, messageOf, type Row } from './selection.ts';
import type { ArchivedMessage, Extent, Messages, Page, Selection, Sought } from './types.ts';

/** What the messages need of their store. */
export interface Desk {
  read<T>(act: (opened: Opened) => T): Promise<T>;
  /** Resolves when durable. */
  write(work: (opened: Opened) => void): Promise<void>;
}

const insert = `INSERT INTO message (id, at, peer, resource, is_sent, is_group, type, name, origin, alias, client, text, body)
  VALUES ((? << 52) | ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`;
const index = 'INSERT INTO word (rowid, body) VALUES ((? << 52) | ?, ?)';
const unindexed = `INSERT INTO word (word, rowid, body)
  SELECT 'delete', id, body FROM message WHERE id = (? << 52) | ? AND body IS NOT NULL`;

export class FileMessages implements Messages {
  readonly #desk: Desk;

  constructor(desk: Desk) {
    this.#desk = desk;
  }

  add(account: string, message: ArchivedMessage): Promise<void> {
    const { place } = message;
    if (!(Number.isInteger(place) && place >= 0 && place <= placeMask))
      return Promise.reject(new ArchiveError(`${place} is no place in an archive`));
    return this.#desk.write((opened) => addTo(opened, account, message));
  }

  alias(account: string, place: number, alias: string): Promise<void> {
    return this.#desk.write((opened) => {
      const number = opened.numbers.account(account);
      if (number === undefined) return;
      opened.statement('UPDATE message SET alias = ? WHERE id = (? << 52) | ?').run(alias, number, place);
    });
  }

  find(account: string, sought: Sought): Promise<ArchivedMessage | undefined> {
    return this.#desk.read((opened) => {
      const number = opened.numbers.account(account);
      const clause = number === undefined ? undefined : nameClause(opened, number, sought);
      return clause && select(opened, clause, 1, true)[0];
    });
  }

  page(account: string, selection: Selection, limit: number, backwards = false): Promise<Page> {
    return this.#desk.read((opened) => {
      const clause = selected(opened, account, selection);
      if (clause === undefined) return { messages: [], complete: true };
      const messages = select(opened, clause, limit + 1, backwards);
      const complete = messages.length <= limit;
      if (!complete) messages.pop();
      return { messages: backwards ? messages.reverse() : messages, complete };
    });
  }

  count(account: string, selection: Selection): Promise<number> {
    return this.#desk.read((opened) => countOf(opened, selected(opened, account, selection)));
  }

  extent(account: string, selection: Selection = {}): Promise<Extent | undefined> {
    return this.#desk.read((opened) => {
      const clause = selected(opened, account, selection);
      if (clause === undefined) return undefined;
      const [first] = select(opened, clause, 1, false);
      const [last] = select(opened, clause, 1, true);
      return first && last && { count: countOf(opened, clause), first: end(first), last: end(last) };
    });
  }

  async forget(account: string, selection: Selection): Promise<number> {
    let count = 0;
    await this.#desk.write((opened) => {
      count = forgetIn(opened, account, selection);
    });
    return count;
  }
}

function addTo(opened: Opened, account: string, message: ArchivedMessage): void {
  const number = opened.numbers.newAccount(account);
  const { place, at, resource, isSent, type, id, originId, alias, client, text, body } = message;
  const bound = [
    number,
    place,
    at,
    opened.numbers.newPeer(number, message.peer),
    resource,
    isSent ? 1 : 0,
    type === 'groupchat' ? 1 : 0,
    type,
    id,
    originId,
    alias,
    client,
    text,
    body,
  ];
  const { changes } = opened.statement(insert).run(...bound);
  if (changes === 0) {
    opened.statement(unindexed).run(number, place);
    opened.statement('DELETE FROM message WHERE id = (? << 52) | ?').run(number, place);
    opened.statement(insert).run(...bound);
  }
  if (body !== undefined) opened.statement(index).run(number, place, body);
}

/** Undefined where there can be none. */
function selected(opened: Opened, account: string, selection: Selection): Clause | undefined {
  const number = opened.numbers.account(account);
  if (number === undefined) return undefined;
  const peer = selection.peer === undefined ? undefined : opened.numbers.peer(number, selection.peer);
  if (selection.peer !== undefined && peer === undefined) return undefined;
  return clauseOf(number, peer, selection);
}

function nameClause(opened: Opened, account: number, sought: Sought): Clause | undefined {
  const clause = clauseOf(account, undefined, {});
  if (clause === undefined) return undefined;
  const { from, where, bound } = clause;
  if ('alias' in sought) return { from, where: `alias = ? AND ${where}`, bound: [sought.alias, ...bound] };
  const peer = opened.numbers.peer(account, sought.peer);
  if (peer === undefined) return undefined;
  const [column, name] = 'originId' in sought ? ['origin', sought.originId] : ['name', sought.id];
  const found: Clause = {
    from,
    where: `${column} = ? AND peer = ? AND is_sent = ? AND ${where}`,
    bound: [name, peer, sought.isSent ? 1 : 0, ...bound],
  };
  if (!('resource' in sought) || sought.resource === undefined) return found;
  return { from, where: `${found.where} AND resource = ?`, bound: [...found.bound, sought.resource] };
}

function select(opened: Opened, { from, where, bound }: Clause, limit: number, backwards: boolean): ArchivedMessage[] {
  const order = `${from.startsWith('word') ? 'word.rowid' : 'm.id'} ${backwards ? 'DESC' : 'ASC'}`;
  const sql = `SELECT ${columns} FROM ${from} CROSS JOIN peer ON peer.id = m.peer WHERE ${where} ORDER BY ${order} LIMIT ?`;
  const rows = opened
    .statement(sql)
    .raw()
    .all(...bound, limit) as Row[];
  return rows.map(messageOf);
}

function countOf(opened: Opened, clause: Clause | undefined): number {
  if (clause === undefined) return 0;
  const { from, where, bound } = clause;
  return (opened.statement(`SELECT count(*) AS count FROM ${from} WHERE ${where}`).get(...bound) as { count: number })
    .count;
}

/** Deletes them; returns how many. */
export function forgetIn(opened: Opened, account: string, selection: Selection): number {
  const clause = selected(opened, account, selection);
  if (clause === undefined) return 0;
  const { from, where, bound } = clause;
  opened.statement(`CREATE TEMP TABLE IF NOT EXISTS going (id INTEGER PRIMARY KEY) STRICT`).run();
  opened.statement('DELETE FROM temp.going').run();
  opened.statement(`INSERT INTO temp.going SELECT m.id FROM ${from} WHERE ${where}`).run(...bound);
  opened
    .statement(
      `INSERT INTO word (word, rowid, body) SELECT 'delete', id, body FROM message
        WHERE id IN (SELECT id FROM temp.going) AND body IS NOT NULL`,
    )
    .run();
  return opened.statement('DELETE FROM message WHERE id IN (SELECT id FROM temp.going)').run().changes;
}

const end = ({ place, at }: ArchivedMessage): { place: number; at: number } => ({ place, at });
