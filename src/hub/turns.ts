/** Work for clients, one piece at a time for each, in order. */

/** Pieces of one client that may wait for their turn. */
const most = 50;

type Work = () => Promise<void>;

export class Turns {
  /** By client; the first piece is under way. */
  readonly #waiting = new Map<number, Work[]>();
  readonly #between: () => Promise<void>;

  /** `between`: what is awaited before the next piece of the same client, where one waits already. */
  constructor(between: () => Promise<void>) {
    this.#between = between;
  }

  /** Done when it is its turn; it must not fail. False: too much waits. */
  add(sid: number, work: Work): boolean {
    const waiting = this.#waiting.get(sid);
    if (waiting !== undefined && waiting.length > most) return false;
    if (waiting !== undefined) waiting.push(work);
    else {
      this.#waiting.set(sid, [work]);
      void this.#go(sid);
    }
    return true;
  }

  async #go(sid: number): Promise<void> {
    const waiting = this.#waiting.get(sid)!;
    for (;;) {
      await waiting[0]!();
      waiting.shift();
      if (waiting.length > 0) await this.#between();
      if (waiting.length === 0) break;
    }
    this.#waiting.delete(sid);
  }

  /** What waits is not done any more. */
  gone(sid: number): void {
    this.#waiting.get(sid)?.splice(1);
  }
}
