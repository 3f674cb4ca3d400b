/** Codes that a destructive act waits for: random, one for each session, forgotten at restart. */
import { randomInt } from 'node:crypto';
import type { Clock } from '../wire/clock.ts';

export const validFor = 5 * 60_000;
const wrongAllowed = 3;

interface Pending<Act> {
  code: string;
  until: number;
  wrong: number;
  act: Act;
}

export class Confirmations<Act> {
  readonly #clock: Clock;
  readonly #pending = new Map<number, Pending<Act>>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** The code to ask for; one that waited before is void. */
  add(sid: number, act: Act): string {
    const code = String(randomInt(1000, 10_000));
    this.#pending.set(sid, { code, until: this.#clock.now() + validFor, wrong: 0, act });
    return code;
  }

  /** What that code was asked for, once. */
  take(sid: number, code: string): { act: Act } | 'nothing' | 'wrong' {
    const pending = this.#pending.get(sid);
    if (pending === undefined || pending.until <= this.#clock.now()) {
      this.#pending.delete(sid);
      return 'nothing';
    }
    if (pending.code === code) {
      this.#pending.delete(sid);
      return { act: pending.act };
    }
    if (++pending.wrong >= wrongAllowed) this.#pending.delete(sid);
    return 'wrong';
  }

  gone(sid: number): void {
    this.#pending.delete(sid);
  }
}
