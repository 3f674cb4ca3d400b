/** Is the server still there? Asked after silence, and whenever an acknowledgement is asked for. */
import type { Timing } from './timing.ts';

/** An answer may be queued behind much data: as often as this the wait begins anew while something comes. */
const rounds = 6;

export class Liveness {
  readonly #timing: Pick<Timing, 'idle' | 'reply'>;
  readonly #dead: () => void;
  readonly #idle: NodeJS.Timeout;
  #reply: NodeJS.Timeout | undefined;
  #heard = false;
  /** Nothing is read: who says nothing is not to blame. */
  #isResting = false;

  /** `probe` asks the server and calls asked(); `dead` is called once. */
  constructor(timing: Pick<Timing, 'idle' | 'reply'>, probe: () => void, dead: () => void) {
    this.#timing = timing;
    this.#dead = dead;
    this.#idle = setTimeout(() => (this.#isResting ? this.#idle.refresh() : probe()), timing.idle);
  }

  /** From now on nothing is read, or it is again. */
  rest(isResting: boolean): void {
    this.#isResting = isResting;
    this.#idle.refresh();
    if (this.#reply === undefined) return;
    clearTimeout(this.#reply);
    this.#wait(rounds);
  }

  /** Bytes came. */
  heard(): void {
    this.#heard = true;
    this.#idle.refresh();
  }

  /** A question that the server must answer has been sent. */
  asked(): void {
    if (this.#reply === undefined) this.#wait(rounds);
  }

  answered(): void {
    clearTimeout(this.#reply);
    this.#reply = undefined;
  }

  stop(): void {
    clearTimeout(this.#idle);
    clearTimeout(this.#reply);
  }

  #wait(left: number): void {
    this.#heard = false;
    this.#reply = setTimeout(() => {
      if (this.#isResting) return this.#wait(rounds);
      if (this.#heard && left > 1) return this.#wait(left - 1);
      this.stop();
      this.#dead();
    }, this.#timing.reply);
  }
}
