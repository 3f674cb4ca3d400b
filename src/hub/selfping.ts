/** Are we still in a room that says nothing (XEP-0410)? */
import type { Stanza } from '../wire/stanza.ts';
import { conditionOf } from './muc.ts';

/** §3.2: after so much silence we ask: milliseconds. */
const silence = 15 * 60_000;

/** A room that said that we are not in is asked to let us in; one that says so again at once has its reasons. */
const between = 60_000;

/** §3.2: we are in; or nothing can be said of it now. */
const harmless: ReadonlySet<string> = new Set([
  ...['service-unavailable', 'feature-not-implemented', 'item-not-found'],
  ...['remote-server-not-found', 'remote-server-timeout'],
]);

/** Does that answer to a ping say that we are not in? No answer says nothing. */
export const saysOut = (response: Stanza | undefined): boolean =>
  response?.type === 'error' && !harmless.has(conditionOf(response) ?? '');

export class SelfPing {
  #heard: number;
  #isAsking = false;
  #doubtedAt = 0;

  constructor(now: number) {
    this.#heard = now;
  }

  /** The room has said something. */
  heard(now: number): void {
    this.#heard = now;
  }

  isDue(now: number): boolean {
    return !this.#isAsking && now - this.#heard >= silence;
  }
  asked(): void {
    this.#isAsking = true;
  }
  answered(now: number): void {
    this.#isAsking = false;
    this.#heard = now;
  }

  /** A message came back because we are not in (XEP-0045 §7.4). True if that is to be mended, false so soon again. */
  doubt(now: number): boolean {
    if (now - this.#doubtedAt < between) return false;
    this.#doubtedAt = now;
    return true;
  }
}
