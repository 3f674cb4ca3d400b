/**
 * What a unit was told by clients and would be lost with its worker: kept at the edge until the unit says that it is safe.
 * A request is kept until it is answered, what only changes a session's facts until the unit has taken it.
 */
import { isRequest, isResponse, type Stanza } from '../wire/stanza.ts';

export interface Entry {
  /** When it came, in microseconds, or as near as each is higher than the last. */
  readonly number: number;
  readonly sid: number;
  /** Undefined for the end of a session. */
  readonly stanza: Stanza | undefined;
  /** Where it is among its session's; of an end: behind all. */
  readonly position: number;
  readonly weight: number;
  /** How often it was told to a unit. */
  tries: number;
  /** How often a unit has begun it, after one had died before it had done it. */
  begun: number;
  /** A unit has done it; it may be lost all the same. */
  isTaken: boolean;
}

export class Held {
  /** In the order of their numbers. */
  readonly #entries = new Map<number, Entry>();
  /** Those the present unit has not taken. */
  #untaken: Entry[] = [];
  /** Where these begin. */
  #first = 0;
  #last = 0;
  #weight = 0;
  /** Open requests by session and id; one that uses an id twice at once has two of it. */
  readonly #requests = new Map<number, Map<string, Entry[]>>();

  /** Roughly the bytes that the unit has not taken. */
  get weight(): number {
    return this.#weight;
  }

  add(sid: number, stanza: Stanza | undefined, position = Number.MAX_SAFE_INTEGER): Entry {
    const weight = stanza === undefined ? 0 : weightOf(stanza);
    const number = Math.max(this.#last + 1, Date.now() * 1000);
    this.#last = number;
    const entry = { number, sid, stanza, position, weight, tries: 0, begun: 0, isTaken: false };
    this.#entries.set(entry.number, entry);
    this.#untaken.push(entry);
    this.#weight += weight;
    if (stanza?.id !== undefined && isRequest(stanza)) this.#open(sid, stanza.id, entry);
    return entry;
  }

  #open(sid: number, id: string, entry: Entry): void {
    const open = this.#requests.get(sid) ?? new Map<string, Entry[]>();
    this.#requests.set(sid, open);
    open.set(id, [...(open.get(id) ?? []), entry]);
  }

  /** The unit has done all up to that number. */
  taken(upTo: number): void {
    const list = this.#untaken;
    let first = this.#first;
    for (; first < list.length && list[first]!.number <= upTo; first++) {
      const entry = list[first]!;
      this.#weight -= entry.weight;
      entry.isTaken = true;
      if (endsTaken(entry)) this.#entries.delete(entry.number);
    }
    this.#first = first;
    if (first === list.length || first > 1000) {
      this.#untaken = list.slice(first);
      this.#first = 0;
    }
  }

  begun(number: number): void {
    const entry = this.#entries.get(number);
    if (entry !== undefined) entry.begun++;
  }

  /** These would not be lost with the unit. A request is open all the same. */
  safe(numbers: readonly number[]): void {
    for (const number of numbers) {
      const stanza = this.#entries.get(number)?.stanza;
      if (stanza === undefined || !isRequest(stanza)) this.#entries.delete(number);
    }
  }

  /** A response was delivered to that session. */
  answered(sid: number, id: string | undefined): void {
    const entry = id === undefined ? undefined : this.#requests.get(sid)?.get(id)?.[0];
    if (entry !== undefined) this.#close(entry, id!);
  }

  #close(entry: Entry, id: string): void {
    this.#entries.delete(entry.number);
    const open = this.#requests.get(entry.sid);
    const left = open?.get(id)?.filter((other) => other !== entry) ?? [];
    if (left.length > 0) return void open?.set(id, left);
    open?.delete(id);
    if (open?.size === 0) this.#requests.delete(entry.sid);
  }

  /** Nobody waits for that session's answers any more. */
  forgetRequests(sid: number): void {
    for (const entries of this.#requests.get(sid)?.values() ?? [])
      for (const { number } of entries) this.#entries.delete(number);
    this.#requests.delete(sid);
  }

  has(sid: number): boolean {
    for (const entry of this.#entries.values()) if (entry.sid === sid) return true;
    return false;
  }

  /** The unit is gone: `keep` says what is for the next one; the rest is forgotten. In order. */
  restart(keep: (entry: Entry) => boolean): void {
    for (const entry of this.#entries.values()) {
      if (keep(entry)) continue;
      this.#entries.delete(entry.number);
      if (entry.stanza?.id !== undefined && isRequest(entry.stanza)) this.#close(entry, entry.stanza.id);
    }
    this.#untaken = [...this.#entries.values()];
    this.#first = 0;
    this.#weight = this.#untaken.reduce((sum, { weight }) => sum + weight, 0);
  }

  all(): IterableIterator<Entry> {
    return this.#entries.values();
  }
}

/** Roughly its length, and what it costs to keep. */
const weightOf = (stanza: Stanza): number => stanza.rest.length + 64;

/** Available presence, wherever it goes, is a fact of the session from then on; an answer is for the unit that asked alone. */
const endsTaken = ({ stanza }: Entry): boolean =>
  stanza !== undefined &&
  (isResponse(stanza) || (stanza.name === 'presence' && (stanza.to === undefined || stanza.type === undefined)));
