/** The ways that stand now, and answers that wait for theirs. */
import type { Stanza } from '../wire/stanza.ts';
import type { Way } from './types.ts';

/** Answers owed by one way; whoever asked has long given up when there are more. */
const most = 10_000;

export class Ways {
  readonly #open = new Set<Way>();
  readonly #owed = new Map<Way, Stanza[]>();
  readonly #lost: (stanza: Stanza) => void;

  /** `lost`: it was owed, and will not be paid. */
  constructor(lost: (stanza: Stanza) => void) {
    this.#lost = lost;
  }

  isOpen(way: Way): boolean {
    return this.#open.has(way);
  }

  opened(way: Way): void {
    this.#open.add(way);
    const owed = this.#owed.get(way) ?? [];
    this.#owed.delete(way);
    for (const stanza of owed) this.answer(way, stanza);
  }

  closed(way: Way): void {
    this.#open.delete(way);
  }

  send(way: Way, stanza: Stanza): boolean {
    return this.#open.has(way) && way.send(stanza);
  }

  /** Sent now, or when the way stands again: who asked hears of it. */
  answer(way: Way, stanza: Stanza): void {
    if (this.send(way, stanza)) return;
    const owed = this.#owed.get(way) ?? [];
    this.#owed.set(way, owed);
    owed.push(stanza);
    if (owed.length > most) this.#lost(owed.shift()!);
  }

  /** Nothing is sent from now on. */
  stop(): void {
    this.#open.clear();
    this.#owed.clear();
  }
}
