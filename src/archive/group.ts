/** Writes of the same few milliseconds share one commit and one sync to the disk. */
import { ArchiveError, refusal } from './database.ts';
import type { Opened } from './opened.ts';

/** How long a write may wait for others to share its commit. */
const gathering = 3;

interface Waiter {
  resolve(): void;
  reject(error: Error): void;
}

export class Group {
  readonly #file: string;
  readonly #use: () => Opened;
  /** While there is something in its transaction, or on the way to the disk. */
  #opened: Opened | undefined;
  #waiting: Waiter[] = [];
  #timer: NodeJS.Timeout | undefined;
  /** A sync is under way; the next group is committed when it is over. */
  #syncing: Promise<void> | undefined;
  #broken: ArchiveError | undefined;

  /** `use` opens the file where it is not open; it stays so while the group is busy. */
  constructor(file: string, use: () => Opened) {
    this.#file = file;
    this.#use = use;
  }

  get isBusy(): boolean {
    return this.#syncing !== undefined || this.#opened?.inTransaction === true;
  }

  /** Throws once the store is closed or of no more use. */
  check(): void {
    if (this.#broken !== undefined) throw this.#broken;
  }

  /** Nothing can be added any more. */
  break(error: unknown): void {
    this.#broken ??= refusal(this.#file, error);
  }

  /** Does the work at once, in the open transaction; resolves when it is durable. */
  add(work: (opened: Opened) => unknown): Promise<void> {
    return new Promise((resolve, reject) => {
      this.check();
      try {
        const opened = this.#use();
        this.#opened = opened;
        if (!opened.inTransaction) opened.begin();
        work(opened);
        this.#waiting.push({ resolve, reject });
      } catch (error) {
        reject(refusal(this.#file, error));
        // A full disk takes the whole transaction back, other faults this one statement.
        if (this.#opened?.inTransaction !== true) this.#fail(error);
      }
      if (this.#opened?.inTransaction) this.#timer ??= setTimeout(() => void this.#commit(), gathering);
    });
  }

  /** What was added is durable, and nothing can be added any more. */
  async close(): Promise<void> {
    const last = this.#commit();
    this.break(new ArchiveError(`${this.#file} is closed.`));
    await last;
  }

  async #commit(): Promise<void> {
    while (this.#syncing !== undefined) await this.#syncing;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const opened = this.#opened;
    if (!opened?.inTransaction) return;
    try {
      opened.commit();
    } catch (error) {
      this.#fail(error);
      return;
    }
    this.#syncing = this.#sync(opened, this.#waiting.splice(0));
    await this.#syncing;
  }

  async #sync(opened: Opened, group: Waiter[]): Promise<void> {
    try {
      await opened.sync();
      for (const { resolve } of group) resolve();
    } catch (error) {
      // after a failed sync a later one proves nothing
      this.break(error);
      for (const { reject } of group) reject(this.#broken!);
    } finally {
      this.#syncing = undefined;
      if (!opened.inTransaction) this.#opened = undefined;
    }
  }

  /** Nothing of the open group is kept. */
  #fail(error: unknown): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#opened?.rollback();
    this.#opened = undefined;
    const reason = refusal(this.#file, error);
    for (const { reject } of this.#waiting.splice(0)) reject(reason);
  }
}
