/** Stream management (XEP-0198), the server's side of one session: what was handled, what was not acknowledged. */
import { StreamError } from '../wire/error.ts';
import { NS } from '../wire/ns.ts';
import type { Stanza } from '../wire/stanza.ts';
import { type Element, xml } from '../wire/xml.ts';
import type { Clock } from './clock.ts';
import { flood, type StreamLimits } from './limits.ts';

const request = `<r xmlns="${NS.sm}"/>`;
/** While one `<r/>` is open, another follows after so many stanzas. */
const every = 16;

/** XEP-0198 §6: a client says that it has more than it was sent. */
class HandledCountTooHigh extends StreamError {
  readonly #attrs: { h: string; 'send-count': string };
  constructor(handled: number, sent: number) {
    super('undefined-condition', `You acknowledged ${handled} stanzas, but I only sent you ${sent} so far.`);
    this.#attrs = { h: String(handled), 'send-count': String(sent) };
  }
  override toElement(): Element {
    const error = super.toElement();
    error.append(xml('handled-count-too-high', { xmlns: NS.sm, ...this.#attrs }));
    return error;
  }
}

export class Management {
  /** What a client resumes with: not to be guessed. */
  readonly id: string;
  readonly resumable: boolean;
  /** Stanzas that came from the client (mod 2³²). */
  handled = 0;
  #sent = 0;
  #acknowledged = 0;
  /** Sent and not acknowledged, oldest first, from `#first` on. The stanzas are shared with all who were sent the same. */
  #queue: Stanza[] = [];
  #first = 0;
  #bytes = 0;
  /** Value of `#sent` at the last `<r/>`. */
  #asked = 0;
  /** When the oldest open `<r/>` was sent, or progress last made. */
  #askedAt: number | undefined;
  readonly #limits: StreamLimits;
  readonly #clock: Clock;

  constructor(id: string, resumable: boolean, limits: StreamLimits, clock: Clock) {
    this.id = id;
    this.resumable = resumable;
    this.#limits = limits;
    this.#clock = clock;
  }

  received(): void {
    this.handled = (this.handled + 1) >>> 0;
  }

  sent(stanza: Stanza): void {
    this.#sent = (this.#sent + 1) >>> 0;
    this.#queue.push(stanza);
    this.#bytes += weight(stanza);
  }

  /** `h` of an `<a/>` or `<resume/>`; throws the StreamError that a wrong one deserves. */
  acknowledge(text: string | undefined): void {
    const h = Number(text);
    if (!/^\d{1,10}$/.test(text ?? '') || h > 0xffffffff) throw new StreamError('bad-format', "no valid 'h'");
    const count = (h - this.#acknowledged) >>> 0;
    if (count > 0x7fffffff) return; // less than before: a client that answers late, and nothing new
    if (count > this.#queue.length - this.#first) throw new HandledCountTooHigh(h, this.#sent);
    this.#acknowledged = h;
    for (let at = this.#first; at < this.#first + count; at += 1) this.#bytes -= weight(this.#queue[at]!);
    this.#first += count;
    if (this.#first === this.#queue.length || this.#first > 256) this.#shorten();
    const open = (this.#asked - h) | 0;
    this.#askedAt = open > 0 ? this.#clock.now() : undefined;
  }

  /** The queue gives up what was acknowledged in steps, not at each acknowledgement. */
  #shorten(): void {
    this.#queue = this.#queue.slice(this.#first);
    this.#first = 0;
  }

  /** `<r/>` where it is time for one, else nothing: with what goes out, and when an answer has left something open. */
  request(): string {
    const fresh = (this.#sent - this.#asked) | 0;
    if (fresh <= 0 || (this.#askedAt !== undefined && fresh < every)) return '';
    return this.demand();
  }

  /** `<r/>`, whatever was sent: is anybody there? */
  demand(): string {
    this.#asked = this.#sent;
    this.#askedAt ??= this.#clock.now();
    return request;
  }

  get unacknowledged(): readonly Stanza[] {
    return this.#queue.slice(this.#first);
  }

  /** More than may stay unacknowledged. */
  get overfull(): boolean {
    return this.#above(1);
  }

  /** Overfull, and the client had time to answer, or there is too much of it to wait. */
  get hopeless(): boolean {
    if (!this.#above(1)) return false;
    return this.#above(flood) || this.unansweredFor >= this.#limits.grace;
  }

  /** Milliseconds that an `<r/>` has been open. */
  get unansweredFor(): number {
    return this.#askedAt === undefined ? 0 : this.#clock.now() - this.#askedAt;
  }

  #above(times: number): boolean {
    const { stanzas, bytes } = this.#limits.unacknowledged;
    return this.#queue.length - this.#first > stanzas * times || this.#bytes > bytes * times;
  }

  /** On a new stream, what was asked on the old one is void. */
  resumed(): void {
    this.#asked = this.#acknowledged;
    this.#askedAt = undefined;
  }
}

/** Roughly its length on the wire. */
const weight = (stanza: Stanza): number => stanza.rest.length + 64;
