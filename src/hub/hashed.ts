/**
 * Names as numbers. What is remembered of each message for a while was dearer than all else that is done with it, for V8 copies
 * twice what lives so long, and then has to find that it is dead; of numbers in typed arrays it knows nothing.
 */
import { randomInt } from 'node:crypto';

/** 64 bits that stand for a name; nobody outside can make two names have the same. */
export type Name = readonly [number, number];

const seeds = [randomInt(2 ** 32), randomInt(2 ** 32)] as const;
let [high, low]: [number, number] = [0, 0];

/** The name that these words make together. */
export function hashed(kind: string, first: string, second = '', third = '', fourth = ''): Name {
  high = seeds[0] | 0;
  low = seeds[1] | 0;
  mix(kind);
  mix(first);
  mix(second);
  mix(third);
  mix(fourth);
  const a = Math.imul(high ^ (high >>> 16), 0x85ebca6b) ^ Math.imul(low ^ (low >>> 13), 0xc2b2ae35);
  return [a, Math.imul(low ^ (low >>> 16), 0x85ebca6b) ^ Math.imul(high ^ (high >>> 13), 0xc2b2ae35)];
}

function mix(word: string): void {
  let [a, b] = [high, low];
  for (let index = 0; index < word.length; index++) {
    const code = word.charCodeAt(index);
    a = Math.imul(a ^ code, 0x9e3779b1);
    b = Math.imul(b ^ code, 0x5f356495);
  }
  // where a word ends
  high = Math.imul(a ^ 0x10000, 0x9e3779b1);
  low = Math.imul(b ^ 0x10000, 0x5f356495);
}

/** In the table a name takes its two numbers and one more, which is 0 where there is none. */
const stride = 3;

/** Small numbers, 0 or more, by names. */
export class NameMap {
  size = 0;
  #slots: Int32Array;

  constructor(least = 16) {
    this.#slots = new Int32Array(least * stride);
  }

  get([a, b]: Name): number | undefined {
    const slot = this.#find(a, b);
    const value = this.#slots[slot + 2]!;
    return value === 0 ? undefined : value - 1;
  }

  set([a, b]: Name, value: number): void {
    const slot = this.#find(a, b);
    const slots = this.#slots;
    const isNew = slots[slot + 2] === 0;
    slots[slot] = a;
    slots[slot + 1] = b;
    slots[slot + 2] = value + 1;
    if (isNew && ++this.size * stride * 2 > slots.length) this.#grow();
  }

  clear(): void {
    this.#slots.fill(0);
    this.size = 0;
  }

  /** Where the name is, or would be. At least half of the places are free. */
  #find(a: number, b: number): number {
    const slots = this.#slots;
    const last = slots.length / stride - 1;
    let place = a & last;
    for (;;) {
      const slot = place * stride;
      if (slots[slot + 2] === 0 || (slots[slot] === a && slots[slot + 1] === b)) return slot;
      place = (place + 1) & last;
    }
  }

  #grow(): void {
    const before = this.#slots;
    this.#slots = new Int32Array(before.length * 2);
    for (let slot = 0; slot < before.length; slot += stride) {
      if (before[slot + 2] === 0) continue;
      const to = this.#find(before[slot]!, before[slot + 1]!);
      this.#slots.set(before.subarray(slot, slot + stride), to);
    }
  }
}

/** Knows what was set lately: the last `most` for certain, and never more than twice as many; it forgets many at once. */
export class Lately {
  readonly #most: number;
  #new = new NameMap();
  #old = new NameMap();

  constructor(most: number) {
    this.#most = most;
  }

  get(name: Name): number | undefined {
    return this.#new.get(name) ?? this.#old.get(name);
  }

  set(name: Name, value: number): void {
    if (this.#new.size >= this.#most) {
      [this.#new, this.#old] = [this.#old, this.#new];
      this.#new.clear();
    }
    this.#new.set(name, value);
  }
}
