/**
 * Calls as batches for a message port: one `[numbers[], strings[]]` a tick, the cheapest form for stanzas of usual size.
 * A stanza is its name, a mask of which outer attributes it has, these, and the rest: the text is never parsed on the way.
 */
import { Stanza, stanzaNames } from '../wire/stanza.ts';

export type Batch = [numbers: number[], strings: string[]];

/** The half of a port that batches need; MessagePort, Worker and a test's pair fit. */
export interface Port {
  postMessage(message: unknown): void;
  on(event: 'message', listener: (message: unknown) => void): unknown;
}

/** Collects a tick's calls. */
export class BatchWriter {
  readonly #post: (batch: Batch) => void;
  readonly #last: () => void;
  #numbers: number[] = [];
  #strings: string[] = [];
  #scheduled = false;

  /** `last` is called before a batch is posted, and may add to it what is worth no batch of its own. */
  constructor(post: (batch: Batch) => void, last: () => void = () => {}) {
    this.#post = post;
    this.#last = last;
  }

  numbers(...values: number[]): this {
    this.#numbers.push(...values);
    this.schedule();
    return this;
  }

  /** A batch is posted at the end of this tick, behind all else that is done there: what others are told of is written down by then. */
  schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    const post = () => {
      if (this.#scheduled) this.flush();
    };
    process.nextTick(() => process.nextTick(post));
  }

  list(values: readonly number[]): this {
    this.#numbers.push(values.length);
    for (const value of values) this.#numbers.push(value);
    return this;
  }

  strings(...values: string[]): this {
    this.#strings.push(...values);
    return this;
  }

  stanza(stanza: Stanza): this {
    const outer = [stanza.to, stanza.from, stanza.id, stanza.type];
    let mask = 0;
    for (let index = 0; index < outer.length; index++) {
      const value = outer[index];
      if (value === undefined) continue;
      mask |= 1 << index;
      this.#strings.push(value);
    }
    this.#numbers.push(stanzaNames.indexOf(stanza.name), mask);
    this.#strings.push(stanza.rest);
    return this;
  }

  /** Posts what there is, now. */
  flush(): void {
    this.#last();
    this.#scheduled = false;
    const batch: Batch = [this.#numbers, this.#strings];
    this.#numbers = [];
    this.#strings = [];
    this.#post(batch);
  }
}

/** Reads a batch back, in the order it was written. */
export class BatchReader {
  readonly #numbers: number[];
  readonly #strings: string[];
  #number = 0;
  #string = 0;

  constructor([numbers, strings]: Batch) {
    this.#numbers = numbers;
    this.#strings = strings;
  }

  get more(): boolean {
    return this.#number < this.#numbers.length;
  }
  number(): number {
    return this.#numbers[this.#number++]!;
  }
  string(): string {
    return this.#strings[this.#string++]!;
  }
  list(): number[] {
    const length = this.number();
    this.#number += length;
    return this.#numbers.slice(this.#number - length, this.#number);
  }
  stanza(): Stanza {
    const name = stanzaNames[this.number()]!;
    const mask = this.number();
    const next = (bit: number) => ((mask & bit) === 0 ? undefined : this.string());
    const outer = { to: next(1), from: next(2), id: next(4), type: next(8) };
    return Stanza.fromParts(name, outer, this.string());
  }
}
