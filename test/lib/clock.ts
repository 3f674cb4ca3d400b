/** Time that stands until a test moves it. */
import type { Clock } from '../../src/wire/clock.ts';

export class StillClock implements Clock {
  #now: number;
  #timers: { at: number; run: () => void }[] = [];

  constructor(now: number) {
    this.#now = now;
  }

  now(): number {
    return this.#now;
  }

  after(milliseconds: number, run: () => void) {
    const timer = { at: this.#now + milliseconds, run };
    this.#timers.push(timer);
    return { cancel: () => this.#drop(timer) };
  }

  #drop(timer: object): void {
    this.#timers = this.#timers.filter((other) => other !== timer);
  }

  /** How many timers are set. */
  get count(): number {
    return this.#timers.length;
  }

  /** Lets time pass, timer by timer: each step runs one. */
  *steps(milliseconds: number): Generator<void> {
    const until = this.#now + milliseconds;
    for (;;) {
      const [next] = this.#timers.filter(({ at }) => at <= until).sort((a, b) => a.at - b.at);
      if (next === undefined) break;
      this.#drop(next);
      this.#now = Math.max(this.#now, next.at);
      yield next.run();
    }
    this.#now = until;
  }

  /** Lets time pass at once. */
  pass(milliseconds: number): void {
    for (const _ of this.steps(milliseconds));
  }
}
