/**
 * One process per data folder. The lock is SQLite's own on a file that holds nothing else: a POSIX record lock, so the
 * kernel frees it however the process ends, `kill -9` included. Unlike an abstract socket it holds across containers
 * that share the folder, and unlike a file with a process id it cannot be left behind or taken by an equal number.
 * It needs no room: who was killed by a full disk starts again on it.
 */
import { closeSync, openSync } from 'node:fs';
import Database from 'better-sqlite3';
import { reasonOf } from './disk.ts';
import { RegistryError } from './types.ts';

export interface Lock {
  release(): void;
}

/** Throws RegistryError when another process (or another registry of this one) has it. */
export function lock(file: string): Lock {
  let db: Database.Database | undefined;
  try {
    db = new Database(file, { timeout: 0 });
    db.pragma('journal_mode = MEMORY'); // no file beside it
    sign(db);
    // RESERVED, which is held from now on, lets others read who has it.
    db.exec('BEGIN IMMEDIATE');
    const held = db;
    return { release: () => void held.close() };
  } catch (error) {
    const holder = db === undefined ? undefined : holderOf(db);
    db?.close();
    throw new RegistryError(messageOf(file, error, holder));
  }
}

/** The process id is for the message alone: where there is no room for it, there is none. */
function sign(db: Database.Database): void {
  try {
    db.pragma(`user_version = ${process.pid}`);
  } catch (error) {
    if (!/^SQLITE_(FULL|IOERR)/.test(codeOf(error))) throw error;
  }
}

const codeOf = (error: unknown): string => String((error as { code?: unknown }).code);

function messageOf(file: string, error: unknown, holder: number | undefined): string {
  const code = codeOf(error);
  if (code.startsWith('SQLITE_BUSY'))
    return `Another xmpproxy is running on this data folder${holder ? ` (process ${holder})` : ''}; ${file} is locked.`;
  if (code === 'SQLITE_NOTADB' || code.startsWith('SQLITE_CORRUPT'))
    return `${file} is not what we made it. It holds nothing: with no xmpproxy running, remove it.`;
  return `Cannot lock ${file}: ${reasonOf(reasonNotToOpen(file) ?? error)}.`;
}

/** What the system says of it, which is plainer than what SQLite does. */
function reasonNotToOpen(file: string): unknown {
  try {
    closeSync(openSync(file, 'a', 0o600));
    return undefined;
  } catch (error) {
    return error;
  }
}

function holderOf(db: Database.Database): number | undefined {
  try {
    return Number(db.pragma('user_version', { simple: true }));
  } catch {
    return undefined;
  }
}
