/** `unlock`: sessions that have proved the proxy password, and guessing held back. */
import type { Clock } from './context.ts';
import { UsageError } from './error.ts';

const minutes = 60_000;
export const openFor = 10 * minutes;
export const tries = 5;
export const pause = 10 * minutes;

export class Locks {
  readonly #clock: Clock;
  readonly #open = new Map<number, { user: string; until: number }>();
  readonly #wrong = new Map<string, { count: number; since: number }>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  isOpen(sid: number): boolean {
    const open = this.#open.get(sid);
    if (open !== undefined && open.until > this.#clock.now()) return true;
    this.#open.delete(sid);
    return false;
  }

  open(sid: number, user: string): void {
    this.#open.set(sid, { user, until: this.#clock.now() + openFor });
    this.#wrong.delete(user);
  }

  close(sid: number): void {
    this.#open.delete(sid);
  }

  /** The proxy password is another now: what the old one opened is shut, but for the session that changed it. */
  closeAll(user: string, except?: number): void {
    for (const [sid, open] of this.#open) if (open.user === user && sid !== except) this.#open.delete(sid);
  }

  /** Throws while too many guesses are recent. A guess counts before it is checked, so that many at once do not help. */
  guess(user: string): void {
    const now = this.#clock.now();
    const wrong = this.#wrong.get(user);
    const fresh = wrong === undefined || wrong.since + pause <= now;
    if (!fresh && wrong.count >= tries) {
      const wait = Math.ceil((wrong.since + pause - now) / minutes);
      throw new UsageError(`Too many wrong passwords. Try again in ${wait} min.`);
    }
    this.#wrong.set(user, { count: fresh ? 1 : wrong.count + 1, since: now });
  }
}
