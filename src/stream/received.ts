/** What a client has sent, and up to where it is safe: XEP-0198 tells it no more than that. */

export class Received {
  /** Stanzas that came. */
  position = 0;
  /** Positions of those that a unit has and that are not durable yet, ascending, from `#first` on. */
  #open: number[] = [];
  #first = 0;
  /** The last position that a unit was told of. */
  #told = 0;
  #waiters: (() => void)[] = [];

  /** One more. Unless it is `given`, it is done with at once, in its turn. */
  count(): void {
    this.position += 1;
  }

  /** The last one goes to the unit, which will say when it is durable. */
  given(): void {
    this.#told = this.position;
    this.#open.push(this.position);
  }

  /** The unit says so of all up to there. */
  stored(upTo: number): void {
    const open = this.#open;
    let first = this.#first;
    while (first < open.length && open[first]! <= upTo) first += 1;
    if (first === open.length || first > 256) {
      this.#open = open.slice(first);
      first = 0;
    }
    this.#first = first;
    if (this.isDurable) for (const done of this.#waiters.splice(0)) done();
  }

  get isDurable(): boolean {
    return this.#open.length === this.#first;
  }

  /** Up to there nothing of it can be lost any more. */
  get durable(): number {
    return this.isDurable ? this.position : this.#open[this.#first]! - 1;
  }

  /** Resolves when all is durable that came until now; undefined: it is. Nothing may come meanwhile. */
  settled(): Promise<void> | undefined {
    if (this.isDurable) return undefined;
    return new Promise((resolve) => this.#waiters.push(resolve));
  }

  /** Is that position news to the unit? It is told where this says so. */
  passes(position: number): boolean {
    if (position <= this.#told) return false;
    this.#told = position;
    return true;
  }
}
