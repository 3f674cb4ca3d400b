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
/** So long where the commit before was of so many: each costs as much as some dozen writes. */
const crowdedGathering = 10;
const crowd = 16;
/** As many are enough for a commit. */
const plenty = 400;
const pause = 1000;
/**
 * Where everybody has a note to write, because all apps have gone at once, they do so in turn: looked at as often, in
 * milliseconds, and at most so many times. Otherwise each has its file open at the same time.
 */
const turn = 20;
const turns = 50;

export type Work = (opened: Opened) => unknown;

interface Step {
  work: Work;
  /** Whoever asked is told if it cannot be done at all; undefined where it was done once. */
  fail: ((error: Error) => void) | undefined;
}

/** What becomes durable together. */
class Batch {
  readonly steps: Step[] = [];
  /** By key: what is written at the commit. */
  readonly notes = new Map<string, Work>();
  readonly done: Promise<void>;
  /** There are steps that were not done when they were added. */
  hasLate = false;
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

/** Who has the file. */
export interface Desk {
  /** Opens the file where it is not open; it stays so while the group is busy. */
  use(): Opened;
  /** The file is closed, and many others are open. */
  mayWait?(): boolean;
  /** That has happened; the file may be of use to the group until `idle`. */
  failed(error: unknown, idle: Promise<unknown>): void;
  /** All that was added until now is in a commit. */
  committed?(): void;
  /** All is durable, and nothing waits. */
  idle?(): void;
}

export class Group {
  onTrouble: (trouble: Trouble | undefined) => void = () => {};
  readonly #file: string;
  readonly #desk: Desk;
  /** What is gathered, and what is on its way to the disk. */
  #batch: Batch | undefined;
  #syncing: Batch | undefined;
  /** While there is something in its transaction, or on the way to the disk. */
  #opened: Opened | undefined;
  #timer: NodeJS.Timeout | undefined;
  /** There was much in the last commit. */
  #isCrowded = false;
  /** How often the batch has let others go first. */
  #waited = 0;
  #trouble: Trouble | undefined;
  /** What is gathered cannot even be done in a transaction that is not committed. */
  #isStuck = false;
  /** What is gathered waits for a moment without a transaction to pass, unless somebody reads. */
  #isHeld = false;
  #moved: Promise<void> | undefined;
  #broken: ArchiveError | undefined;

  constructor(file: string, desk: Desk) {
    this.#file = file;
    this.#desk = desk;
  }

  get isBusy(): boolean {
    return this.#syncing !== undefined || this.#batch !== undefined;
  }

  get trouble(): Trouble | undefined {
    return this.#trouble;
  }

