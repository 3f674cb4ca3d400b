/**
 * A user's database while it is open. SQLite syncs nothing itself, for that would hold up everything else in this thread; we sync, in
 * the order that keeps the file whole:
 *
 * - a commit is durable when the write-ahead log is synced after it;
 * - what is synced in the log may be moved into the database;
 * - the log is not written over before the database is synced, too.
 *
 * That is what synchronous=FULL does.
 */
import { closeSync, fsyncSync, openSync } from 'node:fs';
import { dirname } from 'node:path';
import type Database from 'better-sqlite3';
import { ArchiveError, openDatabase, refusal } from './database.ts';
import { checkThere, type Held, held, toDisk } from './held.ts';
import { Numbers } from './numbers.ts';
import { Outbox } from './outbox.ts';
import { Tail } from './tail.ts';

/** Pages in the log that are not in the database, from which on they are moved: 4 MiB. */
const mostAhead = 1000;

interface Progress {
  log: number;
  checkpointed: number;
}

export class Opened {
  readonly numbers = new Numbers(this);
  readonly tail = new Tail(this);
  readonly outbox = new Outbox(this);
  readonly #file: string;
  readonly #db: Database.Database;
  readonly #statements = new Map<string, Database.Statement<unknown[]>>();
  /** Descriptors of the database and of its log; closed after the database, for closing them gives up SQLite's locks. */
  readonly #main: Held | undefined;
  readonly #log: Held | undefined;
  /** Until the log is known to be found again in its folder. */
  #folder: number | undefined;
  /** Something in the log is not in the database. */
  #isAhead = false;
  /** What was moved from the log into the database is not synced there yet: the log must not be written over. */
  #moving: Promise<void> | undefined;
  /** What was deleted shall be gone from the log, too. */
  #isToWipe = false;
  #fault: ArchiveError | undefined;

  constructor(file: string, how?: 'alone') {
    this.#file = file;
    this.#db = openDatabase(file, how);
    if (this.#db.memory) return;
    try {
      this.#main = held(file, 'r+');
      this.#log = held(`${file}-wal`, 'r+'); // SQLite has made it by now
      this.#isAhead = this.#log.stats.size > 0;
      this.#folder = openSync(dirname(file), 'r');
    } catch (error) {
      this.#db.close();
      this.#closeAll();
      throw refusal(file, error);
    }
  }

  get inTransaction(): boolean {
    return this.#db.inTransaction;
  }

  /** Compiled once. */
  statement(sql: string): Database.Statement<unknown[]> {
    let statement = this.#statements.get(sql);
    if (statement === undefined) {
      statement = this.#db.prepare(sql);
      this.#statements.set(sql, statement);
    }
    return statement;
  }

  begin(): void {
    this.statement('BEGIN IMMEDIATE').run();
  }

  /** Not while something is `moving`. */
  commit(): void {
    this.check();
    this.statement('COMMIT').run();
    this.#isAhead = true;
  }

  rollback(): void {
    this.numbers.clear();
    this.tail.clear();
    this.outbox.clear();
    if (this.#db.inTransaction) this.statement('ROLLBACK').run();
  }

  /** Before each commit: throws if it was taken away, or nothing more can be kept in it. */
  check(): void {
    if (this.#fault !== undefined) throw this.#fault;
    for (const file of [this.#main, this.#log]) if (file !== undefined) checkThere(file);
  }

  /** Resolves when all that was committed is durable; nothing may be committed meanwhile. */
  async sync(): Promise<void> {
    if (this.#log === undefined) return;
    if (this.#isToWipe) this.#wipe();
    await toDisk(this.#log.descriptor);
    if (this.#folder === undefined) return;
    await toDisk(this.#folder);
    closeSync(this.#folder);
    this.#folder = undefined;
  }

  /**
   * The log has become long: all of it should be moved into the database in the next moment without a transaction, after the next
   * sync. Where such moments are too rare it is done here, however long the disk takes.
   */
  makesRoom(): boolean {
    if (this.#log === undefined) return false;
    const { log, checkpointed } = this.statement('PRAGMA wal_checkpoint(NOOP)').get() as Progress;
    const ahead = log - checkpointed;
    if (ahead < 8 * mostAhead) return ahead >= mostAhead;
    fsyncSync(this.#log.descriptor);
    return !this.move();
  }

  /** While it is there nothing may be committed: what was moved from the log is on its way to the disk. */
  get moving(): Promise<void> | undefined {
    return this.#moving;
  }

  /** The next sync leaves nothing in the log. */
  wipe(): void {
    this.#isToWipe = true;
  }

  #wipe(): void {
    this.#db.pragma('synchronous = FULL');
    try {
      const [{ busy }] = this.#db.pragma('wal_checkpoint(TRUNCATE)') as [{ busy: number }];
      this.#isToWipe = busy !== 0;
      this.#isAhead = this.#isToWipe;
    } catch (error) {
      if ((error as { code?: string }).code === 'SQLITE_IOERR_FSYNC') throw error;
      // a full disk: with the next sync
    } finally {
      this.#db.pragma('synchronous = OFF');
    }
  }

  /** Gives some pages that are not used back to the disk; true if there may be more. */
  shrink(): boolean {
    const free = this.#number('freelist_count');
    if (free > 0) this.#db.pragma('incremental_vacuum(1000)');
    const left = this.#number('freelist_count');
    return left > 0 && left < free;
  }

  /** Moves all from the log, which is synced, into the database. False where it cannot be done now. */
  move(): boolean {
    if (this.#main === undefined || this.#moving !== undefined || this.#db.inTransaction) return false;
    try {
      const { log, checkpointed } = this.statement('PRAGMA wal_checkpoint(PASSIVE)').get() as Progress;
      if (checkpointed !== log) return false;
    } catch {
      return false; // a full disk: all is in the log
    }
    this.#isAhead = false;
    this.#moving = this.#moved(this.#main.descriptor);
    this.#moving.catch(() => {}); // told at the next commit, too
    return true;
  }

  /** After a fault the system forgets what it could not write (Linux), so trying again would prove nothing. */
  async #moved(descriptor: number): Promise<void> {
    try {
      await toDisk(descriptor);
    } catch (error) {
      this.#fault = new ArchiveError(`${this.#file}: ${(error as Error).message}`);
      throw this.#fault;
    } finally {
      this.#moving = undefined;
    }
  }

  /** Moves all into the database. False where it cannot be done, or something was written meanwhile. */
  async settle(): Promise<boolean> {
    if (this.#main === undefined) return true;
    await this.#moving;
    if (!this.#isAhead) return true;
    if (!this.move()) return false;
    await this.#moving;
    return !this.#isAhead;
  }

  /** Octets that are in use. */
  used(): number {
    const [pages, free] = ['page_count', 'freelist_count'].map((name) => this.#number(name)) as [number, number];
    return (pages - free) * this.#number('page_size');
  }

  #number(name: string): number {
    return Number(this.#db.pragma(name, { simple: true }));
  }

  close(): void {
    // whatever is in the log SQLite moves now
    if (this.#isAhead || this.#moving !== undefined) this.#db.pragma('synchronous = FULL');
    this.#db.close();
    this.#closeAll();
  }

  #closeAll(): void {
    for (const descriptor of [this.#main?.descriptor, this.#log?.descriptor, this.#folder])
      if (descriptor !== undefined) closeSync(descriptor);
  }
}
