/** `unlock`: sessions that have proved the proxy password, and guessing held back. */
import type { Clock } from '../wire/clock.ts';
import { Attempts } from './attempts.ts';
import { UsageError } from './error.ts';

const minutes = 60_000;
export const openFor = 10 * minutes;
export const tries = 5;
export const pause = 10 * minutes;

export class Locks {
  readonly #clock: Clock;
  readonly #open = new Map<number, { user: string; until: number }>();
  readonly #wrong: Attempts;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#wrong = new Attempts(clock, tries, pause);
  }

  isOpen(sid: number): boolean {
    const open = this.#open.get(sid);
    if (open !== undefined && open.until > this.#clock.now()) return true;
    this.#open.delete(sid);
    return false;
  }

  open(sid: number, user: string): void {
    this.#open.set(sid, { user, until: this.#clock.now() + openFor });
    this.#wrong.forget(user);
  }

  close(sid: number): void {
    this.#open.delete(sid);
  }

  /** The proxy password is another now: what the old one opened is shut, but for the session that changed it. */
  closeAll(user: string, except?: number): void {
    for (const [sid, open] of this.#open) if (open.user === user && sid !== except) this.#open.delete(sid);
  }

  /** Throws while too many guesses are recent. */
  guess(user: string): void {
    const wait = this.#wrong.take(user);
    if (wait > 0) throw new UsageError(`Too many wrong passwords. Try again in ${wait} min.`);
  }
}
