/**
 * Writes of the same few milliseconds share one commit and one sync to the disk: of the journal, or, where the tables had to have them
 * at once, of the tables. What cannot be written now is kept, and done again every second until it can.
 *
 * It is one file, for what is gathered, on its way, and taken back are one state.
 */
import { Batch, inOrder, later, notesOf, type Step, type Work } from './batch.ts';
import { ArchiveError, refusal } from './database.ts';
import { enter, enterLeft } from './entering.ts';
import type { Journal } from './journal.ts';
import type { Opened } from './opened.ts';
import { isPassing } from './passing.ts';
import type { Entered } from './record.ts';
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
/** Records that the tables take in together. */
const bite = 500;

/** Who has the file. */
export interface Desk {
  /** Opens the file where it is not open; it stays so while the group is busy. */
  use(): Opened;
  /** The file is closed, and many others are open. */
  mayWait?(): boolean;
  /** That has happened; the file may be of use to the group until `idle`. */
  failed(error: unknown, idle: Promise<unknown>): void;
  /** All is durable, and nothing waits. */
  idle?(): void;
}

export class Group {
  /** How many records were written. */
  written = 0;
  onTrouble: (trouble: Trouble | undefined) => void = () => {};
  readonly #file: string;
  readonly #desk: Desk;
  /** Where records stand until the tables have them; undefined: these take them in at each commit. */
  readonly #journal: Journal | undefined;
  /** What is gathered, and what is on its way to the disk. */
  #batch: Batch | undefined;
  #syncing: Batch | undefined;
  /** While there is something in its transaction, or on the way to the disk. */
  #opened: Opened | undefined;
  /** It is the tables that are on their way to the disk: nothing may be committed in them meanwhile. */
  #isSettling = false;
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

  constructor(file: string, desk: Desk, journal?: Journal) {
    this.#file = file;
    this.#desk = desk;
    this.#journal = journal;
    if (journal !== undefined)
      journal.onDamage = () =>
        this.#tell(new ArchiveError(`${file}-new is damaged: some of what was written last is lost.`));
  }

  get isBusy(): boolean {
    return this.#syncing !== undefined || this.#batch !== undefined || this.isAhead;
  }

  /** The tables lack something. */
  get isAhead(): boolean {
    return this.#journal?.isAhead === true;
  }

  get isStuck(): boolean {
    return this.#isStuck;
  }

  /** The journal has become so long that the tables should take it in, whatever else there is to do. */
  get isLong(): boolean {
    return this.#journal?.isLong === true;
  }

  /** Octets of records that the tables lack. */
  get ahead(): number {
    return this.#journal?.ahead ?? 0;
  }

  get trouble(): Trouble | undefined {
    return this.#trouble;
  }

