/** How many messages there are, where zones and peers know it. */
import type { Opened } from './opened.ts';
import { placeMask } from './schema.ts';
import { countIn, type Stretch } from './search.ts';
import { clauseOf } from './selection.ts';
import type { Loose } from './tail.ts';
import type { Selection } from './types.ts';

/** So many zones that a date cuts are counted message by message; beyond that it is a search. */
const mostCut = 16;

/** Undefined where they have to be looked at one by one. */
export function knownCount(
  opened: Opened,
  { account, peer }: { account: number; peer: number | undefined },
  selection: Selection,
): number | undefined {
  const { peer: _peer, groupchat, start, end, ...others } = selection;
  if (Object.values(others).some((word) => word !== undefined)) return undefined;
  if (start !== undefined || end !== undefined)
    return peer === undefined ? datedCount(opened, account, selection) : undefined;
  const loose = looseCount(opened, account, groupchat, (one) => peer === undefined || one.peer === peer);
  return loose + (peer === undefined ? zoneCount(opened, account, groupchat) : peerCount(opened, peer, groupchat));
}

const counted = (groupchat: boolean | undefined): string =>
  groupchat === undefined ? 'count' : groupchat ? 'count - direct' : 'direct';

const inAccount = `first BETWEEN ? << 52 AND (? << 52) | ${placeMask}`;

function peerCount(opened: Opened, peer: number, groupchat: boolean | undefined): number {
  const sql = `SELECT ${counted(groupchat)} AS count FROM peer WHERE id = ?`;
  return (opened.statement(sql).get(peer) as { count: number }).count;
}

function zoneCount(opened: Opened, account: number, groupchat: boolean | undefined, start = -Infinity, end = Infinity) {
  const sql = `SELECT coalesce(sum(${counted(groupchat)}), 0) AS count FROM zone
    WHERE ${inAccount} AND earliest >= ? AND latest <= ?`;
  return (opened.statement(sql).get(account, account, start, end) as { count: number }).count;
}

/** What is not in zones. */
function looseCount(
  opened: Opened,
  account: number,
  groupchat: boolean | undefined,
  isMeant: (message: Loose) => boolean,
): number {
  let count = 0;
  for (const message of opened.tail.loose(account).values())
    if (isMeant(message) && (groupchat === undefined || message.isGroup === groupchat)) count++;
  return count;
}

/** Zones that lie between the dates are counted whole, those that a date cuts one by one. */
function datedCount(opened: Opened, account: number, { groupchat, start, end }: Selection): number | undefined {
  const [from, to] = [start ?? -Infinity, end ?? Infinity];
  const sql = `SELECT first & ${placeMask} AS "from", last & ${placeMask} AS "to" FROM zone
    WHERE ${inAccount} AND latest >= ? AND earliest <= ? AND NOT (earliest >= ? AND latest <= ?) LIMIT ${mostCut + 1}`;
  const cut = opened.statement(sql).all(account, account, from, to, from, to) as Stretch[];
  const clause = clauseOf(account, undefined, {
    ...(groupchat === undefined ? {} : { groupchat }),
    start: from,
    end: to,
  });
  if (cut.length > mostCut || clause === undefined) return undefined;
  return (
    zoneCount(opened, account, groupchat, from, to) +
    looseCount(opened, account, groupchat, ({ at }) => at >= from && at <= to) +
    cut.reduce((sum, stretch) => sum + countIn(opened, clause, stretch), 0)
  );
}
