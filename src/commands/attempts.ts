/** So many attempts in so long, by user: guessing is held back. */
import type { Clock } from '../wire/clock.ts';

export class Attempts {
  readonly #clock: Clock;
  readonly #most: number;
  readonly #pause: number;
  readonly #made = new Map<string, { count: number; since: number }>();

  /** `pause`: milliseconds from the first attempt until all are forgotten. */
  constructor(clock: Clock, most: number, pause: number) {
    this.#clock = clock;
    this.#most = most;
    this.#pause = pause;
  }

  /** 0: one more, which counts before it is made, so that many at once do not help. Else how many minutes to wait. */
  take(user: string): number {
    const now = this.#clock.now();
    const made = this.#made.get(user);
    const fresh = made === undefined || made.since + this.#pause <= now;
    if (!fresh && made.count >= this.#most) return Math.ceil((made.since + this.#pause - now) / 60_000);
    this.#made.set(user, fresh ? { count: 1, since: now } : { ...made, count: made.count + 1 });
    return 0;
  }

  /** The last one does not count after all. */
  giveBack(user: string): void {
    const made = this.#made.get(user);
    if (made !== undefined) made.count -= 1;
  }

  forget(user: string): void {
    this.#made.delete(user);
  }
}
