/**
 * Requests on their way, of all addresses and both directions. An answer counts only from whom was asked, to whom asked,
 * with the id that was sent; each request leaves the table once, so it has one answer.
 */
import { BoundedMap } from '../wire/bounded.ts';
import type { Clock, Timer } from '../wire/clock.ts';
import { detached, type Jid } from '../wire/jid.ts';
import type { Stanza } from '../wire/stanza.ts';
import { brief } from './bounded.ts';
import { Chains, type Linked } from './chains.ts';
import type { Way } from './types.ts';

/** One request. */
export interface Open extends Linked<Open> {
  /** Whose it is. */
  readonly owner: object;
  /** As it came. */
  readonly request: Stanza;
  /** Who asked, prepared. */
  readonly asker: Jid;
  /** Where the answer goes. */
  readonly way: Way;
  readonly since: number;
  readonly deadline: number;
  /** Called when the answer has come; the request is off the table. */
  answered(response: Stanza): void;
  /** Called when it has not come in time. */
  expired(): void;
  /** While it is on the table: its place there. */
  slot?: number | undefined;
}

/** In XML there is no U+0000, so no two have one key. */
const keyBetween = (to: string, from: string, name: string): string => `${to}\0${name}\0${from}`;

/** Requests without answer that are remembered, to know a late answer from a forged one. */
const most = 5000;

/** Requests stand in slots that are emptied, for the same reason that they are in chains. */
export class OpenTable {
  readonly #clock: Clock;
  readonly #asked = new Chains<Open>();
  readonly #slots: (Open | undefined)[] = [];
  readonly #free: number[] = [];
  readonly #given = new BoundedMap<string, true>(most);
  readonly #run: string;
  #next = 0;
  #timer: Timer | undefined;
  /** What the timer was set for. */
  #due = Number.POSITIVE_INFINITY;

  /** `run`: two runs of the program give no equal ids. */
  constructor(clock: Clock, run: string) {
    this.#clock = clock;
    this.#run = run;
  }

  get size(): number {
    return this.#slots.length - this.#free.length;
  }

  has(open: Open): boolean {
    return open.slot !== undefined;
  }

  all(): Open[] {
    return this.#slots.filter((open) => open !== undefined);
  }

  /** Its time runs. */
  add(open: Open): void {
    const slot = this.#free.pop() ?? this.#slots.length;
    this.#slots[slot] = open;
    open.slot = slot;
    if (open.deadline < this.#due) this.#arm(open.deadline);
  }

  /** One on the table is asked now; the id to send is given back: its own, unless another open one between these two has that. */
  ask(open: Open, to: string, from: string): string {
    let id = open.request.id ?? this.newId();
    while (this.#asked.find(to, from, brief(id)) !== undefined) id = this.newId();
    this.#asked.add(open, to, from, brief(id));
    return id;
  }

  newId(): string {
    return `jat-${this.#run}-${(this.#next++).toString(36)}`;
  }

  /** An answer as it came: who it answers, off the table. */
  take(from: string, to: string, id: string): Open | undefined {
    const open = this.#asked.find(from, to, brief(id));
    if (open !== undefined) this.remove(open);
    return open;
  }

  /** Was such a request here, but has had an answer already? */
  wasGiven(from: string, to: string, id: string): boolean {
    return this.#given.has(keyBetween(from, to, brief(id)));
  }

  /** It is not asked any more, but open. */
  recall(open: Open): void {
    const { from, name, to } = open;
    if (name === undefined) return;
    this.#asked.remove(open);
    this.#given.set(detached(keyBetween(to!, from!, name)), true);
  }

  /** False: it was off already. */
  remove(open: Open): boolean {
    this.#asked.remove(open);
    const { slot } = open;
    if (slot === undefined) return false;
    open.slot = undefined;
    this.#slots[slot] = undefined;
    this.#free.push(slot);
    return true;
  }

  #arm(due: number): void {
    this.#timer?.cancel();
    this.#due = due;
    this.#timer = this.#clock.after(Math.max(0, due - this.#clock.now()), () => this.#sweep());
  }

  /** Addresses differ in their time-outs, so all are looked at; at most ten times a second. */
  #sweep(): void {
    const now = this.#clock.now();
    let next = Number.POSITIVE_INFINITY;
    const over: Open[] = [];
    for (const open of this.#slots)
      if (open === undefined) continue;
      else if (open.deadline <= now) over.push(open);
      else if (open.deadline < next) next = open.deadline;
    this.#due = Number.POSITIVE_INFINITY;
    this.#timer = undefined;
    if (next !== Number.POSITIVE_INFINITY) this.#arm(Math.max(next, now + 100));
    for (const open of over) {
      this.recall(open);
      if (this.remove(open)) open.expired();
    }
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#due = Number.POSITIVE_INFINITY;
  }
}
