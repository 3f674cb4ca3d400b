/** Writes of the same few milliseconds share one commit and one sync to the disk. */
import type { FileHandle } from 'node:fs/promises';
import type Database from 'better-sqlite3';
import { ArchiveError, refusal } from './database.ts';

/** How long a write may wait for others to share its commit. */
const gathering = 3;

interface Waiter {
  resolve(): void;
  reject(error: Error): void;
}

export class Group {
  readonly #db: Database.Database;
  readonly #log: FileHandle | undefined;
  readonly #file: string;
  #waiting: Waiter[] = [];
  #timer: NodeJS.Timeout | undefined;
  /** A sync is under way; the next group is committed when it is over. */
  #syncing: Promise<void> | undefined;
  #broken: ArchiveError | undefined;

  constructor(db: Database.Database, log: FileHandle | undefined, file: string) {
    this.#db = db;
    this.#log = log;
    this.#file = file;
  }

  /** Throws once the store is closed or of no more use. */
  check(): void {
    if (this.#broken !== undefined) throw this.#broken;
  }

  /** Does the work at once, in the open transaction; resolves when it is durable. */
  add(work: () => unknown): Promise<void> {
    return new Promise((resolve, reject) => {
      this.check();
      try {
        if (!this.#db.inTransaction) this.#db.exec('BEGIN IMMEDIATE');
        work();
        this.#waiting.push({ resolve, reject });
      } catch (error) {
        reject(refusal(this.#file, error));
        // A full disk takes the whole transaction back, other faults this one statement.
        if (!this.#db.inTransaction) this.#fail(error);
      }
      if (this.#db.inTransaction) this.#timer ??= setTimeout(() => void this.#commit(), gathering);
    });
  }

  /** What was added is durable, and nothing can be added any more. */
  async close(): Promise<void> {
    const last = this.#commit();
    this.#broken ??= new ArchiveError(`${this.#file} is closed.`);
    await last;
  }

  async #commit(): Promise<void> {
    while (this.#syncing !== undefined) await this.#syncing;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (!this.#db.inTransaction) return;
    try {
      this.#db.exec('COMMIT');
    } catch (error) {
      this.#fail(error);
      return;
    }
    this.#syncing = this.#sync(this.#waiting.splice(0));
    await this.#syncing;
  }

  async #sync(group: Waiter[]): Promise<void> {
    try {
      await this.#log?.sync();
      for (const { resolve } of group) resolve();
    } catch (error) {
      // After a failed sync the system forgets what it could not write (Linux), so a later one proves nothing.
      this.#broken = refusal(this.#file, error);
      for (const { reject } of group) reject(this.#broken);
    } finally {
      this.#syncing = undefined;
    }
  }

  /** Nothing of the open group is kept. */
  #fail(error: unknown): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#db.inTransaction) this.#db.exec('ROLLBACK');
    const reason = refusal(this.#file, error);
    for (const { reject } of this.#waiting.splice(0)) reject(reason);
  }
}
