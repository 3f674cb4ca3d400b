/** Maps for what is good to know and may be forgotten. */

/** Forgets the entries that are there for longest. */
export class BoundedMap<K, V> extends Map<K, V> {
  readonly #most: number;
  readonly #forgotten: ((value: V, key: K) => void) | undefined;
  /** Goes on from where it was: from the beginning it would pass, each time, all that was deleted there. */
  #oldest: Iterator<[K, V]> | undefined;
  /** `forgotten` is told of entries that had to go. */
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

/** Forgets the entries that were set longest ago. */
export class RecentMap<K, V> extends BoundedMap<K, V> {
  override set(key: K, value: V): this {
    super.delete(key);
    return super.set(key, value);
  }
}
