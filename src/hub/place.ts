/**
 * Places in an account's archive: microseconds since the epoch, or as near as makes each higher than all before it, also when the
 * clock was set back. As text a place is the message's stanza-id (XEP-0359).
 */
import type { BareJid } from '../wire/jid.ts';
import { NS } from '../wire/ns.ts';
import type { Element } from '../wire/xml.ts';

const digits = '0123456789abcdefghijklmnopqrstuvwxyz';
const pairs = [...digits].flatMap((first) => [...digits].map((second) => first + second));

/** XEP-0313 §3.5: what clients know the message by. Four times as fast as toString(36), and each message needs it. */
export function stanzaIdOf(place: number): string {
  let text = '';
  let left = place;
  while (left >= pairs.length) {
    const rest = Math.floor(left / pairs.length);
    text = pairs[left - rest * pairs.length] + text;
    left = rest;
  }
  return `x${left < digits.length ? digits[left] : pairs[left]}${text}`;
}

/** The place that a stanza-id of ours names; undefined where it is no such id. */
export function placeOf(id: string): number | undefined {
  if (!/^x[1-9a-z][0-9a-z]{0,10}$/.test(id)) return undefined;
  const place = Number.parseInt(id.slice(1), 36);
  return Number.isSafeInteger(place) ? place : undefined;
}

/** The place that a message says it has in that archive. */
export function ownPlaceIn(message: Element, account: BareJid): number | undefined {
  const own = message.getChildren('stanza-id', NS.sid).find(({ attrs }) => attrs.by === account);
  return own && placeOf(String(own.attrs.id));
}

/** How far places may go without being kept: microseconds. */
const stride = 60_000_000;

/** Between them are all places that were ever given. */
export interface Reach {
  first: number;
  last: number;
}

/** Gives places. No place is ever given twice, whatever was deleted meanwhile (XEP-0313 §6.2). */
export class Places {
  readonly #now: () => number;
  readonly #keep: (reach: Reach) => void;
  #reach: Reach | undefined;
  #kept = 0;

  /** `keep`: how far they reach; told now and then, so that a clock set back while we are away misleads nobody. */
  constructor(now: () => number, keep: (reach: Reach) => void) {
    this.#now = now;
    this.#keep = keep;
  }

  /** Once, before any is given: what is taken in the archive, and what was kept. */
  load(...reaches: readonly (Reach | undefined)[]): void {
    for (const reach of reaches) {
      if (reach === undefined) continue;
      const { first, last } = this.#reach ?? reach;
      this.#reach = { first: Math.min(first, reach.first), last: Math.max(last, reach.last) };
    }
    this.#kept = this.last;
  }

  /** The highest that was given; 0 where there is none. */
  get last(): number {
    return this.#reach?.last ?? 0;
  }

  /** For what comes now; or came then (milliseconds), and is taken in before anything newer. */
  next(at = this.#now()): number {
    const place = Math.max(this.last + 1, Math.round(at * 1000));
    if (this.#reach === undefined) this.#reach = { first: place, last: place };
    else this.#reach.last = place;
    if (place - this.#kept >= stride) this.settle();
    return place;
  }

  /** Below all that are taken: for what is older than the archive, the newest of it first. */
  older(): number {
    const { first, last } = this.#reach ?? { first: Math.round(this.#now() * 1000), last: 0 };
    this.#reach = { first: first - 1, last: Math.max(last, first - 1) };
    return first - 1;
  }

  /** What was given is kept. */
  settle(): void {
    if (this.#reach === undefined) return;
    this.#kept = this.last;
    this.#keep(this.#reach);
  }
}