  /** Resolves when all that was added is durable; undefined: it is. */
  settled(): Promise<void> | undefined {
    return (this.#batch ?? this.#syncing)?.done;
  }

  /** Before each read. Throws where it would not see what was written, or the store is closed or of no more use. */
  check(): void {
    if (this.#broken !== undefined) throw this.#broken;
    this.#release();
    if (this.#isStuck && this.#batch !== undefined && this.#batch.steps.length > 0)
      throw new ArchiveError(this.#trouble?.reason);
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
    if (this.#isStuck || this.#isHeld) return later(batch, step);
    try {
      work(this.#begun());
    } catch (error) {
      if (!isPassing(error)) return Promise.reject(refusal(this.#file, error));
      const done = later(batch, step);
      this.fault(error);
      return done;
    }
    if (batch.steps.push(step) === plenty) this.#hurry();
    // one step behind, as those before it: they resolve in their order
    return batch.hasLate ? batch.done.then(() => {}) : batch.done;
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
    this.#timer ??= setTimeout(() => this.#inTurn(), this.#isCrowded ? crowdedGathering : gathering);
    return this.#batch;
  }

  /** At the end of this turn. */
  #hurry(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#inTurn(), 0);
  }

  #begun(): Opened {
    if (this.#opened?.inTransaction) return this.#opened;
    const opened = this.#desk.use();
    this.#opened = opened;
    if (!opened.inTransaction) opened.begin();
    return opened;
  }

  /** Notes alone need no file until they are committed. */
  #inTurn(): void {
    const isPatient = this.#batch?.steps.length === 0 && !this.#isStuck && this.#waited < turns;
    if (isPatient && this.#desk.mayWait?.() === true) {
      this.#waited++;
      this.#timer = setTimeout(() => this.#inTurn(), turn);
    } else this.#commit();
  }

  #commit(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#syncing !== undefined) return; // when it is over
    const batch = this.#batch;
    if (batch === undefined) return;
    try {
      if (this.#isAwaiting(this.#desk.use())) return;
      if (this.#isStuck) this.#redo(batch);
      const opened = this.#begun();
      for (const [key, note] of batch.notes) write(opened, batch, key, note);
      opened.commit();
      this.#desk.committed?.();
      this.#isCrowded = batch.steps.length > crowd;
      this.#batch = undefined;
      this.#syncing = batch;
      void this.#sync(opened, batch);
    } catch (error) {
      if (isPassing(error)) this.fault(error);
      else this.#end(error, batch);
    }
  }

  /** What was moved in the file has to be on the disk before anything is committed. */
  #isAwaiting({ moving }: Opened): boolean {
    if (moving === undefined) return false;
    this.#moved ??= moving
      .catch(() => {}) // the commit is told
      .then(() => {
        this.#moved = undefined;
        this.#commit();
      });
    return true;
  }

  /** Nothing is durable any more. */
  #end(error: unknown, batch: Batch): void {
    this.break(error);
    batch.reject(this.#broken!);
    this.#abandon(this.#broken!);
    this.#tell(this.#broken);
  }

  async #sync(opened: Opened, batch: Batch): Promise<void> {
    try {
      this.#isHeld = opened.makesRoom();
      await opened.sync();
      if (this.#isHeld) opened.move(); // what comes meanwhile is committed after it
      this.#syncing = undefined;
      this.#tell(undefined);
      batch.resolve();
    } catch (error) {
      // after a failed sync a later one proves nothing
      this.#syncing = undefined;
      this.#end(error, batch);
    }
    this.#release();
    if (this.#batch === undefined) {
      this.#opened = undefined;
      this.#desk.idle?.();
    } else if (this.#timer === undefined) this.#commit();
  }

  /** What was held is done, in the order in which it came. */
  #release(): void {
    if (!this.#isHeld) return;
    this.#isHeld = false;
    if (this.#batch === undefined) return;
    try {
      this.#redo(this.#batch);
    } catch (error) {
      this.fault(error);
    }
  }

  /** Something is in the way: what is gathered is kept and tried again. */
  fault(error: unknown): void {
    this.#isHeld = false;
    this.#takeBack();
    this.#isStuck = true;
    this.#desk.failed(error, this.#syncing?.done ?? Promise.resolve());
    this.#tell(refusal(this.#file, error));
    const batch = this.#gather();
    try {
      this.#redo(batch); // so that reads see it
    } catch {
      this.#takeBack();
    }
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#commit(), pause);
  }

  #takeBack(): void {
    try {
      this.#opened?.rollback();
    } catch {
      // of no use; whoever opened it knows
    }
    this.#opened = undefined;
  }

  /** Nothing of the batch is in a transaction: all of it is done again. */
  #redo(batch: Batch): void {
    const opened = this.#begun();
    for (const step of batch.steps) {
      try {
        step.work(opened);
      } catch (error) {
        if (isPassing(error)) throw error;
        step.fail?.(refusal(this.#file, error));
      }
    }
    this.#isStuck = false;
  }

  #tell(error: ArchiveError | undefined): void {
    if (error?.message === this.#trouble?.reason) return;
    this.#trouble = error && { reason: error.message, since: this.#trouble?.since ?? Date.now() };
    this.onTrouble(this.#trouble);
  }

  /** What was added is durable, and nothing can be added any more. Rejects what cannot be written at the last try. */
  async close(): Promise<void> {
    this.break(new ArchiveError(`${this.#file} is closed.`));
    for (let last = this.settled(); last !== undefined; last = this.settled()) {
      this.#commit();
      if (this.#moved !== undefined) await this.#moved;
      else if (this.#syncing === undefined) this.#abandon(new ArchiveError(this.#trouble?.reason));
      if (this.#syncing !== undefined || this.#batch === undefined) await last.catch(() => {});
    }
    clearTimeout(this.#timer);
  }

  #abandon(error: Error): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#takeBack();
    this.#batch?.reject(error);
    this.#batch = undefined;
  }
}

/** A value that cannot be had is a fault of ours, and no reason to keep others waiting. */
function write(opened: Opened, batch: Batch, key: string, note: Work): void {
  try {
    note(opened);
  } catch (error) {
    if (isPassing(error)) throw error;
    batch.notes.delete(key);
    queueMicrotask(() => {
      throw error;
    });
  }
}

/** It was not done yet, so it may turn out that it cannot be. */
function later(batch: Batch, step: Step): Promise<void> {
  batch.steps.push(step);
  batch.hasLate = true;
  return new Promise((resolve, reject) => {
    step.fail = reject;
    batch.done.then(resolve, reject);
  });
}
