/** A worker's reports: how far its units have got with what clients sent. They ride on batches that are posted anyway, where they can. */
import type { BatchWriter } from './batch.ts';
import { BEGUN, SAFE, TAKEN } from './operations.ts';

/** So much taken, in characters, is worth a batch of its own: the edge does not read on where too much is not. */
const enough = 32_768;

/** One unit's work. */
export interface Work {
  /** That number is next. The edge knows it before anything of it is done. */
  begin(number: number): void;
  /** That number is done; it is safe when `risk` has ended, be it well or not: then nothing more can be waited for. */
  done(number: number, length: number, risk: Promise<unknown> | undefined): void;
}

export class Reports {
  readonly #changed = new Set<Report>();
  #length = 0;

  of(unit: number, writer: BatchWriter): Work {
    const report = new Report(unit);
    return {
      begin(number) {
        writer.numbers(BEGUN, unit, number).flush();
      },
      done: (number, length, risk) => {
        report.taken = number;
        this.#changed.add(report);
        this.#length += length;
        if (this.#length >= enough) writer.schedule();
        const safe = () => {
          report.safe.push(number);
          this.#changed.add(report);
          if (risk !== undefined) writer.schedule();
        };
        if (risk === undefined) safe();
        else risk.then(safe, safe);
      },
    };
  }

  /** All that has changed since the last time. */
  write(writer: BatchWriter): void {
    this.#length = 0;
    for (const { unit, taken, safe } of this.#changed) {
      writer.numbers(TAKEN, unit, taken);
      if (safe.length > 0) writer.numbers(SAFE, unit).list(safe.splice(0));
    }
    this.#changed.clear();
  }
}

class Report {
  readonly unit: number;
  taken = 0;
  readonly safe: number[] = [];
  constructor(unit: number) {
    this.unit = unit;
  }
}
