/**
 * What a unit was told by clients and would be lost with its worker: kept at the edge until the unit says that it is durable.
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
  /** How often it was told to a unit. */
  tries: number;
  /** How often a unit has begun it, after one had died before it had done it. */
  begun: number;
  /** A unit has done it; it may be lost all the same. */
  isTaken: boolean;
  /** Its sender was told that it went nowhere. */
  isRefused: boolean;
}

/** The end of a session is behind all it said. */
export const end = Number.MAX_SAFE_INTEGER;

export class Held {
  /** In the order of their numbers. */
  readonly #entries = new Map<number, Entry>();
  /** Those the present unit has not taken. */
  #untaken: Entry[] = [];
  /** Where these begin. */
  #first = 0;
  #last = 0;
  /** By session: what is not durable, in order. */
  readonly #undone = new Map<number, Entry[]>();
  /** Open requests by session and id; one that uses an id twice at once has two of it. */
  readonly #requests = new Map<number, Map<string, Entry[]>>();

  add(sid: number, stanza: Stanza | undefined, position = end): Entry {
    const number = Math.max(this.#last + 1, Date.now() * 1000);
    this.#last = number;
    const entry = { number, sid, stanza, position, tries: 0, begun: 0, isTaken: false, isRefused: false };
    this.#entries.set(entry.number, entry);
    this.#untaken.push(entry);
    const undone = this.#undone.get(sid);
    if (undone === undefined) this.#undone.set(sid, [entry]);
    else undone.push(entry);
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

  /** Of that session all up to there is durable. A request is open all the same. */
  stored(sid: number, upTo: number): void {
    const undone = this.#undone.get(sid);
    if (undone === undefined) return;
    let count = 0;
    for (; count < undone.length && undone[count]!.position <= upTo; count++) {
      const { number, stanza } = undone[count]!;
      if (stanza === undefined || !isRequest(stanza)) this.#entries.delete(number);
    }
    if (count === undone.length) this.#undone.delete(sid);
    else if (count > 0) undone.splice(0, count);
  }

  /** Of that session all before that position is durable; undefined: all is. */
  undone(sid: number): number | undefined {
    return this.#undone.get(sid)?.[0]?.position;
  }

  /** A message of that session came back with that id as an error: its client knows that it went nowhere, and so it shall be. */
  refused(sid: number, id: string): void {
    const entry = this.#undone.get(sid)?.findLast(({ stanza }) => stanza?.name === 'message' && stanza.id === id);
    if (entry !== undefined) entry.isRefused = true;
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
    for (const [sid, undone] of this.#undone) {
      const left = undone.filter(({ number }) => this.#entries.has(number));
      if (left.length > 0) this.#undone.set(sid, left);
      else this.#undone.delete(sid);
    }
  }

  all(): IterableIterator<Entry> {
    return this.#entries.values();
  }
}

/** Available presence, wherever it goes, is a fact of the session from then on; an answer is for the unit that asked alone. */
const endsTaken = ({ stanza }: Entry): boolean =>
  stanza !== undefined &&
  (isResponse(stanza) || (stanza.name === 'presence' && (stanza.to === undefined || stanza.type === undefined)));
