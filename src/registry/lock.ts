/**
 * One process per data folder. The lock is SQLite's own on a file that holds nothing else: a POSIX record lock, so the
 * kernel frees it however the process ends, `kill -9` included. Unlike an abstract socket it holds across containers
 * that share the folder, and unlike a file with a process id it cannot be left behind or taken by an equal number.
 */
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
    // The process id is for the message alone. RESERVED, which is then held, lets others read it.
    db.pragma(`user_version = ${process.pid}`);
    db.exec('BEGIN IMMEDIATE');
    const held = db;
    return { release: () => void held.close() };
  } catch (error) {
    const holder = db === undefined ? undefined : holderOf(db);
    db?.close();
    throw new RegistryError(messageOf(file, error, holder));
  }
}

function messageOf(file: string, error: unknown, holder: number | undefined): string {
  const code = String((error as { code?: unknown }).code);
  if (code.startsWith('SQLITE_BUSY'))
    return `Another xmpproxy is running on this data folder${holder ? ` (process ${holder})` : ''}; ${file} is locked.`;
  if (code === 'SQLITE_NOTADB' || code.startsWith('SQLITE_CORRUPT'))
    return `${file} is not what we made it. It holds nothing: with no xmpproxy running, remove it.`;
  return `Cannot lock ${file}: ${reasonOf(error)}.`;
}

function holderOf(db: Database.Database): number | undefined {
  try {
    return Number(db.pragma('user_version', { simple: true }));
  } catch {
    return undefined;
  }
}
