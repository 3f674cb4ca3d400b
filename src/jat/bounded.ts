/** What strangers can make us keep. */
import { createHash } from 'node:crypto';
import { BoundedMap } from '../wire/bounded.ts';
import { detached } from '../wire/jid.ts';

const longest = 200;

/** A text that somebody else chose, as part of a key: a long one is not kept itself. In XML there is no U+0000. */
export const brief = (text: string): string =>
  text.length <= longest ? text : `\0${createHash('sha256').update(text).digest('base64')}`;

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
