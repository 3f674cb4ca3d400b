/** A Map that forgets its oldest entries: for what is good to know and may be forgotten. */
export class BoundedMap<K, V> extends Map<K, V> {
  readonly #most: number;
  readonly #forgotten: (key: K) => void;
  /** Goes on from where it was: from the beginning it would pass, each time, all that was deleted there. */
  #oldest: Iterator<K> | undefined;
  /** `forgotten` is told of keys that had to go. */
  constructor(most: number, forgotten: (key: K) => void = () => {}) {
    super();
    this.#most = most;
    this.#forgotten = forgotten;
  }
  override set(key: K, value: V): this {
    super.delete(key);
    super.set(key, value);
    if (this.size <= this.#most) return this;
    this.#oldest ??= super.keys();
    const oldest = this.#oldest.next().value as K;
    super.delete(oldest);
    this.#forgotten(oldest);
    return this;
  }
}
