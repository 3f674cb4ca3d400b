/**
 * A user's database while it is open. SQLite would sync at the first commit and when it closes, and hold up everything else
 * in this thread; for a file that is opened and closed all day that is too often. It is told not to where the same sync can
 * be done beside the thread.
 */
import { closeSync, fsync, fsyncSync, openSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { dirname } from 'node:path';
import { promisify } from 'node:util';
import type Database from 'better-sqlite3';
import { openDatabase, refusal } from './database.ts';
import { Numbers } from './numbers.ts';
import { Tail } from './tail.ts';

const toDisk = promisify(fsync);

export class Opened {
  readonly numbers = new Numbers(this);
  readonly tail = new Tail(this);
  readonly #file: string;
  readonly #db: Database.Database;
  readonly #statements = new Map<string, Database.Statement<unknown[]>>();
  /** Descriptors of the database and of its write-ahead log, for our syncs. */
  #main: number | undefined;
  readonly #log: number | undefined;
  /** The log has a header of this connection's. */
  #isBegun = false;
  /** The log is known to be found again in its folder. */
  #isPlaced = false;
  /** Something in the log is not in the database. */
  #isAhead = false;
  /** What was moved from the log into the database is not synced there: the log must not be written over. */
  #isMoving = false;
  #fault: unknown;
  #relies = true;

  constructor(file: string) {
    this.#file = file;
    this.#db = openDatabase(file);
    try {
      // SQLite has made the log by now. Its locks are on the database: closing this descriptor gives none of them up.
      if (!this.#db.memory) this.#log = openSync(`${file}-wal`, 'r+');
    } catch (error) {
      this.#db.close();
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
    if (this.#isMoving) this.#hasten();
    if (!this.#isBegun) this.#rely(false);
    this.#db.exec('BEGIN IMMEDIATE');
  }

  commit(): void {
    this.#db.exec('COMMIT');
    this.#isAhead = true;
    this.#isBegun = true;
    this.#rely(true);
  }

  rollback(): void {
    this.numbers.clear();
    this.tail.clear();
    if (this.#db.inTransaction) this.#db.exec('ROLLBACK');
    this.#rely(true);
  }

  /** Resolves when all that was committed is durable. */
  async sync(): Promise<void> {
    if (this.#log === undefined) return;
    await toDisk(this.#log);
    if (this.#isPlaced) return;
    const folder = await open(dirname(this.#file));
    await folder.sync().finally(() => folder.close());
    this.#isPlaced = true;
  }

  /** Moves all from the log into the database. False where it cannot be done, or something was written meanwhile. */
  async settle(): Promise<boolean> {
    if (!this.#isAhead || this.#db.memory) return true;
    if (!this.#move()) return false;
    this.#isMoving = true;
    await toDisk(this.#main!);
    if (this.#fault !== undefined) throw this.#fault;
    const isQuiet = this.#isMoving;
    this.#isMoving = false;
    if (isQuiet) this.#isAhead = false;
    return isQuiet;
  }

  #move(): boolean {
    this.#rely(false);
    try {
      this.#main ??= openSync(this.#file, 'r+'); // until close(): earlier it would give up SQLite's locks
      const [result] = this.#db.pragma('wal_checkpoint') as { log: number; checkpointed: number }[];
      return result !== undefined && result.checkpointed === result.log;
    } catch {
      return false; // a full disk: all is in the log
    } finally {
      this.#rely(true);
    }
  }

  /** After a fault the system forgets what it could not write (Linux), so trying again proves nothing. */
  #hasten(): void {
    try {
      if (this.#fault === undefined) fsyncSync(this.#main!);
    } catch (error) {
      this.#fault = error;
    }
    if (this.#fault !== undefined) throw this.#fault;
    this.#isMoving = false;
  }

  close(): void {
    this.#db.close();
    for (const descriptor of [this.#main, this.#log]) if (descriptor !== undefined) closeSync(descriptor);
  }

  /** Off, SQLite syncs nothing, and leaves in the log what is there. */
  #rely(onSqlite: boolean): void {
    if (onSqlite === this.#relies) return;
    this.#relies = onSqlite;
    this.#db.pragma(`synchronous = ${onSqlite ? 'NORMAL' : 'OFF'}`);
    this.#db.pragma(`wal_autocheckpoint = ${onSqlite ? 1000 : 0}`);
  }
}
