/** lowdb's adapter for the registry's file: it is whole at every moment, and what it replaces is kept beside it. */
import { dirname } from 'node:path';
import type { Adapter } from 'lowdb';
import type { BareJid } from '../wire/jid.ts';
import { type Data, NewerVersion, readData, writeData } from './data.ts';
import { type Disk, reasonOf } from './disk.ts';
import { RegistryError } from './types.ts';

interface Waiter {
  resolve(): void;
  reject(error: Error): void;
}

/** Writes that come while one is under way share the next; each resolves when it is durable. */
export class RegistryFile implements Adapter<Data> {
  readonly #file: string;
  readonly #domain: BareJid;
  readonly #disk: Disk;
  /** What the file has, as text and as data. */
  #durable: { text: string; data: Data } | undefined;
  #waiting: Waiter[] = [];
  #running: Promise<void> | undefined;

  constructor(file: string, domain: BareJid, disk: Disk) {
    this.#file = file;
    this.#domain = domain;
    this.#disk = disk;
  }

  get #last(): string {
    return `${this.#file}.last`;
  }

  get isThere(): boolean {
    return this.#durable !== undefined;
  }

  /** Null where there is none yet; a file that cannot be used is refused and left as it is. */
  async read(): Promise<Data | null> {
    const text = await this.#disk.read(this.#file);
    if (text === undefined) return this.#absent();
    try {
      const data = readData(text, this.#domain);
      this.#durable = { text, data: { ...data } };
      return data;
    } catch (error) {
      if (error instanceof NewerVersion)
        throw new RegistryError(`${this.#file} was written by a newer xmpproxy (${error.message}). Update this one.`);
      throw new RegistryError(
        `${this.#file} is damaged: ${(error as Error).message}.\nIt was left as it is. ${await this.#advice()}`,
      );
    }
  }

  /**
   * Resolves when the data as it stands, or later data, is on the disk. If that fails all changes that the file does
   * not have are taken back, and everybody who waits for one of them is told.
   */
  write(data: Data): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject });
      this.#running ??= this.#drain(data);
    });
  }

  /** Resolves when nothing is left to write. */
  async idle(): Promise<void> {
    while (this.#running !== undefined) await this.#running;
  }

  async #drain(live: Data): Promise<void> {
    await null; // what changes in this turn shares the first write
    while (this.#waiting.length > 0) {
      const sharing = this.#waiting;
      this.#waiting = [];
      const data = { ...live };
      try {
        await this.#replace(writeData(data), data);
        for (const { resolve } of sharing) resolve();
      } catch (error) {
        Object.assign(live, this.#durable?.data);
        const refusal = new RegistryError(`It could not be saved, nothing was changed: ${reasonOf(error)}.`, {
          cause: error,
        });
        for (const { reject } of [...sharing, ...this.#waiting.splice(0)]) reject(refusal);
      }
    }
    this.#running = undefined;
  }

  async #replace(text: string, data: Data): Promise<void> {
    const before = this.#durable?.text;
    if (before === text) return;
    try {
      if (before !== undefined) await this.#put(this.#last, before);
      await this.#put(this.#file, text);
      await this.#disk.syncFolder(dirname(this.#file));
      this.#durable = { text, data };
    } catch (error) {
      await this.#undo(before);
      throw error;
    }
  }

  async #put(path: string, text: string): Promise<void> {
    await this.#disk.write(`${path}.new`, text);
    await this.#disk.rename(`${path}.new`, path);
  }

  /** As far as the disk still lets us: the file may have been renamed already, and a restart must not find what we refused. */
  async #undo(before: string | undefined): Promise<void> {
    const { read, remove } = this.#disk;
    try {
      await remove(`${this.#file}.new`);
      await remove(`${this.#last}.new`);
      if ((await read(this.#file)) === before) return;
      if (before === undefined) await remove(this.#file);
      else await this.#put(this.#file, before);
    } catch {
      // The refusal that is on its way tells of the disk.
    }
  }

  async #absent(): Promise<null> {
    if ((await this.#disk.read(this.#last)) === undefined) return null;
    throw new RegistryError(
      `${this.#file} is gone. ${await this.#advice()}\nTo begin anew, move ${this.#last} away too.`,
    );
  }

  async #advice(): Promise<string> {
    try {
      const text = await this.#disk.read(this.#last);
      if (text === undefined) return 'There is no copy beside it: restore it from a backup.';
      readData(text, this.#domain);
      return `The last good copy is ${this.#last}; to go back to it:\n  cp '${this.#last}' '${this.#file}'`;
    } catch {
      return `The copy ${this.#last} is of no use either: restore it from a backup.`;
    }
  }
}
