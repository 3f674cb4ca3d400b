/** Stores in files, in folders of their own. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { test } from 'uvu';

/** A folder that is gone afterwards, whatever happens. */
export const inFolder = (name: string, run: (folder: string) => Promise<void>) =>
  test(name, async () => {
    const folder = await mkdtemp(join(tmpdir(), 'xmpproxy-store-'));
    try {
      await run(folder);
    } finally {
      await rm(folder, { recursive: true });
    }
  });

/** Why it was refused. */
export const message = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => 'was not refused',
    (error: Error) => error.message,
  );

/** What SQLite says of the file: trees and full-text index. */
export function check(file: string): unknown {
  const db = new Database(file);
  for (const table of ['word', 'named']) db.exec(`INSERT INTO ${table} (${table}) VALUES ('integrity-check')`);
  const said = db.pragma('integrity_check', { simple: true });
  db.close();
  return said;
}
