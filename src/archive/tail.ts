/**
 * The ends of each account's archive that are not in the indexes yet. A few hundred messages enter them together, which costs a
 * tenth of entering them one by one; until then their names are here.
 */
import { enter, index, zoneOf } from './indexing.ts';
import type { Opened } from './opened.ts';
import { placeMask } from './schema.ts';
import { tokensOf } from './tokens.ts';

/** So many messages enter the indexes together. */
const most = 256;

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
  /** Places by token; some may be outdated. */
  names: Map<string, number[]>;
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
    keep(ends, place, message);
    if (ends.loose.size >= most) this.enter(account);
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
    if (message !== undefined) keep(ends, place, { ...message, tokens });
  }

  /** Places of messages that may have that name. */
  named(account: number, token: string): readonly number[] {
    return this.#ends(account).names.get(token) ?? [];
  }

  /** All that are not in the indexes, by place. */
  loose(account: number): ReadonlyMap<number, Loose> {
    return this.#ends(account).loose;
  }

  /** All of the account's messages are in the indexes then. */
  enter(account: number): void {
    const ends = this.#ends(account);
    const { loose } = ends;
    if (loose.size === 0) return;
    const places = [...loose.keys()].sort((one, other) => one - other);
    const above = places.findIndex((place) => place > ends.high);
    const cut = above === -1 ? places.length : above;
    for (const half of [places.slice(0, cut), places.slice(cut)])
      for (let from = 0; from < half.length; from += most) {
        const zone = half.slice(from, from + most).map((place) => [place, loose.get(place)!] as const);
        enter(this.#opened, account, zone);
      }
    ends.low = Math.min(ends.low, places[0]!);
    ends.high = Math.max(ends.high, places.at(-1)!);
    ends.loose = new Map();
    ends.names = new Map();
  }

  #ends(account: number): Ends {
    const known = this.#accounts.get(account);
    if (known !== undefined) return known;
    const ends: Ends = { ...zoneOf(this.#opened, account), loose: new Map(), names: new Map() };
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
      keep(ends, place, { at, peer: number, isGroup: isGroup === 1, tokens: tokensOf({ peer, name, origin, alias }) });
    }
  }
}

function keep({ loose, names }: Ends, place: number, message: Loose): void {
  loose.set(place, message);
  for (const token of message.tokens) {
    const places = names.get(token);
    if (places === undefined) names.set(token, [place]);
    else places.push(place);
  }
}