  /** Resolves when all that was added is durable; undefined: it is. */
  settled(): Promise<void> | undefined {
    return (this.#batch ?? this.#syncing)?.done;
  }

  /** Before each read: the tables have all that was written. Throws where they cannot, or the store is closed or of no more use. */
  check(): void {
    if (this.#broken !== undefined) throw this.#broken;
    this.#isHeld = false;
    const waits =
      this.isAhead ||
      this.#journal?.isUnread ||
      (this.#batch !== undefined && this.#batch.entered < this.#batch.steps.length);
    if (!waits) return;
    try {
      if (!this.#isStuck) this.#catchUp(this.#gather());
    } catch (error) {
      this.fault(error);
    }
    if (this.#isStuck) throw new ArchiveError(this.#trouble?.reason);
  }

  /** Nothing can be added any more. */
  break(error: unknown): void {
    this.#broken ??= refusal(this.#file, error);
  }

  /** Resolves when it is durable; the tables have it when somebody reads. */
  write(record: Entered): Promise<void> {
    if (this.#broken !== undefined) return Promise.reject(this.#broken);
    const batch = this.#gather();
    this.written++;
    this.#journal?.write(record);
    if (batch.steps.push(record) === plenty) this.#hurry();
    return inOrder(batch);
  }

  /** Does the work at once, in the open transaction; resolves when it is durable. */
  add(work: Work): Promise<void> {
    if (this.#broken !== undefined) return Promise.reject(this.#broken);
    const batch = this.#gather();
    const step: Step = { work, fail: undefined };
    if (this.#isStuck || this.#isHeld) return later(batch, step);
    try {
      work(this.#catchUp(batch));
    } catch (error) {
      if (!isPassing(error)) return Promise.reject(refusal(this.#file, error));
      const done = later(batch, step);
      this.fault(error);
      return done;
    }
    batch.hasWork = true;
    batch.entered = batch.steps.push(step);
    if (batch.entered === plenty) this.#hurry();
    return inOrder(batch);
  }

  /** The record is made at the commit, once for each key: the last one counts. */
  note(key: string, record: () => Entered): Promise<void> {
    if (this.#broken !== undefined) return Promise.reject(this.#broken);
    const batch = this.#gather();
    batch.notes.set(key, record);
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

  /** The tables have all that was added until now, in the open transaction. */
  #catchUp(batch: Batch): Opened {
    const opened = this.#begun();
    const { steps } = batch;
    if (this.#journal?.isUnread === true) enterLeft(opened, this.#journal.left(opened));
    while (this.isAhead) enter(opened, this.#journal!.take(bite));
    while (batch.entered < steps.length) this.#enterNext(opened, batch);
    this.#isStuck = false;
    return opened;
  }

  #enterNext(opened: Opened, batch: Batch): void {
    const { steps, entered } = batch;
    const step = steps[entered]!;
    if ('work' in step) {
      batch.entered++;
      try {
        step.work(opened);
      } catch (error) {
        if (isPassing(error)) throw error;
        step.fail?.(refusal(this.#file, error));
      }
      return;
    }
    const next = steps.findIndex((one, index) => index > entered && 'work' in one);
    const records = steps.slice(entered, next === -1 ? steps.length : next) as Entered[];
    enter(opened, records);
    batch.entered += records.length;
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
      const opened = this.#desk.use();
      this.#journal?.checkRoom();
      const isMarked = this.#marks(opened, batch);
      if (!isMarked) {
        if (this.#isAwaiting(opened)) return;
        this.#commitTables(batch);
      }
      this.#isCrowded = batch.steps.length > crowd;
      this.#batch = undefined;
      this.#syncing = batch;
      this.#isSettling = !isMarked;
      void this.#sync(opened, batch);
    } catch (error) {
      if (isPassing(error)) this.fault(error);
      else this.#end(error, batch);
    }
  }

  /** The batch stands in the journal. False: the tables have to take it in. */
  #marks(opened: Opened, batch: Batch): boolean {
    const journal = this.#journal;
    if (journal === undefined || this.#isStuck || batch.hasWork || !journal.isReady || opened.inTransaction)
      return false;
    opened.check();
    try {
      journal.mark(notesOf(batch));
      return true;
    } catch (error) {
      if (isPassing(error)) return false;
      throw error;
    }
  }

  #commitTables(batch: Batch): void {
    const opened = this.#catchUp(batch);
    enter(opened, notesOf(batch));
    this.#journal?.note(opened, true);
    opened.commit();
    this.#journal?.turn();
  }

  /** What was moved in the file has to be on the disk before anything is committed in it. */
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
      if (this.#isSettling) await this.#syncTables(opened);
      else await this.#journal!.sync();
      this.#syncing = undefined;
      this.#tell(undefined);
      batch.resolve();
    } catch (error) {
      // after a failed sync a later one proves nothing
      this.#syncing = undefined;
      this.#end(error, batch);
    }
    this.#isSettling = false;
    this.#isHeld = false;
    if (this.#batch === undefined) {
      this.#opened = undefined;
      this.#desk.idle?.();
    } else if (this.#timer === undefined) this.#commit();
  }

  async #syncTables(opened: Opened): Promise<void> {
    this.#isHeld = opened.makesRoom();
    await opened.sync();
    this.#journal?.cut();
    if (this.#isHeld) opened.move(); // what comes meanwhile is committed after it
  }

  /**
   * The tables take in some of what the journal has, while nobody waits for it: the journal keeps that until they are durable. They
   * lack no less after it where there was no moment for it.
   */
  takeIn(most: number): void {
    const journal = this.#journal;
    if (journal === undefined || !journal.isAhead || this.#isStuck || this.#isSettling || this.#broken) return;
    try {
      const opened = this.#desk.use();
      if (opened.inTransaction || opened.moving !== undefined) return;
      this.#opened = opened;
      opened.begin();
      enter(opened, journal.take(most));
      if (opened.tail.isLong) opened.tail.tidy();
      journal.note(opened, false);
      opened.commit();
      journal.settle();
      if (!journal.isAhead)
        this.add(() => {}).catch(() => {}); // so that the journal is cut
      else if (this.#syncing === undefined && opened.makesRoom()) this.#settle(opened);
    } catch (error) {
      this.fault(error);
    }
  }

  /** What the tables have becomes durable, and their log short, while the journal has more. */
  #settle(opened: Opened): void {
    this.#syncing = new Batch();
    this.#isSettling = true;
    void this.#sync(opened, this.#syncing);
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
      this.#catchUp(batch); // so that reads see it
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
    this.#journal?.giveBack();
    if (this.#batch !== undefined) this.#batch.entered = 0;
  }

  #tell(error: ArchiveError | undefined): void {
    if (error?.message === this.#trouble?.reason) return;
    this.#trouble = error && { reason: error.message, since: this.#trouble?.since ?? Date.now() };
    this.onTrouble(this.#trouble);
  }

  /** What was added is durable, and nothing can be added any more. Rejects what cannot be written at the last try. */
  async close(): Promise<void> {
    // what the tables cannot take in stays in the journal
    if (this.#batch !== undefined || this.isAhead) this.add(() => {}).catch(() => {});
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
