/** What service addresses keep: tokens and contacts, in a file of their own. Puts that come together are committed together. */
import { closeSync, fdatasync, mkdirSync, openSync } from 'node:fs';
import { dirname } from 'node:path';
import Database from 'better-sqlite3';

interface Kept {
  key: string;
  value: string;
}

/** How long a write may wait for others to share its commit, in milliseconds. */
const gathering = 10;

interface Write {
  apply(): void;
  resolve(): void;
  reject(reason: unknown): void;
}

export class ServiceFile {
  readonly #database: Database.Database;
  readonly #file: string;
  #log: number | undefined;
  #writes: Write[] = [];
  #timer: NodeJS.Timeout | undefined;
  #syncing: Promise<void> = Promise.resolve();

  constructor(file: string) {
    this.#file = file;
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
    closeSync(openSync(file, 'a', 0o600)); // whom it names is for the owner of the process alone; SQLite's other files follow it
    this.#database = new Database(file);
    // as with the archives of users: our own sync of the log after each commit, outside of this thread
    this.#database.pragma('journal_mode = WAL');
    this.#database.pragma('synchronous = NORMAL');
    this.#database.exec(
      'CREATE TABLE IF NOT EXISTS kept (address TEXT, kind TEXT, key TEXT, value TEXT NOT NULL, ' +
        'PRIMARY KEY (address, kind, key)) WITHOUT ROWID',
    );
  }

  async read(address: string, kind: string): Promise<Kept[]> {
    this.#commit();
    const all = this.#database.prepare<[string, string], Kept>(
      'SELECT key, value FROM kept WHERE address = ? AND kind = ? ORDER BY key',
    );
    return all.all(address, kind);
  }

  put(address: string, kind: string, key: string, value: string): Promise<void> {
    return this.#write('INSERT OR REPLACE INTO kept (address, kind, key, value) VALUES (?, ?, ?, ?)', [
      ...[address, kind, key, value],
    ]);
  }

  remove(address: string, kind: string, key: string): Promise<void> {
    return this.#write('DELETE FROM kept WHERE address = ? AND kind = ? AND key = ?', [address, kind, key]);
  }

  forget(address: string): Promise<void> {
    return this.#write('DELETE FROM kept WHERE address = ?', [address]);
  }

  /** What was put is durable; nothing can be put any more. */
  async close(): Promise<void> {
    this.#commit();
    await this.#syncing;
    this.#database.close();
    if (this.#log !== undefined) closeSync(this.#log);
  }

  #write(sql: string, values: readonly string[]): Promise<void> {
    return new Promise((resolve, reject) => {
      const apply = () => void this.#database.prepare(sql).run(...values);
      this.#writes.push({ apply, resolve, reject });
      this.#timer ??= setTimeout(() => this.#commit(), gathering);
    });
  }

  #commit(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const writes = this.#writes;
    if (writes.length === 0) return;
    this.#writes = [];
    try {
      this.#database.transaction(() => {
        for (const { apply } of writes) apply();
      })();
    } catch (reason) {
      for (const { reject } of writes) reject(reason);
      return;
    }
    this.#syncing = this.#syncing.then(() => this.#sync(writes));
  }

  #sync(writes: readonly Write[]): Promise<void> {
    return new Promise((resolve) => {
      this.#log ??= openSync(`${this.#file}-wal`, 'r');
      fdatasync(this.#log, (error) => {
        for (const write of writes) error === null ? write.resolve() : write.reject(error);
        resolve();
      });
    });
  }
}
