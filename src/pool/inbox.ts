/** What clients have sent a unit and is not durable yet: where that is too much they are not read until it is less. */
import type { EdgeLink } from '../link/link.ts';
import type { Stanza } from '../wire/stanza.ts';

/** In bytes: above the first, clients are not read; below the second, they are again. */
const size = { most: 1_048_576, least: 524_288 };

/** Of one session, from `first` on; positions ascend. */
interface Backlog {
  positions: number[];
  weights: number[];
  first: number;
}

export class Inbox {
  readonly #edge: Pick<EdgeLink, 'pause' | 'resume'>;
  readonly #sessions = new Map<number, Backlog>();
  #weight = 0;
  #isFull = false;

  constructor(edge: Pick<EdgeLink, 'pause' | 'resume'>) {
    this.#edge = edge;
  }

  attach(sid: number): void {
    this.#sessions.set(sid, { positions: [], weights: [], first: 0 });
    if (this.#isFull) this.#edge.pause(sid);
  }

  add(sid: number, position: number, stanza: Stanza): void {
    const backlog = this.#sessions.get(sid);
    if (backlog === undefined) return;
    const weight = weightOf(stanza);
    backlog.positions.push(position);
    backlog.weights.push(weight);
    this.#weight += weight;
    if (this.#isFull || this.#weight <= size.most) return;
    this.#isFull = true;
    for (const one of this.#sessions.keys()) this.#edge.pause(one);
  }

  /** All of that session up to there is durable. */
  stored(sid: number, upTo: number): void {
    const backlog = this.#sessions.get(sid);
    if (backlog === undefined) return;
    const { positions, weights } = backlog;
    let { first } = backlog;
    for (; first < positions.length && positions[first]! <= upTo; first++) this.#weight -= weights[first]!;
    if (first === positions.length || first > 256) {
      backlog.positions = positions.slice(first);
      backlog.weights = weights.slice(first);
      first = 0;
    }
    backlog.first = first;
    this.#relieve();
  }

  /** The session is over, and all it said is durable. */
  detach(sid: number): void {
    this.stored(sid, Number.MAX_SAFE_INTEGER);
    this.#sessions.delete(sid);
  }

  #relieve(): void {
    if (!this.#isFull || this.#weight > size.least) return;
    this.#isFull = false;
    for (const sid of this.#sessions.keys()) this.#edge.resume(sid);
  }
}

/** Roughly its length, and what it costs to keep. */
const weightOf = (stanza: Stanza): number => stanza.rest.length + 64;
