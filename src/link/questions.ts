/** Questions over batches, either way: numbered, answered once each, failed when the other side is gone. */
import type { BatchReader, BatchWriter } from './batch.ts';

/** Operation numbers that both directions share. */
export const ASK = 1;
export const ANSWER = 2;

type Settle = { resolve(value: unknown): void; reject(reason: Error): void };

export class Questions {
  readonly #writer: BatchWriter;
  readonly #handle: (unit: number, what: string, ask: unknown) => Promise<unknown>;
  readonly #open = new Map<number, Settle>();
  #next = 1;

  constructor(writer: BatchWriter, handle: (unit: number, what: string, ask: unknown) => Promise<unknown>) {
    this.#writer = writer;
    this.#handle = handle;
  }

  ask(unit: number, what: string, ask: unknown): Promise<unknown> {
    const number = this.#next++;
    this.#writer.numbers(ASK, number, unit).strings(what, JSON.stringify(ask ?? null));
    return new Promise((resolve, reject) => this.#open.set(number, { resolve, reject }));
  }

  /** Reads the rest of an ASK. */
  asked(reader: BatchReader): void {
    const number = reader.number();
    const unit = reader.number();
    const what = reader.string();
    const ask: unknown = JSON.parse(reader.string());
    const answer = (ok: number, value: unknown) =>
      this.#writer.numbers(ANSWER, number, ok).strings(JSON.stringify(value ?? null));
    this.#handle(unit, what, ask).then(
      (value) => answer(1, value),
      (reason: unknown) => answer(0, reason instanceof Error ? reason.message : String(reason)),
    );
  }

  /** Reads the rest of an ANSWER. */
  answered(reader: BatchReader): void {
    const number = reader.number();
    const isGood = reader.number() === 1;
    const value: unknown = JSON.parse(reader.string());
    const settle = this.#open.get(number);
    this.#open.delete(number);
    if (isGood) settle?.resolve(value);
    else settle?.reject(new Error(String(value)));
  }

  failAll(reason: Error): void {
    for (const { reject } of this.#open.values()) reject(reason);
    this.#open.clear();
  }
}
