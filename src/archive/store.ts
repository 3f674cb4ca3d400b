/** The archive in SQLite: one file per user, opened when needed. */
import { closeSync, openSync, renameSync, type Stats, statSync } from 'node:fs';
import { mkdir, open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { ArchiveError, refusal } from './database.ts';
import { Fleeting } from './fleeting.ts';
import { Group } from './group.ts';
import { Journal, redo } from './journal.ts';
import { FileMessages } from './messages.ts';
import { fileName } from './name.ts';
import { Opened } from './opened.ts';
import { isDamage, isLoss } from './passing.ts';
import { scrub } from './scrub.ts';
import { type Book, Shelf } from './shelf.ts';
import type { Entry, Kind, OpenStore, Store, Trouble } from './types.ts';
import { put } from './writing.ts';

const read = 'SELECT key, value FROM kept WHERE account = ? AND kind = ? ORDER BY id';
const remove = 'DELETE FROM kept WHERE account = ? AND kind = ? AND key = ?';
const removeTo = 'DELETE FROM kept WHERE account = ? AND kind = ? AND key <= ?';
const removeKind = 'DELETE FROM kept WHERE account = ? AND kind = ?';
const forget = 'DELETE FROM kept WHERE account = ?';

/** How long who forgets waits for moments in which the file can be closed; then it goes on by itself. */
const patience = 2000;
/** What can wait until it is quiet is done when nothing was written for a moment: looked at as often, in milliseconds. */
const quiet = 20;
/** How long what was deleted piece by piece may leave traces: milliseconds. */
const delay = 600_000;

/** All files of this thread. */
const shelf = new Shelf();

/** What is gathered is in a file of that ending. */
const journal = '-new';

/** Stores under one folder; each user's file has one opener at a time. */
export const storesIn =
  (folder: string): OpenStore =>
  async (user) => {
    const file = join(folder, fileName(user));
    await makePrivate(folder, file);
    return new FileStore(file, shelf);
  };

/** Deletes a user's store, which nobody has open. */
export async function removeStore(folder: string, user: string): Promise<void> {
  const file = join(folder, fileName(user));
  for (const ending of ['', '-wal', '-shm', journal]) await rm(`${file}${ending}`, { force: true });
}

/** A store that lasts as long as it is open. */
export const openMemoryStore = async (): Promise<Store> => new FileStore(':memory:', undefined);

/** A user's store; while nobody uses it, its file is closed. */
export class FileStore implements Store, Book {
  readonly messages: FileMessages;
  readonly #file: string;
  readonly #shelf: Shelf | undefined;
  readonly #group: Group;
  readonly #outbox: Fleeting;
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
    this.#journal = shelf && new Journal(file + journal);
    this.#group = new Group(file, {
      committed: () => {
        this.#outbox.committed();
        this.#journal?.clear();
      },
      idle: () => this.#tidyLater(),
      use: () => this.#use(),
      mayWait: () => this.#opened === undefined && this.#shelf?.isCrowded === true,
      failed: (error, idle) => this.#failed(error, idle),
    });
    this.#outbox = new Fleeting('outbox', this.#group);
    this.messages = new FileMessages({
      read: (act) => this.#read(act),
      write: (work) => this.#group.add(work),
      jot: (account, message) => this.#journal?.write({ account, message }),
      wipe: (isUrgent) => (isUrgent ? this.#wipe() : this.#wipeLater()),
    });
    this.#use();
    this.#recover();
  }

  /** What was shown to somebody, and not committed when the program ended, is taken in as if nothing had been. */
  #recover(): void {
    const left = this.#journal?.left() ?? [];
    if (left.length > 0) void this.#group.add((opened) => redo(opened, left)).catch(() => {});
  }

  #use(): Opened {
    if (this.#opened === undefined) {
      if (this.#damage !== undefined) checkAgain(this.#file, this.#damage);
      // one that is missing was told of; whoever took it away is taken at his word
      if (this.trouble !== undefined) makeAgain(this.#file);
      this.#opened = new Opened(this.#file);
      this.#outbox.opened();
      this.#damage = undefined;
    }
    this.#shelf?.used(this);
    return this.#opened;
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
    this.#group.check();
    try {
      return act(this.#use());
    } catch (error) {
      if (isDamage(error)) this.#group.fault(error);
      throw refusal(this.#file, error);
    }
  }

  read(account: string, kind: Kind): Promise<Entry[]> {
    return this.#read((opened) => {
      const entries = opened.statement(read).all(account, kind) as Entry[];
      return kind === 'outbox' ? this.#outbox.among(account, entries) : entries;
    });
  }

  note(account: string, kind: Kind, key: string, value: () => string): Promise<void> {
    return this.#group.note(`${account}\0${kind}\0${key}`, (opened) =>
      opened.statement(put).run(account, kind, key, value()),
    );
  }

  put(account: string, kind: Kind, key: string, value: string): Promise<void> {
    if (kind === 'outbox') {
      this.#journal?.write({ account, kind, key, value });
      return this.#outbox.put(account, key, value);
    }
    return this.#group.add((opened) => opened.statement(put).run(account, kind, key, value));
  }

  removeTo(account: string, kind: Kind, key: string): Promise<void> {
    if (kind === 'outbox') return this.#outbox.removeTo(account, key);
    return this.#group.add((opened) => opened.statement(removeTo).run(account, kind, key));
  }

  remove(account: string, kind: Kind, key?: string): Promise<void> {
    if (kind === 'outbox' && key !== undefined) return this.#outbox.remove(account, key);
    if (kind === 'outbox') this.#outbox.forget(account);
    return this.#group.add((opened) =>
      key === undefined
        ? opened.statement(removeKind).run(account, kind)
        : opened.statement(remove).run(account, kind, key),
    );
  }

  async forget(account: string): Promise<void> {
    this.#outbox.forget(account);
    const kept = this.#group.add((opened) => opened.statement(forget).run(account));
    await this.messages.forget(account, {});
    await kept;
    await this.#wipe();
  }

  /** What came in a burst enters the indexes after it, in small pieces. */
  #tidyLater(): void {
    if (this.#opened?.tail.isLong !== true || this.#isClosed) return;
    this.#tidying ??= setTimeout(() => {
      this.#tidying = undefined;
      if (this.isBusy || this.trouble !== undefined) return this.#tidyLater();
      this.#group.add((opened) => opened.tail.tidy()).catch(() => {}); // what is not in the indexes is found as well
    }, quiet).unref();
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

/** A file that was found damaged, and what it and its log looked like then. */
interface Damage {
  error: unknown;
  file: Stats | undefined;
  log: Stats | undefined;
}

const seen = (file: string): Stats | undefined => statSync(file, { throwIfNoEntry: false });

const damageOf = (file: string, error: unknown): Damage => ({ error, file: seen(file), log: seen(`${file}-wal`) });

/** Throws while nobody has changed it. The log of a file that was damaged would spoil the one that is there in its place. */
function checkAgain(file: string, damage: Damage): void {
  const now = seen(file);
  const { ino, size, mtimeMs } = damage.file ?? {};
  if (now?.ino === ino && now?.size === size && now?.mtimeMs === mtimeMs) throw damage.error;
  const log = seen(`${file}-wal`);
  if (log !== undefined && log.ino === damage.log?.ino && now?.ino !== ino)
    renameSync(`${file}-wal`, `${file}-wal.damaged`);
}
