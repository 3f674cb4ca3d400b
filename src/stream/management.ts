/** Stream management (XEP-0198), the server's side of one session: what is handled, what was not acknowledged. */
import type { Clock } from '../wire/clock.ts';
import { StreamError } from '../wire/error.ts';
import { NS } from '../wire/ns.ts';
import { type Element, xml } from '../wire/xml.ts';
import { flood, type StreamLimits } from './limits.ts';
import type { Outgoing } from './outgoing.ts';
import type { Received } from './received.ts';

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
  readonly #received: Received;
  /** Stanzas that came before it was enabled. */
  readonly #from: number;
  /** Where the client was told last that we are. */
  #announced: number;
  /** The client has asked, and was told less than this. */
  #owed = 0;
  #sent = 0;
  #acknowledged = 0;
  /** Sent and not acknowledged, oldest first, from `#first` on; shared with all who were sent the same. */
  #queue: Outgoing[] = [];
  #first = 0;
  #bytes = 0;
  /** Value of `#sent` at the last `<r/>`. */
  #asked = 0;
  /** When the oldest open `<r/>` was sent, or progress last made. */
  #askedAt: number | undefined;
  readonly #limits: StreamLimits;
  /** Asked for each stanza. */
  readonly #crowd: StreamLimits['unacknowledged'];
  readonly #clock: Clock;

  constructor(id: string, resumable: boolean, received: Received, limits: StreamLimits, clock: Clock) {
    this.id = id;
    this.resumable = resumable;
    this.#received = received;
    this.#from = received.position;
    this.#announced = this.#from;
    this.#limits = limits;
    const { stanzas, bytes } = limits.unacknowledged;
    this.#crowd = { stanzas: stanzas / 2, bytes: bytes / 2 };
    this.#clock = clock;
  }

  // ---- what the client has sent

  /** XEP-0198 `h` (mod 2³²): what would not be lost with us. */
  get handled(): number {
    return (this.announced - this.#from) >>> 0;
  }

  /** The position that `h` stands for; whoever reads it tells the client. */
  get announced(): number {
    this.#announced = Math.max(this.#announced, this.#received.durable);
    return this.#announced;
  }

  /** To `<r/>`: at once, and once more when all is durable that came before it. */
  answer(): string {
    this.#owed = this.#received.position;
    return this.#answer();
  }

  #answer(): string {
    return `<a xmlns="${NS.sm}" h="${this.handled}"/>`;
  }

  /** More is durable: the `<a/>` that is owed for it, or nothing. */
  progressed(): string {
    const before = this.#announced;
    return before < this.#owed && this.announced > before ? this.#answer() : '';
  }

  // ---- what the client is sent

  sent(stanza: Outgoing): void {
    this.#sent = (this.#sent + 1) >>> 0;
    this.#queue.push(stanza);
    this.#bytes += stanza.weight;
  }

  /** `h` of an `<a/>` or `<resume/>`: the highest place that it acknowledges, or 0; throws the StreamError that a wrong one deserves. */
  acknowledge(text: string | undefined): number {
    const h = Number(text);
    if (!/^\d{1,10}$/.test(text ?? '') || h > 0xffffffff) throw new StreamError('bad-format', "no valid 'h'");
    const count = (h - this.#acknowledged) >>> 0;
    if (count > 0x7fffffff) return 0; // less than before: a client that answers late, and nothing new
    if (count > this.#queue.length - this.#first) throw new HandledCountTooHigh(h, this.#sent);
    this.#acknowledged = h;
    const place = this.#drop(count);
    const open = (this.#asked - h) | 0;
    this.#askedAt = open > 0 ? this.#clock.now() : undefined;
    return place;
  }

  /** The queue gives up what was acknowledged in steps, not at each acknowledgement. */
  #drop(count: number): number {
    let highest = 0;
    for (const end = this.#first + count; this.#first < end; this.#first += 1) {
      const { place, weight } = this.#queue[this.#first]!;
      this.#bytes -= weight;
      if (place > highest) highest = place;
    }
    if (this.#first === this.#queue.length || this.#first > 256) {
      this.#queue = this.#queue.slice(this.#first);
      this.#first = 0;
    }
    return highest;
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

  get unacknowledged(): readonly Outgoing[] {
    return this.#queue.slice(this.#first);
  }

  /** Above half of what may stay unacknowledged: what can wait should, until there is room. */
  get isCrowded(): boolean {
    return this.#queue.length - this.#first > this.#crowd.stanzas || this.#bytes > this.#crowd.bytes;
  }

  /** No more than a quarter is left. */
  get isRoomy(): boolean {
    return !this.#above(0.25);
  }

  /** More than may stay unacknowledged. */
  get overfull(): boolean {
    return this.#above(1);
  }

  /** Overfull, and the client had time to answer, or there is too much of it to wait. */
  get hopeless(): boolean {
    if (!this.#above(1)) return false;
    return this.flooded || this.unansweredFor >= this.#limits.grace;
  }

  /** So much that nobody waits. */
  get flooded(): boolean {
    return this.#above(flood);
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
    this.#owed = 0;
  }
}
