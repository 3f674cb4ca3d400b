/** Wrong passwords per address, within a sliding window. Only they count: not a mistaken mechanism, not an abort. */
import type { Clock } from '../wire/clock.ts';
import { isLoopback } from '../wire/ip.ts';
import { addressKey } from './remote.ts';

/** Addresses remembered at once; beyond it the oldest are forgotten. */
const most = 10_000;
/** Behind loopback a relay may stand, with many people: it may guess so many times as often. */
const loopback = 10;

export class Guesses {
  readonly #times = new Map<string, number[]>();
  readonly #limit: number;
  readonly #window: number;
  readonly #clock: Clock;

  constructor(limit: number, window: number, clock: Clock) {
    this.#limit = limit;
    this.#window = window;
    this.#clock = clock;
  }

  /** May that address not try now, be the password right or wrong? */
  exhausted(remote: string): boolean {
    const limit = isLoopback(remote) ? this.#limit * loopback : this.#limit;
    return this.#recent(addressKey(remote)).length >= limit;
  }

  wrong(remote: string): void {
    const key = addressKey(remote);
    const times = [...this.#recent(key), this.#clock.now()];
    this.#times.delete(key); // to the end: the Map's order is that of the last guess
    this.#times.set(key, times);
    if (this.#times.size > most) this.#times.delete(this.#times.keys().next().value!);
  }

  #recent(key: string): number[] {
    const since = this.#clock.now() - this.#window;
    const times = (this.#times.get(key) ?? []).filter((time) => time > since);
    if (times.length === 0) this.#times.delete(key);
    return times;
  }
}
