/** A Map that forgets its oldest entries: for what is good to know and may be forgotten. */
export class BoundedMap<K, V> extends Map<K, V> {
  readonly #most: number;
  constructor(most: number) {
    super();
    this.#most = most;
  }
  override set(key: K, value: V): this {
    super.delete(key);
    super.set(key, value);
    if (this.size > this.#most) super.delete(super.keys().next().value as K);
    return this;
  }
}
