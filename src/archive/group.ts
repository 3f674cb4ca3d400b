/**
 * Writes of the same few milliseconds share one commit and one sync to the disk. What cannot be written now is kept, and done
 * again every second until it can.
 */
import { ArchiveError, refusal } from './database.ts';
import type { Opened } from './opened.ts';
import { isPassing } from './passing.ts';
import type { Trouble } from './types.ts';

/** How long a write may wait for others to share its commit, and how long until it is tried again: milliseconds. */
const gathering = 3;
const pause = 1000;

export type Work = (opened: Opened) => unknown;

interface Step {
  work: Work;
  /** It was never done yet: whoever asked is told if it cannot be done at all. */
  fail: ((error: Error) => void) | undefined;
}

/** What becomes durable together. */
class Batch {
  readonly steps: Step[] = [];
  /** By key: what is written at the commit. */
  readonly notes = new Map<string, Work>();
  readonly done: Promise<void>;
  resolve!: () => void;
  reject!: (error: Error) => void;

  constructor() {
    this.done = new Promise((resolve, reject) => {
      this.resolve = resolve;
      this.reject = reject;
    });
    this.done.catch(() => {}); // nobody may wait for it
  }
}

export class Group {
  onTrouble: (trouble: Trouble | undefined) => void = () => {};
  readonly #file: string;
  readonly #use: () => Opened;
  /** What is gathered, and what is on its way to the disk. */
  #batch: Batch | undefined;
  #syncing: Batch | undefined;
  /** While there is something in its transaction, or on the way to the disk. */
  #opened: Opened | undefined;
  #timer: NodeJS.Timeout | undefined;
  #trouble: Trouble | undefined;
  #broken: ArchiveError | undefined;

  /** `use` opens the file where it is not open; it stays so while the group is busy. */
  constructor(file: string, use: () => Opened) {
    this.#file = file;
    this.#use = use;
  }

  get isBusy(): boolean {
    return this.#syncing !== undefined || this.#batch !== undefined;
  }

  get trouble(): Trouble | undefined {
    return this.#trouble;
  }

  /** Resolves when all that was added is durable; undefined: it is. */
  settled(): Promise<void> | undefined {
    return this.#batch?.done ?? this.#syncing?.done;
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
  add(work: Work): Promise<void> {
    if (this.#broken !== undefined) return Promise.reject(this.#broken);
    const batch = this.#gather();
    const step: Step = { work, fail: undefined };
    if (this.#trouble !== undefined && this.#opened?.inTransaction !== true) return this.#later(batch, step);
    try {
      const opened = this.#begun();
      work(opened);
      batch.steps.push(step);
      return batch.done;
    } catch (error) {
      if (!isPassing(error)) return Promise.reject(refusal(this.#file, error));
      this.#fault(error);
      return this.#later(batch, step);
    }
  }

  /** The work is done at the commit, once for each key: the last one counts. */
  note(key: string, work: Work): Promise<void> {
    if (this.#broken !== undefined) return Promise.reject(this.#broken);
    const batch = this.#gather();
    batch.notes.set(key, work);
    return batch.done;
  }

  #gather(): Batch {
    this.#batch ??= new Batch();
    this.#timer ??= setTimeout(() => this.#commit(), gathering);
    return this.#batch;
  }

  #later(batch: Batch, step: Step): Promise<void> {
    batch.steps.push(step);
    return new Promise((resolve, reject) => {
      step.fail = reject;
      batch.done.then(resolve, reject);
    });
  }

  #begun(): Opened {
    const opened = this.#use();
    this.#opened = opened;
    if (!opened.inTransaction) opened.begin();
    return opened;
  }

  /** What was added is durable, and nothing can be added any more. Rejects what cannot be written at the last try. */
  async close(): Promise<void> {
    this.break(new ArchiveError(`${this.#file} is closed.`));
    while (this.isBusy) {
      const { done } = (this.#syncing ?? this.#batch)!;
      this.#commit();
      if (this.#trouble !== undefined) this.#abandon(new ArchiveError(this.#trouble.reason));
      await done.catch(() => {});
    }
  }

  #abandon(error: Error): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#opened?.rollback();
    this.#batch?.reject(error);
    this.#batch = undefined;
  }

  #commit(): void {
    if (this.#syncing !== undefined) return; // when it is over
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const batch = this.#batch;
    if (batch === undefined) return;
    try {
      const opened = this.#begun();
      if (this.#trouble !== undefined) this.#redo(opened, batch);
      for (const work of batch.notes.values()) work(opened);
      opened.commit();
      this.#batch = undefined;
      this.#syncing = batch;
      void this.#sync(opened, batch);
    } catch (error) {
      this.#fault(error);
    }
  }

  /** Nothing of the batch is in the file: all is done again. */
  #redo(opened: Opened, batch: Batch): void {
    opened.rollback();
    opened.begin();
    for (const step of batch.steps) {
      try {
        step.work(opened);
      } catch (error) {
        if (isPassing(error)) throw error;
        step.fail?.(refusal(this.#file, error));
      }
    }
  }

  async #sync(opened: Opened, batch: Batch): Promise<void> {
    try {
      await opened.sync();
      this.#syncing = undefined;
      this.#tell(undefined);
      batch.resolve();
    } catch (error) {
      // after a failed sync a later one proves nothing
      this.#syncing = undefined;
      this.break(error);
      this.#tell(this.#broken!);
      batch.reject(this.#broken!);
      this.#abandon(this.#broken!);
    }
    if (this.#batch === undefined) this.#opened = undefined;
    else if (this.#timer === undefined) this.#commit();
  }

  /** What is gathered is taken back, kept and tried again. */
  #fault(error: unknown): void {
    try {
      this.#opened?.rollback();
    } catch {
      // the file is opened anew
    }
    this.#opened = undefined;
    this.#tell(refusal(this.#file, error));
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#commit(), pause);
  }

  #tell(error: ArchiveError | undefined): void {
    if (error?.message === this.#trouble?.reason) return;
    this.#trouble = error && { reason: error.message, since: this.#trouble?.since ?? Date.now() };
    this.onTrouble(this.#trouble);
  }
}
