/** The archive in SQLite: one file per user, opened when needed. */
import { mkdir, open, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { ArchiveError, guard } from './database.ts';
import { Group } from './group.ts';
import { FileMessages } from './messages.ts';
import { fileName } from './name.ts';
import { Opened } from './opened.ts';
import { type Book, Shelf } from './shelf.ts';
import type { Entry, Kind, OpenStore, Store, Trouble } from './types.ts';

const read = 'SELECT key, value FROM kept WHERE account = ? AND kind = ? ORDER BY id';
const put = `INSERT INTO kept (account, kind, key, value) VALUES (?, ?, ?, ?)
  ON CONFLICT (account, kind, key) DO UPDATE SET value = excluded.value`;
const remove = 'DELETE FROM kept WHERE account = ? AND kind = ? AND key = ?';
const removeTo = 'DELETE FROM kept WHERE account = ? AND kind = ? AND key <= ?';
const removeKind = 'DELETE FROM kept WHERE account = ? AND kind = ?';
const forget = 'DELETE FROM kept WHERE account = ?';

/** All files of this thread. */
const shelf = new Shelf();

/** Stores under one folder; each user's file has one opener at a time. */
export const storesIn =
  (folder: string): OpenStore =>
  async (user) => {
    const file = join(folder, fileName(user));
    await makePrivate(folder, file);
    return new FileStore(file, shelf);
  };

/** A store that lasts as long as it is open. */
export const openMemoryStore = async (): Promise<Store> => new FileStore(':memory:', undefined);

/** A user's store; while nobody uses it, its file is closed. */
export class FileStore implements Store, Book {
  readonly messages: FileMessages;
  readonly #file: string;
  readonly #shelf: Shelf | undefined;
  readonly #group: Group;
  #opened: Opened | undefined;
  #leaving: Promise<void> | undefined;

  /** Opens the file, so that one that cannot be used is refused at once. */
  constructor(file: string, shelf: Shelf | undefined) {
    this.#file = file;
    this.#shelf = shelf;
    this.#group = new Group(file, () => this.#use());
    this.messages = new FileMessages({
      read: (act) => this.#read(act),
      write: (work) => this.#group.add(work),
      wipe: () => this.#wipe(),
    });
    this.#use();
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

  async size(): Promise<number> {
    if (this.#file === ':memory:') return 0;
    const sizes = await Promise.all(
      ['', '-wal'].map((ending) =>
        stat(`${this.#file}${ending}`).then(
          ({ size }) => size,
          () => 0,
        ),
      ),
    );
    return sizes.reduce((sum, size) => sum + size);
  }

  #use(): Opened {
    this.#opened ??= new Opened(this.#file);
    this.#shelf?.used(this);
    return this.#opened;
  }

  // The same connection as for writing: what the open group has written is seen.
  async #read<T>(act: (opened: Opened) => T): Promise<T> {
    this.#group.check();
    return guard(this.#file, () => act(this.#use()));
  }

  read(account: string, kind: Kind): Promise<Entry[]> {
    return this.#read((opened) => opened.statement(read).all(account, kind) as Entry[]);
  }

  note(account: string, kind: Kind, key: string, value: () => string): Promise<void> {
    return this.#group.note(`${account}\0${kind}\0${key}`, (opened) =>
      opened.statement(put).run(account, kind, key, value()),
    );
  }

  put(account: string, kind: Kind, key: string, value: string): Promise<void> {
    return this.#group.add((opened) => opened.statement(put).run(account, kind, key, value));
  }

  removeTo(account: string, kind: Kind, key: string): Promise<void> {
    return this.#group.add((opened) => opened.statement(removeTo).run(account, kind, key));
  }

  remove(account: string, kind: Kind, key?: string): Promise<void> {
    return this.#group.add((opened) =>
      key === undefined
        ? opened.statement(removeKind).run(account, kind)
        : opened.statement(remove).run(account, kind, key),
    );
  }

  async forget(account: string): Promise<void> {
    const kept = this.#group.add((opened) => opened.statement(forget).run(account));
    await this.messages.forget(account, {});
    await kept;
    await this.#wipe();
  }

  async #wipe(): Promise<void> {}

  async close(): Promise<void> {
    await this.#group.close();
    await this.putAway();
    this.#shelf?.left(this);
    this.#opened?.close();
    this.#opened = undefined;
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
