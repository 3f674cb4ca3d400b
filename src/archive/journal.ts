/**
 * What is written stands here first: a line for each record at the end of its turn, and a mark below those of a commit. What is above a
 * mark that is synced is durable. The tables take it in later, many records together, when there is time or when somebody reads; how far
 * they are stands in the tables themselves, so that nothing is done twice or left out, wherever the program or the machine ends.
 *
 * Lines that no mark is below outlive the end of the program, though not of the machine: a message that was shown to somebody
 * keeps its place that way (`recall`).
 */
import { ArchiveError } from './database.ts';
import { Leaf } from './leaf.ts';
import { type Left, leftIn, lineFeed, mark, type Point, pointOf, readOrNot } from './leftover.ts';
import type { Opened } from './opened.ts';
import { isFull } from './passing.ts';
import { type Entered, lineOf } from './record.ts';
import { Spare } from './spare.ts';
import { put } from './writing.ts';

/** Octets read at once. */
const bite = 65_536;
/** What its files' names end in. */
const leaves = ['-new', '-newer'] as const;
const spare = '-spare';
export const endings: readonly string[] = [...leaves, spare];
/** So long it becomes before the tables take it in, in the midst of all: octets. */
const long = 32 * 1024 * 1024;

export class Journal {
  /** A line, or more, cannot be read again. */
  onDamage: () => void = () => {};
  readonly #names: readonly string[];
  readonly #spare: Spare;
  #leaf: Leaf;
  /** The tables have taken it in; it is cut off when they are durable. */
  #old: Leaf;
  /** 0: not known yet. */
  #generation = 0;
  /** Of this turn. */
  #lines: string[] = [];
  /** Why something is not written here. Until the tables have it nothing else is. */
  #fault: unknown = new ArchiveError('The tables are not open yet.');
  /** Both files are needed until the tables, which have taken them in or not, are durable. */
  #kept: 'unread' | 'taken' | 'committed' | undefined;
  #isMarked = false;
  /** Octets above the last mark; those in the tables; and with those in a transaction. */
  #marked = 0;
  #entered = 0;
  #taken = 0;

  /** Of the tables in that file. */
  constructor(file: string) {
    this.#names = leaves.map((ending) => file + ending);
    this.#spare = new Spare(file + spare);
    const [leaf, old] = this.#names.map((name) => new Leaf(name));
    this.#leaf = leaf!;
    this.#old = old!;
  }

