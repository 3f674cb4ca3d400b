/** Messages are written, and deleted for good. */
import { addNames, type Leaving, recount, removeNames, unindex } from './indexing.ts';
import type { Opened } from './opened.ts';
import { placeMask } from './schema.ts';
import type { Stretch } from './search.ts';
import type { Clause } from './selection.ts';
import { tokensOf } from './tokens.ts';
import type { ArchivedMessage } from './types.ts';

/** A row that is kept. */
export const put = `INSERT INTO kept (account, kind, key, value) VALUES (?, ?, ?, ?)
  ON CONFLICT (account, kind, key) DO UPDATE SET value = excluded.value`;

const insert = `INSERT INTO message (id, at, peer, resource, is_sent, is_group, type, name, origin, alias, client, text, body)
  VALUES ((? << 52) | ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`;

export function addMessage(opened: Opened, account: string, message: ArchivedMessage): void {
  const number = opened.numbers.newAccount(account);
  const peer = opened.numbers.newPeer(number, message.peer);
  const { place, at, isSent, type, id, originId, alias } = message;
  const isGroup = type === 'groupchat';
  const bound = [number, place, at, peer, message.resource, isSent ? 1 : 0, isGroup ? 1 : 0, type];
  bound.push(id, originId, alias, message.client, message.text, message.body);
  const statement = opened.statement(insert);
  if (statement.run(...bound).changes === 0) {
    deleteMessages(opened, number, [place]);
    statement.run(...bound);
  }
  const tokens = tokensOf({ peer: message.peer, name: id, origin: originId, alias });
  opened.tail.add(number, place, { at, peer, isGroup, tokens });
}

const leaving = `SELECT m.id & ${placeMask} AS place, peer, is_group, name, origin, alias, peer.jid FROM message m
  JOIN peer ON peer.id = m.peer WHERE m.id = (? << 52) | ?`;

export function setAlias(opened: Opened, account: string, place: number, alias: string): void {
  const number = opened.numbers.account(account);
  if (number === undefined) return;
  const message = opened.statement(leaving).get(number, place) as Leaving | undefined;
  if (message === undefined || message.alias === alias) return;
  opened.statement('UPDATE message SET alias = ? WHERE id = (? << 52) | ?').run(alias, number, place);
  const tokens = tokensOf({ ...message, peer: message.jid, alias });
  if (opened.tail.get(number, place) !== undefined) return opened.tail.rename(number, place, tokens);
  removeNames(opened, number, place, tokensOf({ ...message, peer: message.jid }));
  addNames(opened, number, place, tokens);
}

/** All that is known of them goes, but for the peers themselves. */
export function deleteMessages(opened: Opened, account: number, places: readonly number[]): void {
  const entered: number[] = [];
  for (const place of places) {
    if (!opened.tail.delete(account, place)) {
      unindex(opened, account, opened.statement(leaving).get(account, place) as Leaving);
      entered.push(place);
    }
    opened.statement('DELETE FROM message WHERE id = (? << 52) | ?').run(account, place);
  }
  if (recount(opened, account, entered)) opened.tail.clear();
}

/** Deletes the first of them, at most so many; says their places. */
export function deleteSome(opened: Opened, clause: Clause, { from, to }: Stretch, limit: number): number[] {
  const { account, order, where, bound } = clause;
  const sql = `SELECT m.id & ${placeMask} AS place FROM ${clause.from}
    WHERE ${order} BETWEEN (? << 52) | ? AND (? << 52) | ? AND ${where} ORDER BY ${order} LIMIT ?`;
  const rows = opened.statement(sql).all(account, from, account, to, ...bound, limit) as { place: number }[];
  const places = rows.map(({ place }) => place);
  deleteMessages(opened, account, places);
  return places;
}

/** Addresses that no message is left of, and the account's own, go too. */
export function deletePeers(opened: Opened, account: number): void {
  opened
    .statement('DELETE FROM peer WHERE account = ? AND NOT EXISTS (SELECT 1 FROM message WHERE peer = peer.id)')
    .run(account);
  opened
    .statement('DELETE FROM account WHERE id = ? AND NOT EXISTS (SELECT 1 FROM peer WHERE account = account.id)')
    .run(account);
  opened.numbers.clear();
  opened.tail.clear();
}
