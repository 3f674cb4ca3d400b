/**
 * Whether a client without XEP-0198 has what was written to it. It is asked by a ping (XEP-0199) that rides with a message: its
 * answer, be it an error, confirms all that was written before. One that answers no ping is taken at its word otherwise: bytes from
 * it that come well after a message say that the connection had carried that, too; so does its goodbye a moment after.
 */
import { randomBytes } from 'node:crypto';
import type { Clock } from '../wire/clock.ts';
import { NS } from '../wire/ns.ts';
import type { StreamLimits } from './limits.ts';

/** Milliseconds between two pings, at least. */
const pace = 5000;
/** Pings without an answer, from a client that lives, after which it gets no more. */
const most = 3;
/** A client that ends its stream so long after all was written has it: a longer way than most, there and back; milliseconds. */
const moment = 250;

interface Question {
  id: string;
  at: number;
  /** Of all that was written before it, the highest place. */
  place: number;
}

export class Confirmation {
  /** It answers no pings. */
  isMute: boolean;
  readonly #clock: Clock;
  readonly #limits: StreamLimits;
  /** Nobody can guess the next one. */
  readonly #prefix = randomBytes(9).toString('base64url');
  #count = 0;
  #unanswered = 0;
  #open: Question | undefined;
  /** The last ones, open or not: a late answer counts. */
  #asked: Question[] = [];
  #askedAt = -Infinity;
  /** The highest place that was written, and the highest that is confirmed. */
  #written = 0;
  #confirmed = 0;
  /** The highest place that left in a write, and when that changed last. */
  #left = 0;
  #leftAt = -Infinity;

  constructor(isMute: boolean, limits: StreamLimits, clock: Clock) {
    this.isMute = isMute;
    this.#limits = limits;
    this.#clock = clock;
  }

  written(place: number): void {
    if (place > this.#written) this.#written = place;
  }

  /** A ping's attributes and payload, behind `to`, where it is time for one; else nothing. */
  request(from: string): string {
    const now = this.#clock.now();
    if (this.#written > this.#left) this.#leftAt = now;
    this.#left = this.#written;
    if (this.#open !== undefined || this.#written <= this.#confirmed || now - this.#askedAt < pace) return '';
    this.#count += 1;
    const id = `${this.#prefix}${this.#count}`;
    this.#askedAt = now;
    this.#open = { id, at: now, place: this.#written };
    this.#asked = [...this.#asked.slice(1 - most), this.#open];
    return this.isMute ? '' : ` from="${from}" type="get" id="${id}"><ping xmlns="${NS.ping}"/></iq>`;
  }

  /** What that id confirms, if it is one of ours: a place, or 0. */
  answer(id: string | undefined): number | undefined {
    if (!id?.startsWith(this.#prefix)) return undefined;
    this.isMute = false;
    this.#unanswered = 0;
    const question = this.#asked.find((asked) => asked.id === id);
    if (question === undefined) return 0;
    if (question === this.#open) this.#open = undefined;
    return this.#confirm(question.place);
  }

  /** From time to time: `heard` is when bytes last came. Gives the place that they confirm, or 0. */
  check(heard: number): number {
    const open = this.#open;
    if (open === undefined) return 0;
    const lived = heard - open.at;
    if (lived < (this.isMute ? this.#limits.grace : this.#limits.answer)) return 0;
    this.#open = undefined;
    if (this.isMute) return this.#confirm(open.place);
    this.#unanswered += 1;
    this.isMute = this.#unanswered >= most;
    return 0;
  }

  /** The client ends its stream in good order. Gives the place that this confirms, or 0. */
  ends(): number {
    return this.#clock.now() - this.#leftAt < moment ? 0 : this.#confirm(this.#left);
  }

  #confirm(place: number): number {
    if (place <= this.#confirmed) return 0;
    this.#confirmed = place;
    return place;
  }
}
