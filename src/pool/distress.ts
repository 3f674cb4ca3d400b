/** What people are told while a user's archive cannot be written: once, and again when it is over. */
import type { Trouble } from '../archive/types.ts';

/** A disk that is full to the brim comes and goes: it is told of once in so many milliseconds. */
const quiet = 10 * 60_000;

interface Parts {
  /** Root says it. */
  tell(text: string): void;
  log: { error(message: string, fields?: object): unknown; info(message: string, fields?: object): unknown };
  user: string;
  now?(): number;
}

export class Distress {
  readonly #parts: Parts;
  #told = Number.NEGATIVE_INFINITY;
  #isTold = false;
  #isInTrouble = false;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** It has changed. */
  set(trouble: Trouble | undefined): void {
    const { log, user, tell } = this.#parts;
    const now = (this.#parts.now ?? Date.now)();
    const was = this.#isInTrouble;
    this.#isInTrouble = trouble !== undefined;
    if (trouble !== undefined && !was) {
      log.error('archive cannot be written', { user, reason: trouble.reason });
      this.#isTold = Math.abs(now - this.#told) >= quiet;
      if (this.#isTold) this.#told = now;
      if (this.#isTold) tell(words(trouble));
    } else if (trouble === undefined && was) {
      log.info('archive can be written again', { user });
      if (this.#isTold) tell('Messages are kept safe again. What waited goes on its way.');
    }
  }
}

const words = ({ reason }: Trouble): string =>
  `Messages cannot be kept safe now. ${reason}\n` +
  'What you send comes back as an error until that is mended; what is sent to you waits at its server. ' +
  'I try again all the time, and say when it is over.';
