/**
 * Room on the disk, for the moment when it is full: what was shown to somebody before anybody knew of that is still written. It holds
 * nothing, and stays for the next program, which may find the disk as full.
 */
import { randomBytes } from 'node:crypto';
import { rmSync, statSync, writeFileSync } from 'node:fs';
import { isFull } from './passing.ts';

/** Some hundred messages: octets. */
const size = 256 * 1024;

export class Spare {
  readonly #file: string;
  #isThere: boolean;

  constructor(file: string) {
    this.#file = file;
    this.#isThere = statSync(file, { throwIfNoEntry: false })?.size === size;
  }

  get isThere(): boolean {
    return this.#isThere;
  }

  /** Throws where the disk is too full for it. */
  make(): void {
    if (this.#isThere) return;
    try {
      writeFileSync(this.#file, randomBytes(size), { mode: 0o600 }); // nothing that a file system could make small
      this.#isThere = true;
    } catch (error) {
      this.giveUp();
      if (isFull(error)) throw error; // whoever writes is told of everything else
    }
  }

  /** There is as much room now. False: it was not there. */
  giveUp(): boolean {
    const wasThere = this.#isThere;
    this.#isThere = false;
    try {
      rmSync(this.#file, { force: true });
    } catch {
      return false;
    }
    return wasThere;
  }
}
