/** What strangers can make us keep. */
import { createHash } from 'node:crypto';
import { detached } from '../wire/jid.ts';

const longest = 200;

/** A text that somebody else chose, as part of a key: a long one is not kept itself. In XML there is no U+0000. */
export const brief = (text: string): string =>
  text.length <= longest ? text : `\0${createHash('sha256').update(text).digest('base64')}`;

/** A Map that forgets its oldest entries: for what is good to know and may be forgotten. */
export class BoundedMap<K, V> extends Map<K, V> {
  readonly #most: number;
  readonly #forgotten: ((value: V, key: K) => void) | undefined;
  /** Goes on from where it was: from the beginning it would pass, each time, all that was deleted there. */
  #oldest: Iterator<[K, V]> | undefined;
  constructor(most: number, forgotten?: (value: V, key: K) => void) {
    super();
    this.#most = most;
    this.#forgotten = forgotten;
  }
  /** What was there before keeps its age. */
  override set(key: K, value: V): this {
    super.set(key, value);
    if (this.size > this.#most) {
      this.#oldest ??= super.entries();
      const [oldest, lost] = this.#oldest.next().value as [K, V];
      super.delete(oldest);
      this.#forgotten?.(lost, oldest);
    }
    return this;
  }
}

/** What many have, by its name: so much in all, and so much of one, so that nobody crowds out the others with one stanza. */
export class Owned<O extends string, V> {
  readonly #mostOfOne: number;
  readonly #all: BoundedMap<string, readonly [O, string]>;
  readonly #of = new Map<O, Map<string, V>>();

  constructor(most: number, mostOfOne: number) {
    this.#mostOfOne = mostOfOne;
    this.#all = new BoundedMap(most, ([owner, name]) => this.#unlink(owner, name));
  }

  get isEmpty(): boolean {
    return this.#of.size === 0;
  }

  get(owner: O, name: string): V | undefined {
    return this.#of.get(owner)?.get(name);
  }

  /** The oldest first. */
  of(owner: O): readonly V[] {
    return [...(this.#of.get(owner)?.values() ?? [])];
  }

  values(): V[] {
    return [...this.#of.values()].flatMap((mine) => [...mine.values()]);
  }

  set(owner: O, name: string, value: V): void {
    const mine = this.#of.get(owner) ?? new Map<string, V>();
    if (mine.has(name)) return void mine.set(name, value);
    const [oldest] = mine.keys();
    if (mine.size >= this.#mostOfOne) this.delete(owner, oldest!);
    const own = detached(name);
    this.#of.set(owner, mine.set(own, value));
    this.#all.set(keyOf(owner, own), [owner, own]);
  }

  delete(owner: O, name: string): void {
    this.#all.delete(keyOf(owner, name));
    this.#unlink(owner, name);
  }

  #unlink(owner: O, name: string): void {
    const mine = this.#of.get(owner);
    mine?.delete(name);
    if (mine?.size === 0) this.#of.delete(owner);
  }
}

const keyOf = (owner: string, name: string): string => `${owner}\n${name}`;
