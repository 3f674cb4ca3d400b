/** What is remembered of messages that came: in typed arrays (`hashed.ts` says why), a page of many at a time. */
import { type Name, NameMap } from './hashed.ts';

export type Way = 'direct' | 'carbon';

/** What a message is remembered by. */
export interface Memory {
  /** In the archive; undefined where it was not archived. */
  place: number | undefined;
  /** When it came: milliseconds since the epoch. */
  at: number;
  /** Of its content. */
  mark: number;
  /** What the account's server calls it. */
  alias: Name | undefined;
  way: Way;
  /** The stream on which it was seen first. */
  stream: number;
  /** Another message had its name, and its content. */
  isReused: boolean;
}

const bits: Readonly<Record<Way, number>> = { direct: 1, carbon: 2 };
const isAliased = 4;
const isReusing = 8;

/** A row: two long numbers, and behind them, counted in short ones, the others. */
const [places, times] = [0, 1];
const [marks, flags, firsts, streams, highs, lows] = [4, 5, 6, 7, 8, 9];
const width = 5;

export class Page {
  readonly names = new NameMap();
  /** Of messages with several aliases, for they were sent several times: those after the first. */
  readonly aliases = new Map<number, Name[]>();
  long = new Float64Array(8 * width);
  short = new Int32Array(this.long.buffer);
  #count = 0;

  /** Names, or messages where these are more: of several with one name the last is found by it. */
  get size(): number {
    return Math.max(this.names.size, this.#count);
  }

  add(names: readonly Name[], { place = 0, at, mark, alias, way, stream, isReused }: Memory): void {
    const row = this.#count++;
    if (this.#count * width > this.long.length) this.#grow();
    const { long, short } = this;
    const [from, then] = [row * width, row * width * 2];
    long[from + places] = place;
    long[from + times] = at;
    short[then + marks] = mark;
    short[then + flags] = bits[way] | (alias === undefined ? 0 : isAliased) | (isReused ? isReusing : 0);
    short[then + firsts] = stream;
    short[then + streams] = stream;
    short[then + highs] = alias?.[0] ?? 0;
    short[then + lows] = alias?.[1] ?? 0;
    for (const name of names) this.names.set(name, row);
  }

  #grow(): void {
    const before = this.long;
    this.long = new Float64Array(before.length * 2);
    this.long.set(before);
    this.short = new Int32Array(this.long.buffer);
  }

  get(name: Name): Known | undefined {
    const row = this.names.get(name);
    return row === undefined ? undefined : new Known(this, row);
  }

  clear(): void {
    this.names.clear();
    this.aliases.clear();
    this.#count = 0;
  }
}

/** A message that came, for the moment in which it is looked at. */
export class Known {
  readonly #page: Page;
  readonly #row: number;

  constructor(page: Page, row: number) {
    this.#page = page;
    this.#row = row;
  }

  get place(): number | undefined {
    return this.#page.long[this.#row * width + places] || undefined;
  }
  get at(): number {
    return this.#page.long[this.#row * width + times]!;
  }
  get mark(): number {
    return this.#short(marks);
  }
  /** The streams on which it was seen first, and last. */
  get first(): number {
    return this.#short(firsts);
  }
  get stream(): number {
    return this.#short(streams);
  }
  set stream(stream: number) {
    this.#page.short[this.#row * width * 2 + streams] = stream;
  }

  came(way: Way): boolean {
    return (this.#short(flags) & bits[way]) !== 0;
  }
  comes(way: Way): void {
    this.#page.short[this.#row * width * 2 + flags] = this.#short(flags) | bits[way];
  }

  get isReused(): boolean {
    return (this.#short(flags) & isReusing) !== 0;
  }

  get isAliased(): boolean {
    return (this.#short(flags) & isAliased) !== 0;
  }

  /** Does the account's server call it that? */
  isCalled([high, low]: Name): boolean {
    if (this.isAliased && this.#short(highs) === high && this.#short(lows) === low) return true;
    return this.#page.aliases.get(this.#row)?.some((alias) => alias[0] === high && alias[1] === low) ?? false;
  }

  /** It is called that from now on, too. */
  call(alias: Name): void {
    const { aliases, names, short } = this.#page;
    const from = this.#row * width * 2;
    if (this.isAliased) aliases.set(this.#row, [...(aliases.get(this.#row) ?? []), alias]);
    else {
      short[from + flags] = this.#short(flags) | isAliased;
      [short[from + highs], short[from + lows]] = alias;
    }
    names.set(alias, this.#row);
  }

  #short(which: number): number {
    return this.#page.short[this.#row * width * 2 + which]!;
  }
}
