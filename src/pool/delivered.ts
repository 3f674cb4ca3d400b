/**
 * The last archived messages that a unit gave to clients. Should it die now they may be in nobody's archive, and their server, which
 * sends them once more, knows nothing of their places: the next unit is told.
 */
import type { BareJid } from '../wire/jid.ts';
import type { Stanza } from '../wire/stanza.ts';

/** So long after its place was given a message is durable, or nothing is any more: milliseconds. */
const moment = 10_000;
const most = 200;

export interface Given {
  account: BareJid;
  place: number;
  text: string;
}

export class Delivered {
  readonly #latest = new Map<number, { account: BareJid; stanza: Stanza }>();

  /** What somebody sent to the account; not what was replayed, nor what rooms or the account itself say. */
  add(account: BareJid, stanza: Stanza, place: number): void {
    if (stanza.type === 'groupchat' || stanza.from === account || !isFresh(place)) return;
    this.#latest.set(place, { account, stanza });
    if (this.#latest.size > most) this.#latest.delete(this.#latest.keys().next().value!);
  }

  /** Messages are deleted. */
  clear(): void {
    this.#latest.clear();
  }

  /** From time to time. */
  prune(): void {
    for (const place of this.#latest.keys()) if (!isFresh(place)) this.#latest.delete(place);
  }

  all(): Given[] {
    this.prune();
    return [...this.#latest].map(([place, { account, stanza }]) => ({ account, place, text: stanza.toString() }));
  }
}

const isFresh = (place: number): boolean => place / 1000 >= Date.now() - moment;
