/**
 * The ends of each account's archive that are not in the indexes yet. A few hundred messages enter them together, which costs a
 * tenth of entering them one by one, when there is time; until then their names are here.
 */
import { enter, index, merge, zoneOf } from './indexing.ts';
import type { Opened } from './opened.ts';
import { placeMask } from './schema.ts';
import { tokensOf } from './tokens.ts';

/** So many messages of an account are worth entering the indexes. */
const enough = 256;
/** As many are the most that wait for a quiet moment; then so many enter in the midst of all, which holds that up for some milliseconds. */
const most = 4096;
const bite = 1024;

/** A message that is not in the indexes. */
export interface Loose {
  at: number;
  /** The peer's number. */
  peer: number;
  isGroup: boolean;
  tokens: string[];
}

/** What is known of an account's archive. */
interface Ends {
  /** The places that its zones lie between; none where `low` is above `high`. */
  low: number;
  high: number;
  loose: Map<number, Loose>;
}

export class Tail {
  readonly #opened: Opened;
  readonly #accounts = new Map<number, Ends>();

  constructor(opened: Opened) {
    this.#opened = opened;
  }

  /** What was learned in a transaction that was taken back may not be so. */
  clear(): void {
    this.#accounts.clear();
  }

  /** A message was written there; what stood there before was taken out of the indexes. */
  add(account: number, place: number, message: Loose): void {
    const ends = this.#ends(account);
    if (place >= ends.low && place <= ends.high) return index(this.#opened, account, place, message);
    ends.loose.set(place, message);
    if (ends.loose.size >= most) this.#enter(account, ends, bite);
  }

  /** Some hundred messages are entered, if there are as many. True: there are more. */
  tidy(): boolean {
    for (const [account, ends] of this.#accounts) {
      if (ends.loose.size < enough) continue;
      this.#enter(account, ends, enough);
      return this.isLong;
    }
    return false;
  }

  /** There are enough to enter. */
  get isLong(): boolean {
    for (const { loose } of this.#accounts.values()) if (loose.size >= enough) return true;
    return false;
  }

  /** Undefined for one that is in the indexes. */
  get(account: number, place: number): Loose | undefined {
    return this.#ends(account).loose.get(place);
  }

  delete(account: number, place: number): boolean {
    return this.#ends(account).loose.delete(place);
  }

  /** Its names are others. */
  rename(account: number, place: number, tokens: string[]): void {
    const ends = this.#ends(account);
    const message = ends.loose.get(place);
    if (message !== undefined) ends.loose.set(place, { ...message, tokens });
  }

  /** Places of messages that may have that name: looked for when it is asked, which is seldom beside what comes. */
  named(account: number, token: string): number[] {
    const places: number[] = [];
    for (const [place, { tokens }] of this.#ends(account).loose) if (tokens.includes(token)) places.push(place);
    return places;
  }

  /** All that are not in the indexes, by place. */
  loose(account: number): ReadonlyMap<number, Loose> {
    return this.#ends(account).loose;
  }

  /** All of the account's messages are in the indexes then. */
  enter(account: number): void {
    const ends = this.#ends(account);
    while (ends.loose.size > 0) this.#enter(account, ends, Number.POSITIVE_INFINITY);
  }

  /** Those next to what is in the indexes: above it, or else below. */
  #enter(account: number, ends: Ends, count: number): void {
    const { loose, low, high } = ends;
    const places = [...loose.keys()].sort((one, other) => one - other);
    const above = places.findIndex((place) => place > high);
    const chosen = above === -1 ? places.slice(-count) : places.slice(above, above + count);
    for (let from = 0; from < chosen.length; from += enough) {
      const zone = chosen.slice(from, from + enough).map((place) => [place, loose.get(place)!] as const);
      enter(this.#opened, account, zone);
    }
    merge(this.#opened, chosen.length / enough);
    ends.low = Math.min(low, chosen[0]!);
    ends.high = Math.max(high, chosen.at(-1)!);
    for (const place of chosen) loose.delete(place);
  }

  #ends(account: number): Ends {
    const known = this.#accounts.get(account);
    if (known !== undefined) return known;
    const ends: Ends = { ...zoneOf(this.#opened, account), loose: new Map() };
    this.#accounts.set(account, ends);
    const { low, high } = ends;
    if (low > high) this.#load(account, ends, 0, placeMask);
    else {
      this.#load(account, ends, 0, low - 1);
      this.#load(account, ends, high + 1, placeMask);
    }
    return ends;
  }

  #load(account: number, ends: Ends, from: number, to: number): void {
    const sql = `SELECT m.id & ${placeMask}, at, peer, is_group, peer.jid, name, origin, alias
      FROM message m JOIN peer ON peer.id = m.peer WHERE m.id BETWEEN (? << 52) | ? AND (? << 52) | ?`;
    for (const row of this.#opened.statement(sql).raw().all(account, from, account, to)) {
      const [place, at, number, isGroup, peer, name, origin, alias] = row as [
        number,
        number,
        number,
        number,
        string,
        string | null,
        string | null,
        string | null,
      ];
      const tokens = tokensOf({ peer, name, origin, alias });
      ends.loose.set(place, { at, peer: number, isGroup: isGroup === 1, tokens });
    }
  }
}
