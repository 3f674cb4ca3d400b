/** Records enter the tables. */
import type { Left } from './leftover.ts';
import type { Opened } from './opened.ts';
import type { Added, Entered, Put, Removed, RemovedTo } from './record.ts';
import type { ArchivedMessage } from './types.ts';
import { addMessage, put, setAlias } from './writing.ts';

const remove = 'DELETE FROM kept WHERE account = ? AND kind = ? AND key = ?';
const removeTo = 'DELETE FROM kept WHERE account = ? AND kind = ? AND key <= ?';
const removeKind = 'DELETE FROM kept WHERE account = ? AND kind = ?';
const change = 'UPDATE kept SET value = ? WHERE account = ? AND kind = ? AND key = ?';

/** In their order. */
export function enter(opened: Opened, records: readonly Entered[]): void {
  for (const record of records) enterOne(opened, record);
  opened.outbox.write();
}

function enterOne(opened: Opened, record: Entered): void {
  if ('message' in record) addMessage(opened, record.account, record.message);
  else if ('alias' in record) setAlias(opened, record.account, record.place, record.alias);
  else if (record.kind === 'outbox') enterOutbox(opened, record);
  else enterRow(opened, record);
}

function enterRow(opened: Opened, record: Put | Removed | RemovedTo): void {
  const { account, kind } = record;
  if ('to' in record) opened.statement(removeTo).run(account, kind, record.to);
  else if ('key' in record) opened.statement(put).run(account, kind, record.key, record.value);
  else if (record.removed === undefined) opened.statement(removeKind).run(account, kind);
  else opened.statement(remove).run(account, kind, record.removed);
}

function enterOutbox(opened: Opened, record: Put | Removed | RemovedTo): void {
  const { outbox } = opened;
  if ('key' in record) outbox.put(record);
  else if ('to' in record) outbox.removeTo(record.account, record.to);
  else if (record.removed !== undefined) outbox.remove(record.account, record.removed);
  else {
    outbox.forget(record.account);
    enterRow(opened, record);
  }
}

/** What a program that ended has left in the journal. */
export function enterLeft(opened: Opened, { marked, unmarked }: Left): void {
  enter(opened, marked);
  recall(opened, unmarked);
}

/**
 * What was not durable: messages that were shown to somebody come back, each that a client sent with its row in the outbox, which stands
 * before it; and a row that is there is what it was made, for that says how it was sent last, and the server counts what came. Everything
 * else is as if it had not been.
 */
function recall(opened: Opened, records: readonly Entered[]): void {
  let row: Put | undefined;
  for (const record of records) {
    if ('message' in record && isKnown(record)) {
      addMessage(opened, record.account, record.message);
      if (row !== undefined && isAbout(row, record.message)) enterRow(opened, row);
    }
    row = 'key' in record && record.kind === 'outbox' ? record : undefined;
    if (row !== undefined) opened.statement(change).run(row.value, row.account, row.kind, row.key);
  }
}

/**
 * What has no id nobody knows again. What was said in a room may not have reached anybody, and nobody would be given it later, as other
 * messages are: the server sends it once more, and who has had it knows it by the room's id.
 */
const isKnown = ({ isPast, message: { isSent, id, type } }: Added): boolean =>
  !isPast && !(isSent && id === undefined) && type !== 'groupchat';

const isAbout = ({ value }: Put, { isSent, client, id }: ArchivedMessage): boolean =>
  isSent && client !== undefined && id !== undefined && (JSON.parse(value) as { client?: string }).client === client;
