/**
 * The latest messages by their names: one that comes by two ways (a carbon and as itself), or is sent once more because an
 * acknowledgement was lost, is one message. Ids are chosen by senders, who may use one twice: unless the account's server names
 * both, a message is a repetition only where one is to be expected.
 */
import type { Name } from './hashed.ts';
import { type Known, Page, type Way } from './known.ts';

/** A message as it comes. */
export interface Sight {
  /** Names it goes by; most telling first. */
  names: readonly Name[];
  /** Of its content. */
  mark: number;
  alias: Name | undefined;
  way: Way;
  /** When it was taken first, where that is said; milliseconds. */
  stamp: number | undefined;
}

/** So far apart one message comes by two ways, or servers' clocks go: milliseconds. */
const moment = 60_000;
/** So many names are known for certain; at most there are twice as many. */
const most = 3000;
/** So long other servers and apps try again what they could not deliver: milliseconds. */
export const recent = 10 * 60_000;

export class Recent {
  #page = new Page();
  #before = new Page();
  #stream = 0;
  #since = Number.NEGATIVE_INFINITY;

  /** A new stream, or the old session on a new one: the server may repeat what it takes for lost. */
  renewed(now: number): void {
    this.#stream++;
    this.#since = now;
  }

  /** The message that this is a repetition of; it will be one again on another stream at the earliest. */
  take(sight: Sight, now: number): Known | undefined {
    for (const name of sight.names) {
      const known = this.get(name);
      if (known === undefined) continue;
      if (sight.alias !== undefined && known.isCalled(sight.alias)) return known;
      if (!this.#isSame(known, sight, now)) continue;
      if (sight.alias !== undefined) known.call(sight.alias);
      known.comes(sight.way);
      known.stream = this.#stream;
      return known;
    }
    return undefined;
  }

  #isSame(known: Known, { mark, alias, way, stamp }: Sight, now: number): boolean {
    if (known.mark !== mark) return false;
    if (known.isAliased && alias !== undefined) return this.#isAfterBreak(known, now);
    const isOther = way === 'carbon' || !known.came(way);
    if (isOther && Math.abs(now - known.at) <= moment) return true;
    if (known.stream === this.#stream) return false;
    return stamp === undefined ? this.#isNew(now) : Math.abs(stamp - known.at) <= moment;
  }

  /**
   * The server fell, perhaps, and its other clients send again what it had archived already: as soon as they are there again, which may
   * be minutes later. Whoever has used an id twice is not believed for so long.
   */
  #isAfterBreak({ first, at, isReused }: Known, now: number): boolean {
    return first !== this.#stream && Math.abs(now - at) <= recent && (!isReused || this.#isNew(now));
  }

  /** The stream is; not for an hour because the clock was set back so far. */
  #isNew(now: number): boolean {
    return Math.abs(now - this.#since) <= moment;
  }

  add({ names, mark, alias, way, stamp }: Sight, place: number | undefined, at: number): void {
    // what was missed belongs to the time before this stream, and may come again on it
    const isMissed = stamp !== undefined && stamp < this.#since;
    const stream = this.#stream - (isMissed ? 1 : 0);
    if (names.length === 0) return;
    if (this.#page.size >= most) this.#turn();
    const isReused = names.some((name) => this.get(name)?.mark === mark);
    this.#page.add(names, { place, at, mark, alias, way, stream, isReused });
  }

  /** What was known before the page that is full is forgotten. */
  #turn(): void {
    [this.#page, this.#before] = [this.#before, this.#page];
    this.#page.clear();
  }

  /** Whatever has that name. */
  get(name: Name): Known | undefined {
    return this.#page.get(name) ?? this.#before.get(name);
  }
}
