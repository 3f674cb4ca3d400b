/** Notices that the machine's clock was set: dates of messages come from it. */

/** Less is no matter: milliseconds. */
const least = 60_000;

export class ClockWatch {
  readonly #wall: () => number;
  readonly #steady: () => number;
  /** How far the one is ahead of the other. */
  #ahead: number;

  /** Both in milliseconds; `steady` is never set. */
  constructor(wall: () => number = Date.now, steady: () => number = () => performance.now()) {
    this.#wall = wall;
    this.#steady = steady;
    this.#ahead = wall() - steady();
  }

  /** By how much it was set since the last look: milliseconds, negative where it was set back; 0: not, or not so that it matters. */
  look(): number {
    const ahead = this.#wall() - this.#steady();
    const by = ahead - this.#ahead;
    this.#ahead = ahead;
    return Math.abs(by) < least ? 0 : by;
  }
}
