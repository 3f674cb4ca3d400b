/** One of a journal's two files. Its first line is its generation; each generation is written once and then cut off. */
import {
  closeSync,
  fstatSync,
  fsync,
  ftruncateSync,
  openSync,
  readSync,
  rmSync,
  type Stats,
  statSync,
  writeSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { promisify } from 'node:util';
import { ArchiveError } from './database.ts';

const toDisk = promisify(fsync);

/** What is about to be written, where it is short enough. */
const desk = Buffer.allocUnsafe(128 * 1024);

export class Leaf {
  readonly #file: string;
  #descriptor: number | undefined;
  #stats: Stats | undefined;
  #isThere: boolean;
  /** It is not known to be found again in its folder. */
  #isNew = true;
  /** Octets. */
  length = 0;

  constructor(file: string) {
    this.#file = file;
    const stats = statSync(file, { throwIfNoEntry: false });
    this.#isThere = stats !== undefined;
    this.length = stats?.size ?? 0;
  }

  #open(): number {
    if (this.#descriptor !== undefined) return this.#descriptor;
    this.#descriptor = openSync(this.#file, 'a+', 0o600);
    this.#stats = fstatSync(this.#descriptor);
    this.#isThere = true;
    return this.#descriptor;
  }

  /** All of it or, with an error, nothing. */
  write(text: string): void {
    const descriptor = this.#open();
    const whole = 3 * text.length <= desk.length ? desk : Buffer.from(text); // UTF-16 becomes at most thrice as many octets
    const length = whole === desk ? desk.write(text) : whole.length;
    try {
      for (let count = 0; count < length; ) count += writeSync(descriptor, whole, count, length - count);
      this.length += length;
    } catch (error) {
      ftruncateSync(descriptor, this.length);
      throw error;
    }
  }

  /** Linux writes on to a file that was removed, and nobody would find it again. */
  check(): void {
    if (this.#stats === undefined) return;
    const now = statSync(this.#file, { throwIfNoEntry: false });
    if (now?.ino === this.#stats.ino && now.dev === this.#stats.dev) return;
    throw new ArchiveError(`${this.#file} was ${now === undefined ? 'removed' : 'replaced'} while it was in use.`, {
      cause: { code: 'ENOENT' },
    });
  }

  /** All that was written is durable then. */
  async sync(): Promise<void> {
    await toDisk(this.#open());
    if (!this.#isNew) return;
    const folder = openSync(dirname(this.#file), 'r');
    try {
      await toDisk(folder);
      this.#isNew = false;
    } finally {
      closeSync(folder);
    }
  }

  /** Octets from there on, not more than that. */
  read(from: number, most: number): Buffer {
    const octets = Buffer.allocUnsafe(most);
    return octets.subarray(0, readSync(this.#open(), octets, 0, most, from));
  }

  /** Nothing is in it. */
  clear(): void {
    if (this.length === 0) return;
    ftruncateSync(this.#open(), 0);
    this.length = 0;
  }

  /** Gives up its descriptor, and the file unless something is in it; it may be used again. */
  close(): void {
    if (this.#descriptor !== undefined) closeSync(this.#descriptor);
    this.#descriptor = undefined;
    this.#stats = undefined;
    if (this.length > 0 || !this.#isThere) return;
    rmSync(this.#file, { force: true });
    this.#isThere = false;
    this.#isNew = true;
  }
}
