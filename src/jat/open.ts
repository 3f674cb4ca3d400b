/**
 * Requests on their way, of all addresses and both directions. An answer counts only from whom was asked, to whom asked,
 * with the id that was sent; each request leaves the table once, so it has one answer.
 */
import type { Jid } from '../wire/jid.ts';
import type { Stanza } from '../wire/stanza.ts';
import { BoundedMap } from './bounded.ts';
import type { Clock, Timer, Way } from './types.ts';

/** One request. */
export interface Open {
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
  /** While it is asked: where, as whom, under which id. */
  key: string | undefined;
}

const keyOf = (to: string, from: string, id: string): string => `${to}\n${id}\n${from}`;

/** Requests without answer that are remembered, to know a late answer from a forged one. */
const most = 5000;

export class OpenTable {
  readonly #clock: Clock;
  readonly #asked = new Map<string, Open>();
  /** By deadline. */
  readonly #all = new Set<Open>();
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
    return this.#all.size;
  }

  has(open: Open): boolean {
    return this.#all.has(open);
  }

  all(): Open[] {
    return [...this.#all];
  }

  /** Its time runs. */
  add(open: Open): void {
    this.#all.add(open);
    if (open.deadline < this.#due) this.#arm(open.deadline);
  }

  /** It is asked now; the id to send is given back: its own, unless another open one between these two has that. */
  ask(open: Open, to: string, from: string): string {
    let id = open.request.id ?? this.newId();
    let key = keyOf(to, from, id);
    while (this.#asked.has(key)) {
      id = this.newId();
      key = keyOf(to, from, id);
    }
    this.#asked.set(key, open);
    open.key = key;
    return id;
  }

  newId(): string {
    return `jat-${this.#run}-${(this.#next++).toString(36)}`;
  }

  /** An answer as it came: who it answers, off the table. */
  take(from: string, to: string, id: string): Open | undefined {
    const key = keyOf(from, to, id);
    const open = this.#asked.get(key);
    if (open !== undefined) this.remove(open);
    return open;
  }

  /** Was such a request here, but has had an answer already? */
  wasGiven(from: string, to: string, id: string): boolean {
    return this.#given.has(keyOf(from, to, id));
  }

  /** It is not asked any more, but open. */
  recall(open: Open): void {
    if (open.key === undefined) return;
    this.#asked.delete(open.key);
    this.#given.set(open.key, true);
    open.key = undefined;
  }

  /** False: it was off already. */
  remove(open: Open): boolean {
    if (open.key !== undefined) this.#asked.delete(open.key);
    open.key = undefined;
    return this.#all.delete(open);
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
    for (const open of this.#all)
      if (open.deadline <= now) over.push(open);
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
