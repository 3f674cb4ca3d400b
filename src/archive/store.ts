/** The archive in SQLite: one file per user, opened when needed. */
import { mkdir, open } from 'node:fs/promises';
import { join } from 'node:path';
import { ArchiveError, guard, openDatabase } from './database.ts';
import { Group } from './group.ts';
import { fileName } from './name.ts';
import type { Entry, Kind, OpenStore, Store } from './types.ts';

/** Stores under one folder; each user's file has one opener at a time. */
export const storesIn =
  (folder: string): OpenStore =>
  async (user) => {
    const file = join(folder, fileName(user));
    await makePrivate(folder, file);
    return openStore(file);
  };

/** A store that lasts as long as it is open. */
export const openMemoryStore = (): Promise<Store> => openStore(':memory:');

async function openStore(file: string): Promise<Store> {
  const { db, log } = await openDatabase(file);
  const read = db.prepare<[string, string], Entry>(
    'SELECT key, value FROM kept WHERE account = ? AND kind = ? ORDER BY id',
  );
  const put = db.prepare(`INSERT INTO kept (account, kind, key, value) VALUES (?, ?, ?, ?)
    ON CONFLICT (account, kind, key) DO UPDATE SET value = excluded.value`);
  const remove = db.prepare('DELETE FROM kept WHERE account = ? AND kind = ? AND key = ?');
  const removeKind = db.prepare('DELETE FROM kept WHERE account = ? AND kind = ?');
  const forget = db.prepare('DELETE FROM kept WHERE account = ?');
  const group = new Group(db, log, file);

  return {
    // The same connection: what the open group has written is seen.
    async read(account, kind) {
      group.check();
      return guard(file, () => read.all(account, kind));
    },
    put: (account, kind, key, value) => group.add(() => put.run(account, kind, key, value)),
    remove: (account: string, kind: Kind, key?: string) =>
      group.add(() => (key === undefined ? removeKind.run(account, kind) : remove.run(account, kind, key))),
    forget: (account) => group.add(() => forget.run(account)),
    async close() {
      await group.close();
      await log?.close();
      db.close();
    },
  };
}

/** Contacts and messages are for the owner of the process alone; SQLite gives its other files the same rights. */
async function makePrivate(folder: string, file: string): Promise<void> {
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    await (await open(file, 'wx', 0o600)).close();
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code !== 'EEXIST') throw new ArchiveError(`Cannot make ${file}: ${message}`, { cause: error });
  }
}
