/** A message by what others call it. */
import type { Opened } from './opened.ts';
import { placeMask } from './schema.ts';
import { columns, messageOf, type Row } from './selection.ts';
import { aliasToken, idToken } from './tokens.ts';
import type { ArchivedMessage, Sought } from './types.ts';

interface Question {
  token: string;
  where: string;
  bound: unknown[];
}

function questionOf(sought: Sought): Question {
  if ('alias' in sought) return { token: aliasToken(sought.alias), where: 'm.alias = ?', bound: [sought.alias] };
  const { peer } = sought;
  const [column, id] = 'originId' in sought ? ['origin', sought.originId] : ['name', sought.id];
  const question: Question = {
    token: idToken(peer, id),
    where: `m.${column} = ? AND peer.jid = ? AND m.is_sent = ${sought.isSent ? 1 : 0}`,
    bound: [id, peer],
  };
  if (!('resource' in sought) || sought.resource === undefined) return question;
  return { ...question, where: `${question.where} AND m.resource = ?`, bound: [...question.bound, sought.resource] };
}

/** The newest that is meant. */
export function found(opened: Opened, jid: string, sought: Sought): ArchivedMessage | undefined {
  const account = opened.numbers.account(jid);
  if (account === undefined) return undefined;
  const { token, where, bound } = questionOf(sought);
  const rows = [foundLoose(opened, account, token, where, bound), foundEntered(opened, account, token, where, bound)];
  const [row] = rows.filter((one) => one !== undefined).sort((one, other) => other[0] - one[0]);
  return row && messageOf(row);
}

function foundEntered(
  opened: Opened,
  account: number,
  token: string,
  where: string,
  bound: unknown[],
): Row | undefined {
  const sql = `SELECT ${columns} FROM named CROSS JOIN message m ON m.id = named.rowid CROSS JOIN peer ON peer.id = m.peer
    WHERE named MATCH ? AND named.rowid BETWEEN ? << 52 AND (? << 52) | ${placeMask} AND ${where}
    ORDER BY named.rowid DESC LIMIT 1`;
  return opened
    .statement(sql)
    .raw()
    .get(token, account, account, ...bound) as Row | undefined;
}

function foundLoose(opened: Opened, account: number, token: string, where: string, bound: unknown[]): Row | undefined {
  const sql = `SELECT ${columns} FROM message m CROSS JOIN peer ON peer.id = m.peer WHERE m.id = (? << 52) | ? AND ${where}`;
  let best: Row | undefined;
  for (const place of opened.tail.named(account, token)) {
    const row = opened
      .statement(sql)
      .raw()
      .get(account, place, ...bound) as Row | undefined;
    if (row !== undefined && (best === undefined || row[0] > best[0])) best = row;
  }
  return best;
}
