/** Opening a user's database: settings, format, and what is said of one that cannot be used. */
import { statSync } from 'node:fs';
import Database from 'better-sqlite3';
import { isFull } from './passing.ts';
import { bringUp, version } from './schema.ts';

/** A user's archive cannot be used; the message is for the administrator and names the file. */
export class ArchiveError extends Error {}

/**
 * The file has to be there. From now on SQLite neither syncs nor moves anything out of its log by itself: `Opened` does. `alone`:
 * nobody else can read it meanwhile, not even with SQLite's own tools; a full disk has room for that.
 */
export function openDatabase(file: string, how?: 'alone'): Database.Database {
  return guard(file, () => {
    const db = new Database(file, { fileMustExist: file !== ':memory:', timeout: 20 });
    try {
      if (how === 'alone') db.pragma('locking_mode = EXCLUSIVE');
      if (how !== 'alone' || isNew(file)) db.pragma('auto_vacuum = INCREMENTAL'); // of a new file; it writes each time
      db.pragma('synchronous = NORMAL');
      db.pragma('journal_mode = WAL');
      db.pragma('cache_size = -256');
      db.pragma('cache_spill = OFF'); // nothing of a transaction is written before its commit
      db.pragma('secure_delete = ON');
      db.pragma('wal_autocheckpoint = 0');
      migrate(db, file);
      db.pragma('synchronous = OFF');
      return db;
    } catch (error) {
      db.close();
      throw error;
    }
  });
}

const isNew = (file: string): boolean => file === ':memory:' || statSync(file).size === 0;

function migrate(db: Database.Database, file: string): void {
  const found = versionOf(db);
  if (found > version)
    throw new ArchiveError(`${file} was written by a newer xmpproxy (format ${found}; this one reads ${version}).`);
  if (found === version) return;
  db.transaction(() => {
    const now = versionOf(db); // somebody else's work meanwhile, maybe
    if (now < version) bringUp(db, now);
  }).immediate();
}

const versionOf = (db: Database.Database): number => Number(db.pragma('user_version', { simple: true }));

/** Does it, and turns what SQLite says into what an administrator can act on. */
export function guard<T>(file: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw refusal(file, error);
  }
}

export function refusal(file: string, error: unknown): ArchiveError {
  if (error instanceof ArchiveError) return error;
  const { code, message } = error as { code?: string; message?: string };
  if (code === 'SQLITE_NOTADB' || code?.startsWith('SQLITE_CORRUPT'))
    return new ArchiveError(
      `${file} is damaged (${message}). It was left as it is: restore it from a backup, or move it and its -wal file away to begin anew.`,
      { cause: error },
    );
  if (isFull(error)) return new ArchiveError(`${file}: the disk is full.`, { cause: error });
  return new ArchiveError(`${file}: ${message ?? String(error)}`, { cause: error });
}
