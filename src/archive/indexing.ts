/** Messages enter the indexes and leave them: words, names, zones, and how many there are of each peer. */
import type { Opened } from './opened.ts';
import { placeMask } from './schema.ts';
import type { Loose } from './tail.ts';
import { tokensOf } from './tokens.ts';

/** Pages of an index that are merged for each zone: enough to keep up, and over in some milliseconds. */
const merging = 40;

/** The places that an account's zones lie between; `low` above `high` where there are none. */
export function zoneOf(opened: Opened, account: number): { low: number; high: number } {
  const sql = `SELECT min(first) & ${placeMask} AS low, max(last) & ${placeMask} AS high
    FROM zone WHERE first BETWEEN ? << 52 AND (? << 52) | ${placeMask}`;
  const found = opened.statement(sql).get(account, account) as { low: number | null; high: number | null };
  return { low: found.low ?? placeMask, high: found.high ?? -1 };
}

/** Messages that follow each other become a zone; it lies outside the others. */
export function enter(opened: Opened, account: number, messages: readonly (readonly [number, Loose])[]): void {
  const first = messages[0]![0];
  const last = messages.at(-1)![0];
  opened
    .statement(
      `INSERT INTO word (rowid, body) SELECT id, body FROM message
        WHERE id BETWEEN (? << 52) | ? AND (? << 52) | ? AND body IS NOT NULL`,
    )
    .run(account, first, account, last);
  const peers = new Map<number, { count: number; direct: number }>();
  for (const [place, { peer, isGroup, tokens }] of messages) {
    addNames(opened, account, place, tokens);
    const known = peers.get(peer) ?? { count: 0, direct: 0 };
    known.count++;
    if (!isGroup) known.direct++;
    peers.set(peer, known);
  }
  for (const [peer, { count, direct }] of peers) countPeer(opened, peer, count, direct);
  const dates = messages.map(([, { at }]) => at);
  const direct = messages.filter(([, { isGroup }]) => !isGroup).length;
  opened
    .statement('INSERT INTO zone VALUES ((? << 52) | ?, (? << 52) | ?, ?, ?, ?, ?)')
    .run(account, first, account, last, Math.min(...dates), Math.max(...dates), messages.length, direct);
}

/** After so many zones. */
export function merge(opened: Opened, zones: number): void {
  const pages = Math.ceil(zones) * merging;
  for (const table of ['word', 'named'])
    opened.statement(`INSERT INTO ${table} (${table}, rank) VALUES ('merge', ?)`).run(pages);
}

/** One that was written between others enters at once. */
export function index(opened: Opened, account: number, place: number, { at, peer, isGroup, tokens }: Loose): void {
  opened
    .statement(
      'INSERT INTO word (rowid, body) SELECT id, body FROM message WHERE id = (? << 52) | ? AND body IS NOT NULL',
    )
    .run(account, place);
  addNames(opened, account, place, tokens);
  countPeer(opened, peer, 1, isGroup ? 0 : 1);
  opened
    .statement(
      `UPDATE zone SET last = max(last, (? << 52) | ?), earliest = min(earliest, ?), latest = max(latest, ?),
        count = count + 1, direct = direct + ?
        WHERE first = (SELECT max(first) FROM zone WHERE first <= (? << 52) | ?)`,
    )
    .run(account, place, at, at, isGroup ? 0 : 1, account, place);
}

export function addNames(opened: Opened, account: number, place: number, tokens: readonly string[]): void {
  if (tokens.length === 0) return;
  opened.statement('INSERT INTO named (rowid, tokens) VALUES ((? << 52) | ?, ?)').run(account, place, tokens.join(' '));
}

export function removeNames(opened: Opened, account: number, place: number, tokens: readonly string[]): void {
  if (tokens.length === 0) return;
  opened
    .statement("INSERT INTO named (named, rowid, tokens) VALUES ('delete', (? << 52) | ?, ?)")
    .run(account, place, tokens.join(' '));
}

function countPeer(opened: Opened, peer: number, count: number, direct: number): void {
  opened.statement('UPDATE peer SET count = count + ?, direct = direct + ? WHERE id = ?').run(count, direct, peer);
}

/** A message as it leaves. */
export interface Leaving {
  place: number;
  /** The peer's number and address. */
  peer: number;
  jid: string;
  is_group: number;
  name: string | null;
  origin: string | null;
  alias: string | null;
}

/** A row of `message` that is about to go leaves the indexes; its zone is counted again by `recount`. */
export function unindex(opened: Opened, account: number, message: Leaving): void {
  const { place, peer, jid, is_group, name, origin, alias } = message;
  opened
    .statement(
      "INSERT INTO word (word, rowid, body) SELECT 'delete', id, body FROM message WHERE id = (? << 52) | ? AND body IS NOT NULL",
    )
    .run(account, place);
  removeNames(opened, account, place, tokensOf({ peer: jid, name, origin, alias }));
  countPeer(opened, peer, -1, is_group === 1 ? 0 : -1);
}

/** Zones say what is in them, after some of it went. True if one is no more. */
export function recount(opened: Opened, account: number, places: readonly number[]): boolean {
  const sql = 'SELECT max(first) & ? AS first FROM zone WHERE first BETWEEN ? << 52 AND (? << 52) | ?';
  const firsts = new Set<number>();
  for (const place of places) {
    const { first } = opened.statement(sql).get(placeMask, account, account, place) as { first: number | null };
    if (first !== null) firsts.add(first);
  }
  let isGone = false;
  for (const first of firsts) {
    opened
      .statement(
        `UPDATE zone SET (count, direct, earliest, latest) = (SELECT count(*), coalesce(sum(is_group = 0), 0),
          coalesce(min(at), 0), coalesce(max(at), 0) FROM message WHERE id BETWEEN zone.first AND zone.last)
          WHERE first = (? << 52) | ?`,
      )
      .run(account, first);
    const emptied = 'DELETE FROM zone WHERE first = (? << 52) | ? AND count = 0';
    if (opened.statement(emptied).run(account, first).changes > 0) isGone = true;
  }
  return isGone;
}
