/** A Map that forgets its oldest entries: for what is good to know and may be forgotten. */
export class BoundedMap<K, V> extends Map<K, V> {
  readonly #most: number;
  readonly #forgotten: ((value: V, key: K) => void) | undefined;
  constructor(most: number, forgotten?: (value: V, key: K) => void) {
    super();
    this.#most = most;
    this.#forgotten = forgotten;
  }
  /** What was there before keeps its age. */
  override set(key: K, value: V): this {
    super.set(key, value);
    if (this.size > this.#most) {
      const [oldest, lost] = super.entries().next().value!;
      super.delete(oldest);
      this.#forgotten?.(lost, oldest);
    }
    return this;
  }
}
