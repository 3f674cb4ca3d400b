/** Our half of XEP-0198 for one session: it outlives the streams on which the session is resumed. */
import { StreamError } from '../wire/error.ts';
import { NS } from '../wire/ns.ts';
import { xml } from '../wire/xml.ts';

/** A server that acknowledges nothing must not fill our memory. */
const most = { stanzas: 20_000, characters: 64 << 20 };

export class Management {
  /** For `<resume/>`; undefined where the server resumes nothing. */
  readonly id: string | undefined;
  /** Stanzas from the server that we have handled: our `h`. */
  #inbound: number;
  /** The server's `h`. */
  #acknowledged: number;
  #queue: string[] = [];
  #characters = 0;
  /** How many were sent in all, and who waits until so many of them are acknowledged. */
  #sent = 0;
  #waiting: { until: number; resolve(): void }[] = [];

  constructor(id: string | undefined, inbound = 0, acknowledged = 0) {
    this.id = id;
    this.#inbound = inbound;
    this.#acknowledged = acknowledged;
  }

  get h(): number {
    return this.#inbound;
  }
  /** What was sent and not acknowledged, oldest first. */
  get unacknowledged(): readonly string[] {
    return this.#queue;
  }

  /** A stanza from the server is handled. XEP-0198 §4: counters wrap at 2^32. */
  handled(): void {
    this.#inbound = (this.#inbound + 1) >>> 0;
  }

  /** Keeps a stanza until it is acknowledged; throws where far too many are. */
  sent(stanza: string): void {
    this.#sent++;
    this.#queue.push(stanza);
    this.#characters += stanza.length;
    if (this.#queue.length > most.stanzas || this.#characters > most.characters)
      throw new StreamError('policy-violation', 'nothing is acknowledged');
  }

  /** Takes the server's `h` (`<a/>`, `<resumed/>`, `<failed/>`); throws StreamError where it is none or counts what we never sent. */
  acknowledge(text: string | undefined): void {
    const h = Number(text);
    if (text === undefined || !/^\d{1,10}$/.test(text) || h > 0xffffffff)
      throw new StreamError('bad-format', 'h is no counter');
    const count = (h - this.#acknowledged) >>> 0;
    if (count > 0x7fffffff) return; // older than what we know already
    if (count > this.#queue.length) throw this.#tooHigh(h);
    this.#acknowledged = h;
    for (const stanza of this.#queue.splice(0, count)) this.#characters -= stanza.length;
    this.#settle(this.#sent - this.#queue.length);
  }

  /** Resolves when all that was sent until now is acknowledged, or given up. */
  settled(): Promise<void> {
    if (this.#queue.length === 0) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.push({ until: this.#sent, resolve }));
  }

  /** The session is over, and what was not acknowledged is somebody else's. */
  giveUp(): void {
    this.#settle(this.#sent);
  }

  #settle(acknowledged: number): void {
    const still = this.#waiting.findIndex(({ until }) => until > acknowledged);
    for (const { resolve } of this.#waiting.splice(0, still < 0 ? this.#waiting.length : still)) resolve();
  }

  /** XEP-0198 §4, "handled-count-too-high". */
  #tooHigh(h: number): StreamError {
    const sent = (this.#acknowledged + this.#queue.length) >>> 0;
    return new TooHigh(h, sent);
  }
}

class TooHigh extends StreamError {
  readonly #h: number;
  readonly #sent: number;
  constructor(h: number, sent: number) {
    super('undefined-condition', `${h} stanzas acknowledged, but ${sent} sent`);
    this.#h = h;
    this.#sent = sent;
  }
  override toElement() {
    const counts = { xmlns: NS.sm, h: String(this.#h), 'send-count': String(this.#sent) };
    const error = super.toElement();
    error.append(xml('handled-count-too-high', counts));
    return error;
  }
}
