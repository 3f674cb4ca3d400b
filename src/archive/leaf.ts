/** One of a journal's two files. Its first line is its generation; each generation is written once and then cut off. */
import { closeSync, ftruncateSync, openSync, readSync, rmSync, statSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { checkThere, type Held, held, toDisk } from './held.ts';

/** What is about to be written, where it is short enough. */
const desk = Buffer.allocUnsafe(128 * 1024);

export class Leaf {
  readonly #file: string;
  #held: Held | undefined;
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
    this.#held ??= held(this.#file, 'a+', 0o600);
    this.#isThere = true;
    return this.#held.descriptor;
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

  /** Throws if it was taken away. */
  check(): void {
    if (this.#held !== undefined) checkThere(this.#held);
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
    if (this.#held !== undefined) closeSync(this.#held.descriptor);
    this.#held = undefined;
    if (this.length > 0 || !this.#isThere) return;
    rmSync(this.#file, { force: true });
    this.#isThere = false;
    this.#isNew = true;
  }
}
