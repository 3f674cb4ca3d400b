/** Who is in a room, as last seen (XEP-0045 §7.2.2), and what changed while we were out. */
import type { Stanza } from '../wire/stanza.ts';
import { compact, essence } from './muc.ts';

export class Occupants {
  /** Nick → last presence; the empty nick is the room's own (its avatar). */
  #present = new Map<string, Stanza>();
  /** As seen before we entered again, less what has come since. */
  #before: Map<string, Stanza> | undefined;

  get(nick: string): Stanza | undefined {
    return this.#present.get(nick);
  }
  get count(): number {
    return this.#present.size - Number(this.#present.has(''));
  }
  *all(): IterableIterator<[nick: string, presence: Stanza]> {
    yield* this.#present;
  }

  /** Available presence. False if it says nothing new to who was told all before. */
  set(nick: string, presence: Stanza): boolean {
    const before = this.#before?.get(nick);
    this.#before?.delete(nick);
    this.#present.set(nick, compact(presence));
    return before === undefined || essence(before) !== essence(presence);
  }

  delete(nick: string): void {
    this.#present.delete(nick);
    this.#before?.delete(nick);
  }

  /** We enter (again): the room will name everybody who is in. */
  begin(): void {
    this.#before = new Map([...(this.#before ?? []), ...this.#present]);
    this.#present = new Map();
  }

  /** The room has named everybody; gives those that left meanwhile. */
  finish(): Map<string, Stanza> {
    const left = this.#before ?? new Map<string, Stanza>();
    this.#before = undefined;
    left.delete('');
    return left;
  }
}