  /** In one write for all of a turn, at its end: what was sent to a socket in it is on its way no sooner. */
  write(record: Entered): void {
    if (this.#lines.length === 0) process.nextTick(() => this.#flush());
    this.#lines.push(lineOf(record));
  }

  #flush(): void {
    if (this.#lines.length === 0 || this.#fault !== undefined) return;
    try {
      this.#append(this.#lines);
    } catch (error) {
      this.#fault = error; // a full disk, say: told of when it is to be marked
    }
    this.#lines = [];
  }

  #append(lines: string[]): void {
    const isFirst = this.#leaf.length === 0;
    if (isFirst) lines.unshift(String(this.#generation));
    lines.push('');
    this.#put(lines.join('\n'));
    if (!isFirst) return;
    this.#marked = String(this.#generation).length + 1;
    this.#entered = this.#marked;
    this.#taken = this.#marked;
  }

  /** Where the disk is full, in the room that was kept for that. */
  #put(text: string): void {
    try {
      this.#leaf.write(text);
    } catch (error) {
      if (!isFull(error) || !this.#spare.giveUp()) throw error;
      this.#leaf.write(text);
    }
  }

  /** Throws while the disk is too full for what is kept free: nothing more is to be taken in then. */
  checkRoom(): void {
    this.#spare.make();
  }

  /** It can be marked. */
  get isReady(): boolean {
    return this.#fault === undefined;
  }

  /** What was written, and those records, are one commit; durable after `sync`. Throws if it cannot be written. */
  mark(records: readonly Entered[]): void {
    if (this.#fault !== undefined) throw this.#fault;
    const lines = this.#lines;
    this.#lines = [];
    for (const record of records) lines.push(lineOf(record));
    lines.push(mark);
    try {
      this.#leaf.check();
      this.#append(lines);
    } catch (error) {
      this.#fault = error;
      throw error;
    }
    this.#marked = this.#leaf.length;
    this.#isMarked = true;
  }

  sync(): Promise<void> {
    return this.#leaf.sync();
  }

  /** The tables lack something that is durable. */
  get isAhead(): boolean {
    return this.#taken < this.#marked;
  }

  /** Octets that the tables lack. */
  get ahead(): number {
    return this.#marked - this.#taken;
  }

  get isLong(): boolean {
    return this.#leaf.length > long;
  }

  /** The next records that the tables lack. */
  take(most: number): Entered[] {
    const records: Entered[] = [];
    for (let size = bite; records.length < most && this.isAhead; ) {
      const octets = this.#leaf.read(this.#taken, Math.min(size, this.#marked - this.#taken));
      const length = this.#takeFrom(octets, records, most);
      if (length > 0) size = bite;
      else if (octets.length === size) size *= 2;
      else return this.#giveUp(records);
    }
    return records;
  }

  /** Somebody has shortened the file. */
  #giveUp(records: Entered[]): Entered[] {
    this.#taken = this.#marked;
    this.onDamage();
    return records;
  }

  #takeFrom(octets: Buffer, records: Entered[], most: number): number {
    let from = 0;
    for (let to = octets.indexOf(lineFeed); to !== -1 && records.length < most; to = octets.indexOf(lineFeed, from)) {
      const line = octets.toString('utf8', from, to);
      from = to + 1;
      if (line === mark) continue;
      const record = readOrNot(line);
      if (record !== undefined) records.push(record);
      else this.onDamage();
    }
    this.#taken += from;
    return from;
  }

  /** Notes in the transaction how much the tables have: what was taken, or all that was ever written. */
  note(opened: Opened, isAll: boolean): void {
    if (this.#leaf.length === 0 && this.#kept === undefined) return;
    const point = isAll ? `${this.#generation + 1} 0` : `${this.#generation} ${this.#taken}`;
    opened.statement(put).run('', 'journal', '', point);
  }

  /** What was taken is committed. */
  settle(): void {
    this.#entered = this.#taken;
  }

  /** What was taken is not in the tables. */
  giveBack(): void {
    this.#taken = this.#entered;
    if (this.#kept === 'taken') this.#kept = 'unread';
  }

  /** The tables are those of that file; it may be another than before. */
  open(opened: Opened): void {
    try {
      this.#resume(pointOf(opened));
      this.checkRoom();
    } catch (error) {
      if (!isFull(error)) this.#fault ??= error; // whoever uses the tables is told
    }
  }

  #resume({ generation, octet }: Point): void {
    if (this.#generation === 0) {
      this.#generation = generation;
      this.#fault = undefined;
      if (this.#leaf.length > 0 || this.#old.length > 0) this.#keep('unread');
    } else if (this.#leaf.length > 0 && this.#kept === undefined) {
      const begin = String(this.#generation).length + 1;
      this.#entered = generation === this.#generation ? Math.max(begin, octet) : begin;
      this.#taken = this.#entered;
    }
  }

  /** The tables lack what an earlier program has left. */
  get isUnread(): boolean {
    return this.#kept === 'unread';
  }

  /** There is what keeps it from being written now. */
  get isHindered(): boolean {
    return this.isUnread || !this.#spare.isThere;
  }

  /** All that was written is committed; it is durable at the next `cut`. */
  turn(): void {
    this.#lines = [];
    if (this.#kept !== undefined) {
      this.#generation++;
      this.#kept = 'committed';
      return;
    }
    if (this.#generation > 0) this.#fault = undefined;
    if (this.#leaf.length === 0) return;
    this.#generation++;
    if (!this.#isMarked) this.#clear(this.#leaf);
    else if (this.#old.length === 0) [this.#leaf, this.#old] = [this.#old, this.#leaf];
    else return this.#keep('committed');
    this.#isMarked = false;
    this.#marked = this.#entered = this.#taken = 0;
  }

  /** All that was committed before `turn` is durable. */
  cut(): void {
    this.#clear(this.#old);
    if (this.#kept !== 'committed') return;
    this.#kept = undefined;
    this.#fault = undefined;
    this.#isMarked = false;
    this.#marked = this.#entered = this.#taken = 0;
    this.#clear(this.#leaf);
  }

  #clear(leaf: Leaf): void {
    try {
      leaf.clear();
    } catch (error) {
      this.#fault = error; // nothing is written below what is old
    }
  }

  /** What is in the files, and not in the tables. The files are cut off when it is. */
  left(opened: Opened): Left {
    this.#kept = 'taken';
    const { left, newest } = leftIn(this.#names, pointOf(opened));
    this.#generation = Math.max(this.#generation, newest);
    return left;
  }

  /** Nothing is written until both files are cut. */
  #keep(state: 'unread' | 'committed'): void {
    this.#kept = state;
    this.#fault = new ArchiveError('The journal is not in the tables yet.');
  }

  /** Gives up its descriptors, and its files unless something is in them; it may be used again. */
  close(): void {
    this.#leaf.close();
    this.#old.close();
  }
}
