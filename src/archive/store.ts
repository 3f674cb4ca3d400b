/** The archive in SQLite: one file per user, opened when needed. */
import { closeSync, openSync } from 'node:fs';
import { mkdir, open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setImmediate as nextTurn, setTimeout as pause } from 'node:timers/promises';
import { checkAgain, type Damage, damageOf } from './damage.ts';
import { ArchiveError, refusal } from './database.ts';
import { type Desk, Group } from './group.ts';
import { endings, Journal } from './journal.ts';
import { FileMessages } from './messages.ts';
import { fileName } from './name.ts';
import { Opened } from './opened.ts';
import { isDamage, isFull, isLoss } from './passing.ts';
import { scrub } from './scrub.ts';
import { type Book, Shelf } from './shelf.ts';
import type { Entry, Kind, OpenStore, Store, Trouble } from './types.ts';

const read = 'SELECT key, value FROM kept WHERE account = ? AND kind = ? ORDER BY id';
const forget = 'DELETE FROM kept WHERE account = ?';

/** How long who forgets waits for moments in which the file can be closed; then it goes on by itself. */
const patience = 2000;
/**
 * What the tables lack they take in when nothing was written for that long, or when there is much of it and few records come in that time;
 * once begun, piece by piece with that pause: milliseconds.
 */
const quiet = 50;
const calm = 50;
const much = 64 * 1024;
const breath = 10;
/** Records that the tables take in at once; and where the journal has become long. */
const bite = 250;
const gulp = 1000;
/** Somebody who reads waits for the tables in pieces where they lack so many octets: some milliseconds' work. */
const far = 512 * 1024;
/** How long what was deleted piece by piece may leave traces: milliseconds. */
const delay = 600_000;

/** All files of this thread. */
const shelf = new Shelf();

/** Stores under one folder; each user's file has one opener at a time. */
export const storesIn =
  (folder: string): OpenStore =>
  async (user) => {
    const file = join(folder, fileName(user));
    await makePrivate(folder, file);
    const store = new FileStore(file, shelf);
    await store.begin();
    return store;
  };

/** Deletes a user's store, which nobody has open. */
export async function removeStore(folder: string, user: string): Promise<void> {
  const file = join(folder, fileName(user));
  for (const ending of ['', '-wal', '-shm', ...endings]) await rm(`${file}${ending}`, { force: true });
}

/** A store that lasts as long as it is open. */
export const openMemoryStore = async (): Promise<Store> => new FileStore(':memory:', undefined);

/** A user's store; while nobody uses it, its file is closed. */
export class FileStore implements Store, Book {
  readonly messages: FileMessages;
  readonly #file: string;
  readonly #shelf: Shelf | undefined;
  readonly #group: Group;
  readonly #journal: Journal | undefined;
  #opened: Opened | undefined;
  #leaving: Promise<void> | undefined;
  /** The first page that may still have copies of what was deleted. */
  #unclean: number | undefined;
  #scrubbing: Promise<void> | undefined;
  #wiping: NodeJS.Timeout | undefined;
  #tidying: NodeJS.Timeout | undefined;
  #isClosed = false;
  /** The file was found damaged; `seen` is what it looked like then. */
  #damage: Damage | undefined;

