/** What the rounds so far mean for the next: when it comes, as which resource, and whether it resumes. */
import { retryAfter, retryAfterConflict } from '../wire/backoff.ts';
import { suffixed } from './binding.ts';
import type { Failed } from './failed.ts';
import type { Environment } from './timing.ts';

/** Beyond as many sessions in a row that a network broke, waits grow no more: the server is there, and people write. */
const mostLost = 4;
/** Streams that a stanza broke, in a row. */
const mostPoisoned = 6;

export class History {
  /** To ask for at bind. */
  resource: string;
  /** May the last session be resumed? */
  mayResume = true;
  /** Where the server sent us when it ended the last session (RFC 6120 §4.9.3.19): good for one attempt. */
  seeOther: string | undefined;
  readonly #own: string;
  readonly #env: Environment;
  /** Rounds since a session that held: how far backoff has grown. */
  #failures = 0;
  #conflicts = 0;
  /** In a row: streams that we ended because of what came, and resumptions that the server left open. */
  #faults = 0;
  /** Of these, such as can be left out when the session is resumed; a server that sends many of them is of no use so. */
  #poisoned = 0;

  constructor(resource: string, env: Environment) {
    this.#own = resource;
    this.resource = resource;
    this.#env = env;
  }

  /** A person wants it tried now. */
  forgive(): void {
    this.#failures = 0;
  }

  /** A new session: the last one cannot be resumed any more, this one may be. */
  begun(): void {
    this.mayResume = true;
    this.#poisoned = 0;
  }

  /** An attempt came to nothing. */
  failed(failed: Failed): void {
    this.#failures ||= 1;
    this.#blame(failed);
  }

  /** A session ended after so many milliseconds. */
  ended(failed: Failed, lasted: number): void {
    if (lasted >= this.#env.timing.held) {
      this.#failures = 0;
      this.#conflicts = 0;
    }
    if (failed.failure.kind === 'lost' && failed.fault === undefined)
      this.#failures = Math.min(this.#failures, mostLost);
    this.seeOther = failed.seeOther;
    if (failed.fault === undefined) this.#faults = 0;
    if (lasted >= this.#env.timing.held) this.#poisoned = 0;
    this.#blame(failed);
    // COMPAT: Prosody 0.12.3 reads a resumed stream as what follows the stanza in which the one before it was cut
    if (failed.isDeaf) this.mayResume = false;
    if (failed.failure.kind !== 'conflict') return;
    this.#conflicts++;
    this.mayResume = false; // the address would come back with it, and the fight
    this.resource = suffixed(this.#own);
  }

  /** Milliseconds until the next round. */
  delay({ failure }: Failed): number {
    const { timing, random } = this.#env;
    if (failure.kind === 'conflict') return retryAfterConflict(this.#conflicts, timing, random);
    return retryAfter(this.#failures++, timing, random);
  }

  /** What broke the stream twice would come again with a resumption, for ever, unless it is a stanza that can be left out. */
  #blame({ fault, atStanza, atResumption }: Failed): void {
    if (atStanza) this.#poisoned++;
    else if (fault !== undefined || atResumption) this.#faults++;
    if (this.#faults > 1 || this.#poisoned > mostPoisoned) this.mayResume = false;
  }
}
