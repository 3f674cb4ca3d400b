/**
 * The latest messages by their names: one that comes by two ways (a carbon and as itself), or is sent once more because an
 * acknowledgement was lost, is one message. Ids are chosen by senders, who may use one twice: unless the account's server names
 * both, a message is a repetition only where one is to be expected.
 */
import { Lately } from '../wire/bounded.ts';
import { detached } from '../wire/xml.ts';

export type Way = 'direct' | 'carbon';

/** A message as it comes. */
export interface Sight {
  /** Names it goes by; most telling first. */
  names: readonly string[];
  /** Of its content. */
  mark: number;
  alias: string | undefined;
  way: Way;
  /** When it was taken first, where that is said; milliseconds. */
  stamp: number | undefined;
}

/** A message that came. */
export interface Known {
  /** In the archive; undefined where it was not archived. */
  readonly place: number | undefined;
  readonly mark: number;
  /** What the account's server calls it: more than one, where it was sent more than once. */
  aliases: readonly string[];
  readonly at: number;
  ways: readonly Way[];
  /** The stream on which it was seen first, and last. */
  readonly first: number;
  stream: number;
}

/** So far apart one message comes by two ways, or servers' clocks go: milliseconds. */
const moment = 60_000;
const most = 3000;
/** So long other servers and apps try again what they could not deliver: milliseconds. */
export const recent = 10 * 60_000;
const none: readonly string[] = [];
const only: Readonly<Record<Way, readonly Way[]>> = { direct: ['direct'], carbon: ['carbon'] };

export class Recent {
  readonly #known = new Lately<string, Known>(most);
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
      const known = this.#known.get(name);
      if (known === undefined) continue;
      if (sight.alias !== undefined && known.aliases.includes(sight.alias)) return known;
      if (!this.#isSame(known, sight, now)) continue;
      if (sight.alias !== undefined) this.#name(known, sight.alias);
      known.ways = known.ways.includes(sight.way) ? known.ways : [...known.ways, sight.way];
      known.stream = this.#stream;
      return known;
    }
    return undefined;
  }

  #isSame(known: Known, { mark, alias, way, stamp }: Sight, now: number): boolean {
    if (known.mark !== mark) return false;
    if (known.aliases.length > 0 && alias !== undefined) return this.#isAfterBreak(known, now);
    const isOther = way === 'carbon' || !known.ways.includes(way);
    if (isOther && Math.abs(now - known.at) <= moment) return true;
    if (known.stream === this.#stream) return false;
    return stamp === undefined ? this.#isNew(now) : Math.abs(stamp - known.at) <= moment;
  }

  /** It goes by one more name. */
  #name(known: Known, alias: string): void {
    known.aliases = [...known.aliases, detached(alias)];
    this.#known.set(`alias ${alias}`, known);
  }

  /** The server fell, perhaps, and its other clients send again what it had archived already. */
  #isAfterBreak({ first, at }: Known, now: number): boolean {
    return first !== this.#stream && this.#isNew(now) && now - at <= recent;
  }

  /** The stream is; not for an hour because the clock was set back so far. */
  #isNew(now: number): boolean {
    return Math.abs(now - this.#since) <= moment;
  }

  add({ names, mark, alias, way, stamp }: Sight, place: number | undefined, at: number): void {
    // what was missed belongs to the time before this stream, and may come again on it
    const isMissed = stamp !== undefined && stamp < this.#since;
    const stream = this.#stream - (isMissed ? 1 : 0);
    const known: Known = {
      place,
      mark,
      aliases: alias === undefined ? none : [alias],
      at,
      ways: only[way],
      first: stream,
      stream,
    };
    for (const name of names) this.#known.set(name, known);
  }

  /** Whatever has that name. */
  get(name: string): Known | undefined {
    return this.#known.get(name);
  }
}