  /** Opens the file, so that one that cannot be used is refused at once. */
  constructor(file: string, shelf: Shelf | undefined) {
    this.#file = file;
    this.#shelf = shelf;
    this.#journal = shelf && new Journal(file);
    const desk: Desk = {
      idle: () => this.#tidyLater(),
      use: () => this.#use(),
      mayWait: () => this.#opened === undefined && this.#shelf?.isCrowded === true,
      failed: (error, idle) => this.#failed(error, idle),
    };
    this.#group = new Group(file, desk, this.#journal);
    this.messages = new FileMessages({
      read: (act) => this.#read(act),
      enter: (record) => this.#group.write(record),
      write: (work) => this.#change(work),
      wipe: (isUrgent) => (isUrgent ? this.#wipe() : this.#wipeLater()),
    });
    this.#use();
    if (this.#journal?.isHindered) this.#group.add(() => {}).catch(() => {}); // the store tells of it
  }

  /** What a program before this one left is safe, or cannot be now: nothing outlives this one's end before. */
  async begin(): Promise<void> {
    const told = new Promise<void>((resolve) => {
      this.onTrouble = () => resolve();
    });
    if (this.trouble === undefined) await Promise.race([told, this.settled()]).catch(() => {});
    this.onTrouble = () => {};
  }

  #use(): Opened {
    if (this.#opened === undefined) {
      if (this.#damage !== undefined) checkAgain(this.#file, this.#damage);
      // one that is missing was told of; whoever took it away is taken at his word
      if (this.trouble !== undefined) makeAgain(this.#file);
      this.#opened = this.#open();
      this.#damage = undefined;
      this.#journal?.open(this.#opened);
    }
    this.#shelf?.used(this);
    return this.#opened;
  }

  #open(): Opened {
    try {
      return new Opened(this.#file);
    } catch (error) {
      if (!isFull(error)) throw error;
      return new Opened(this.#file, 'alone');
    }
  }

  /** What cannot be used is closed; a file that is damaged is looked at again when it has changed. */
  #failed(error: unknown, idle: Promise<unknown>): void {
    if (!isLoss(error) || this.#shelf === undefined) return;
    const opened = this.#opened;
    this.#opened = undefined;
    this.#shelf.left(this);
    const damage = isDamage(error) ? damageOf(this.#file, error) : undefined;
    this.#damage = damage;
    const close = (): void => {
      opened?.close();
      if (damage !== undefined) Object.assign(damage, damageOf(this.#file, error));
    };
    if (opened !== undefined)
      idle
        .then(() => opened.moving)
        .then(close, close)
        .catch(() => {}); // it is as good as closed
  }

  get trouble(): Trouble | undefined {
    return this.#group.trouble;
  }

  get onTrouble(): (trouble: Trouble | undefined) => void {
    return this.#group.onTrouble;
  }

  set onTrouble(tell: (trouble: Trouble | undefined) => void) {
    this.#group.onTrouble = tell;
  }

  settled(): Promise<void> | undefined {
    return this.#group.settled();
  }

  size(): Promise<number> {
    return this.#read((opened) => opened.used());
  }

  // The same connection as for writing: what the open group has written is seen.
  async #read<T>(act: (opened: Opened) => T): Promise<T> {
    if (this.#group.ahead > far) await this.#catchUp();
    this.#group.check();
    try {
      return act(this.#use());
    } catch (error) {
      if (isDamage(error)) this.#group.fault(error);
      throw refusal(this.#file, error);
    }
  }

  async #change(work: (opened: Opened) => void): Promise<void> {
    if (this.#group.ahead > far) await this.#catchUp();
    await this.#group.add(work);
  }

  /** In pieces, so that others have their turn. */
  async #catchUp(): Promise<void> {
    while (this.#group.ahead > far && !this.#group.isStuck) {
      const before = this.#group.ahead;
      this.#group.takeIn(bite);
      // a commit is on its way
      if (this.#group.ahead === before) await (this.#group.settled() ?? nextTurn());
      else await nextTurn();
    }
  }

  read(account: string, kind: Kind): Promise<Entry[]> {
    return this.#read((opened) => opened.statement(read).all(account, kind) as Entry[]);
  }

  note(account: string, kind: Kind, key: string, value: () => string): Promise<void> {
    return this.#group.note(`${account}\0${kind}\0${key}`, () => ({ account, kind, key, value: value() }));
  }

  put(account: string, kind: Kind, key: string, value: string): Promise<void> {
    if (typeof value !== 'string') return Promise.reject(new ArchiveError(`${kind} ${key} has no value`));
    return this.#group.write({ account, kind, key, value });
  }

  removeTo(account: string, kind: Kind, key: string): Promise<void> {
    return this.#group.write({ account, kind, to: key });
  }

  remove(account: string, kind: Kind, key?: string): Promise<void> {
    return this.#group.write({ account, kind, removed: key });
  }

  async forget(account: string): Promise<void> {
    const kept = this.#group.add((opened) => {
      opened.outbox.forget(account);
      opened.statement(forget).run(account);
    });
    await this.messages.forget(account, {});
    await kept;
    await this.#wipe();
  }

  /** What came in a burst enters the tables and their indexes after it, in small pieces. */
  #tidyLater(within = quiet): void {
    if (this.#isClosed || !(this.#group.isAhead || this.#opened?.tail.isLong === true)) return;
    const { written } = this.#group;
    this.#tidying ??= setTimeout(() => {
      this.#tidying = undefined;
      const hasBegun = this.trouble === undefined && this.#tidy(this.#group.written - written, within);
      this.#tidyLater(hasBegun ? breath : quiet);
    }, within).unref();
  }

  /** So many records came in that time. True: something was done. */
  #tidy(count: number, within: number): boolean {
    const { isLong, isAhead, ahead } = this.#group;
    const isCalm = count === 0 || (ahead > much && count * quiet <= calm * within);
    if (isLong) this.#group.takeIn(gulp);
    else if (!isCalm) return false;
    else if (isAhead) this.#group.takeIn(bite);
    // what is not in the indexes is found as well
    else if (this.#opened?.tail.isLong && !this.isBusy) this.#group.add((opened) => opened.tail.tidy()).catch(() => {});
    return true;
  }

  async #wipeLater(): Promise<void> {
    const wipe = (): void => {
      this.#wiping = undefined;
      this.#wipe().catch(() => {}); // it is closed, and cleaned there
    };
    this.#wiping ??= setTimeout(wipe, delay);
  }

  /** Nothing of what was deleted stays on pages that are not used, or in the log. */
  async #wipe(): Promise<void> {
    for (let isMore = true; isMore; )
      await this.#group.add((opened) => {
        isMore = opened.shrink();
        opened.wipe();
      });
    if (this.#shelf !== undefined) this.#unclean = 0;
    this.#scrubbing ??= this.#scrub().finally(() => {
      this.#scrubbing = undefined;
    });
    await Promise.race([this.#scrubbing, pause(patience, undefined, { ref: false })]);
  }

  /** In the moments when the file is closed; ends with the store. */
  async #scrub(): Promise<void> {
    while (this.#shelf !== undefined && this.#unclean !== undefined && !this.#isClosed) {
      await this.putAway();
      if (this.#opened === undefined && this.trouble === undefined) this.#clean();
      await pause(this.#opened === undefined ? 0 : 50);
    }
  }

  /** A few pages. A file that is not there, or not to be read, has nothing that could be cleaned. */
  #clean(): void {
    try {
      this.#unclean = scrub(this.#file, this.#unclean ?? 0);
    } catch {
      this.#unclean = undefined;
    }
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#tidying);
    await this.#group.close();
    await this.putAway();
    this.#shelf?.left(this);
    this.#opened?.close();
    this.#opened = undefined;
    this.#journal?.close();
    if (this.#wiping !== undefined && this.#shelf !== undefined) this.#unclean = 0;
    clearTimeout(this.#wiping);
    for (; this.#unclean !== undefined; await pause(0)) this.#clean();
  }

  get isBusy(): boolean {
    return this.#group.isBusy;
  }

  /** Closes the file, unless somebody uses it meanwhile. */
  putAway(): Promise<void> {
    this.#leaving ??= this.#leave().finally(() => {
      this.#leaving = undefined;
    });
    return this.#leaving;
  }

  async #leave(): Promise<void> {
    const opened = this.#opened;
    if (opened === undefined) return;
    this.#shelf?.left(this);
    try {
      if (this.#group.isAhead) await this.#group.add(() => {});
      const isSettled = await opened.settle();
      if (!isSettled || this.isBusy) return this.#shelf?.used(this);
      this.#opened = undefined;
      opened.close();
      this.#journal?.close();
    } catch (error) {
      this.#group.break(error);
    }
  }
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

/** In a folder that is there. */
function makeAgain(file: string): void {
  try {
    closeSync(openSync(file, 'wx', 0o600));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
}
