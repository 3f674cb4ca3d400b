/** Tells those that have had nothing to do for a while. One timer for all, because there are many of them. */

/** Who did nothing in a whole round is told at its end: milliseconds. */
const round = 2000;

interface Sleeper {
  sleep(): void;
}

export class Slumber {
  /** Those awake that were busy in this round, and those that were in the one before. */
  #busy = new Set<Sleeper>();
  #idle = new Set<Sleeper>();
  #timer: NodeJS.Timeout | undefined;

  /** It has something to do. */
  stir(one: Sleeper): void {
    this.#busy.add(one);
    this.#timer ??= setInterval(() => this.turn(), round).unref();
  }

  /** The end of a round. */
  turn(): void {
    for (const one of this.#idle) if (!this.#busy.has(one)) one.sleep();
    this.#idle = this.#busy;
    this.#busy = new Set();
    if (this.#idle.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }
}
