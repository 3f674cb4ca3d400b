/** The ways that stand now, and answers that wait for theirs. */
import type { Stanza } from '../wire/stanza.ts';
import type { Way } from './types.ts';

/** Answers owed by one way; whoever asked has long given up when there are more. */
const most = 10_000;

interface Told {
  /** It was owed, and will not be paid. */
  lost(stanza: Stanza): void;
  failed(reason: unknown): void;
}

/** A way that is made anew under the same name is the same one: what the former owed it pays. */
export class Ways {
  readonly #open = new Map<string, Way>();
  readonly #owed = new Map<string, Stanza[]>();
  readonly #told: Told;

  constructor(told: Told) {
    this.#told = told;
  }

  isOpen({ name }: Way): boolean {
    return this.#open.has(name);
  }

  opened(way: Way): void {
    this.#open.set(way.name, way);
    const owed = this.#owed.get(way.name) ?? [];
    this.#owed.delete(way.name);
    for (const stanza of owed) this.answer(way, stanza);
  }

  closed(way: Way): void {
    if (this.#open.get(way.name) === way) this.#open.delete(way.name);
  }

  send({ name }: Way, stanza: Stanza): boolean {
    try {
      return this.#open.get(name)?.send(stanza) ?? false;
    } catch (reason) {
      this.#told.failed(reason); // a fault of ours: others have nothing to do with it, nor has the timer we may be in
      return false;
    }
  }

  /** Sent now, or when the way stands again: who asked hears of it. */
  answer(way: Way, stanza: Stanza): void {
    if (this.send(way, stanza)) return;
    const owed = this.#owed.get(way.name) ?? [];
    this.#owed.set(way.name, owed);
    owed.push(stanza);
    if (owed.length > most) this.#told.lost(owed.shift()!);
  }

  /** Nothing is sent from now on. */
  stop(): void {
    this.#open.clear();
    this.#owed.clear();
  }
}
