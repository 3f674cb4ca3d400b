/** How far each client has got in the archive: what it acknowledged last, in this session or an earlier one. */
import { type FullJid, resourceOf } from '../wire/jid.ts';
import type { Kept } from './context.ts';

/** As kept (JSON). */
export interface Cursor {
  place: number;
  /** When it moved last; milliseconds. */
  at: number;
}

/** Apps that take another resource each time are forgotten. */
const most = 200;
/** Who did not come for so long does not count any more: milliseconds. */
export const longest = 90 * 24 * 3600_000;

/** Where what nobody has seen begins for who was never here, if nobody was. */
const beginning = 'unseen';

export class Cursors {
  readonly #kept: Kept;
  readonly #now: () => number;
  /** By resource; the one that moved last is the last. */
  readonly #cursors = new Map<string, Cursor>();
  /** All up to there has been acknowledged by somebody. */
  #highest = 0;

  constructor(kept: Kept, now: () => number) {
    this.#kept = kept;
    this.#now = now;
  }

  /** Once; `last`: the highest place but for what waits to be seen, should this account be new here. */
  async load(last: number): Promise<void> {
    const [entries, meta] = await Promise.all([this.#kept.read('cursor'), this.#kept.read('meta')]);
    const found = meta.find(({ key }) => key === beginning)?.value;
    this.#highest = found === undefined ? last : Number(found);
    if (found === undefined) this.#keepHighest();
    const cursors = entries.map(({ key, value }) => ({ key, cursor: JSON.parse(value) as Cursor }));
    for (const { key, cursor } of cursors.sort((a, b) => a.cursor.at - b.cursor.at)) this.#cursors.set(key, cursor);
    for (const { place } of this.#cursors.values()) this.#highest = Math.max(this.#highest, place);
    this.expire();
  }

  /** All clients have, or need not get, all up to there; 0 while there are none. */
  get lowest(): number {
    const places = [...this.#cursors.values()].map(({ place }) => place);
    return places.length === 0 ? 0 : Math.min(...places);
  }

  get highest(): number {
    return this.#highest;
  }

  /** Undefined for a client that was never here, or too long ago. */
  of(client: FullJid): number | undefined {
    return this.#cursors.get(resourceOf(client))?.place;
  }

  /** That client has, or need not get, all up to there. */
  move(client: FullJid, place: number): void {
    const key = resourceOf(client);
    const before = this.#cursors.get(key);
    this.#cursors.delete(key);
    const cursor = { place: Math.max(place, before?.place ?? 0), at: this.#now() };
    this.#cursors.set(key, cursor);
    this.#kept.note('cursor', key, () => JSON.stringify(this.#cursors.get(key) ?? cursor));
    if (before === undefined) this.expire();
  }

  /** As `move`, by its own word: what it has need not be given to others who were never here. */
  acknowledged(client: FullJid, place: number): void {
    this.#highest = Math.max(this.#highest, place);
    this.move(client, place);
  }

  /** Those of clients that were not here for long, or are too many. */
  expire(): void {
    const now = this.#now();
    let over = this.#cursors.size - most;
    for (const [key, { at }] of this.#cursors) {
      if (over-- <= 0 && now - at <= longest) continue;
      this.#cursors.delete(key);
      this.#kept.remove('cursor', key);
      this.#keepHighest();
    }
  }

  #keepHighest(): void {
    this.#kept.put('meta', beginning, String(this.#highest));
  }
}
