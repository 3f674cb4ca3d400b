/** A worker's reports: how far its units have got with what clients sent. They ride on batches that are posted anyway, where they can. */
import type { BatchWriter } from './batch.ts';
import { BEGUN, TAKEN } from './operations.ts';

/** So much taken, in characters, is worth a batch of its own. */
const enough = 32_768;

/** One unit's work. */
export interface Work {
  /** That number is next. The edge knows it before anything of it is done. */
  begin(number: number): void;
  /** That number is done. */
  done(number: number, length: number): void;
}

export class Reports {
  /** By unit: the last number done since the last time. */
  readonly #taken = new Map<number, number>();
  #length = 0;

  of(unit: number, writer: BatchWriter): Work {
    return {
      begin(number) {
        writer.numbers(BEGUN, unit, number).flush();
      },
      done: (number, length) => {
        this.#taken.set(unit, number);
        this.#length += length;
        if (this.#length >= enough) writer.schedule();
      },
    };
  }

  /** All that has changed since the last time. */
  write(writer: BatchWriter): void {
    this.#length = 0;
    for (const [unit, number] of this.#taken) writer.numbers(TAKEN, unit, number);
    this.#taken.clear();
  }
}
