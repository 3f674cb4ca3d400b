/**
 * What service addresses keep: tokens and contacts, in a file of their own. Puts that come together are committed together. While the
 * file cannot be used, whoever puts is told so; what they put stands in memory all the same, so it is written when that is over.
 */
import { closeSync, fdatasync, mkdirSync, openSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { promisify } from 'node:util';
import Database from 'better-sqlite3';
import { checkAgain, type Damage, damageOf } from './damage.ts';
import { type ArchiveError, refusal } from './database.ts';
import { checkThere, type Held, held } from './held.ts';
import { isDamage, isLoss, isPassing } from './passing.ts';

interface Kept {
  key: string;
  value: string;
}

/** How long a write may wait for others to share its commit, and until a file that could not be used is tried again: milliseconds. */
const gathering = 10;
const patience = 1000;
/** Changes that are remembered while they cannot be written; the oldest go. */
const most = 20_000;

/** Of one row, or of all rows of an address. */
interface Change {
  number: number;
  row: string;
  sql: string;
  values: readonly string[];
}

interface Write {
  change: Change;
  resolve(): void;
  reject(reason: unknown): void;
}

const toDisk = promisify(fdatasync);

export class ServiceFile {
  /** Why it cannot be used, once per change; undefined: it can be again. */
  onTrouble: (reason: string | undefined) => void = () => {};
  readonly #file: string;
  #opened: Opened | undefined;
  #damage: Damage | undefined;
  #trouble: string | undefined;
  #writes: Write[] = [];
  /** What could not be written, by row. */
  #owed = new Map<string, Change>();
  #count = 0;
  #timer: NodeJS.Timeout | undefined;
  #syncing: Promise<void> = Promise.resolve();
  #isClosed = false;

  /** It is opened when somebody reads or puts. */
  constructor(file: string) {
    this.#file = file;
  }

  get trouble(): string | undefined {
    return this.#trouble;
  }

  async read(address: string, kind: string): Promise<Kept[]> {
    if (this.#writes.length > 0) this.#commit();
    try {
      const all = this.#use().database.prepare<[string, string], Kept>(
        'SELECT key, value FROM kept WHERE address = ? AND kind = ? ORDER BY key',
      );
      return all.all(address, kind);
    } catch (error) {
      throw this.#failed(error);
    }
  }

  put(address: string, kind: string, key: string, value: string): Promise<void> {
    const sql = 'INSERT OR REPLACE INTO kept (address, kind, key, value) VALUES (?, ?, ?, ?)';
    return this.#write([address, kind, key], sql, [address, kind, key, value]);
  }

  remove(address: string, kind: string, key: string): Promise<void> {
    const row = [address, kind, key];
    return this.#write(row, 'DELETE FROM kept WHERE address = ? AND kind = ? AND key = ?', row);
  }

  forget(address: string): Promise<void> {
    return this.#write([address], 'DELETE FROM kept WHERE address = ?', [address]);
  }

  /** What was put is durable, or could not be; nothing can be put any more. */
  async close(): Promise<void> {
    this.#isClosed = true;
    if (this.#writes.length > 0 || this.#owed.size > 0) this.#commit();
    await this.#syncing;
    clearTimeout(this.#timer);
    this.#leave();
  }

  #write(row: readonly string[], sql: string, values: readonly string[]): Promise<void> {
    return new Promise((resolve, reject) => {
      const change = { number: ++this.#count, row: JSON.stringify(row), sql, values };
      this.#writes.push({ change, resolve, reject });
      if (this.#writes.length === 1) this.#commitIn(gathering);
    });
  }

  #commitIn(milliseconds: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#commit(), milliseconds);
  }

  /** All that was put and all that is owed; where that is nothing, whether it could be written. */
  #commit(): void {
    clearTimeout(this.#timer);
    const owed = [...this.#owed.values()].map((change): Write => ({ change, resolve() {}, reject() {} }));
    const writes = [...owed, ...this.#writes].sort((one, other) => one.change.number - other.change.number);
    this.#writes = [];
    this.#owed.clear();
    try {
      const opened = this.#use();
      opened.write(writes.map(({ change }) => change));
      this.#syncing = this.#syncing.then(() => this.#sync(opened, writes));
    } catch (error) {
      this.#reject(writes, error);
    }
  }

  async #sync(opened: Opened, writes: readonly Write[]): Promise<void> {
    try {
      await toDisk(opened.log.descriptor);
    } catch (error) {
      if (this.#opened === opened) this.#leave(); // the system forgets what it could not write: nothing is built upon that
      return this.#reject(writes, error);
    }
    if (this.#owed.size === 0) this.#tell(undefined);
    for (const { resolve } of writes) resolve();
  }

  #reject(writes: readonly Write[], error: unknown): void {
    const reason = this.#failed(error);
    if (isPassing(error)) for (const { change } of writes) this.#owe(change);
    for (const { reject } of writes) reject(reason);
  }

  #owe(change: Change): void {
    if ((this.#owed.get(change.row)?.number ?? 0) > change.number) return;
    this.#owed.set(change.row, change);
    const [oldest] = this.#owed.keys();
    if (this.#owed.size > most) this.#owed.delete(oldest!);
  }

  /** What cannot be used is closed, told of, and tried again. */
  #failed(error: unknown): ArchiveError {
    const reason = refusal(this.#file, error);
    if (!isPassing(error)) return reason;
    if (isLoss(error)) this.#leave();
    if (isDamage(error) && error !== this.#damage?.error) this.#damage = damageOf(this.#file, error);
    this.#tell(reason.message);
    if (!this.#isClosed) this.#commitIn(patience);
    return reason;
  }

  #tell(reason: string | undefined): void {
    if (this.#trouble === reason) return;
    this.#trouble = reason;
    this.onTrouble(reason);
  }

  #use(): Opened {
    if (this.#opened === undefined) {
      if (this.#damage !== undefined) checkAgain(this.#file, this.#damage);
      this.#opened = new Opened(this.#file);
      this.#damage = undefined;
    }
    return this.#opened;
  }

  #leave(): void {
    const opened = this.#opened;
    this.#opened = undefined;
    try {
      opened?.close();
    } catch {
      // it is as good as closed
    }
  }
}

class Opened {
  readonly database: Database.Database;
  readonly log: Held;
  readonly #main: Pick<Held, 'name' | 'stats'>;

  constructor(file: string) {
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
    closeSync(openSync(file, 'a', 0o600)); // whom it names is for the owner of the process alone; SQLite's other files follow it
    this.database = new Database(file);
    try {
      // nobody else opens it, so nothing is shared; what would be needs room, and to read it on a full disk there is none
      this.database.pragma('locking_mode = EXCLUSIVE');
      // as with the archives of users: our own sync of the log after each commit, outside of this thread
      this.database.pragma('journal_mode = WAL');
      this.database.pragma('synchronous = NORMAL');
      this.#check();
      this.database.exec(
        'CREATE TABLE IF NOT EXISTS kept (address TEXT, kind TEXT, key TEXT, value TEXT NOT NULL, ' +
          'PRIMARY KEY (address, kind, key)) WITHOUT ROWID',
      );
      this.#main = { name: file, stats: statSync(file) };
      this.log = held(`${file}-wal`, 'r');
    } catch (error) {
      this.database.close();
      throw error;
    }
  }

  /** Damage is found now, not by whom it meets first. */
  #check(): void {
    const found = String(this.database.pragma('quick_check(1)', { simple: true }));
    if (found !== 'ok') throw Object.assign(new Error(found.replaceAll('\n', ' ')), { code: 'SQLITE_CORRUPT' });
  }

  write(changes: readonly Change[]): void {
    for (const file of [this.#main, this.log]) checkThere(file);
    this.database.transaction(() => {
      if (changes.length === 0) this.database.pragma('user_version = 0');
      for (const { sql, values } of changes) this.database.prepare(sql).run(...values);
    })();
  }

  close(): void {
    try {
      this.database.close();
    } finally {
      closeSync(this.log.descriptor);
    }
  }
}
