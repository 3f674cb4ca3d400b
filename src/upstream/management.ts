/** What was sent in one session and is not acknowledged (XEP-0198): it outlives the streams on which the session is resumed. */
import { StreamError } from '../wire/error.ts';
import { NS } from '../wire/ns.ts';
import { xml } from '../wire/xml.ts';

/** A server that acknowledges nothing must not fill our memory. */
const most = { stanzas: 20_000, characters: 64 << 20 };

/** The sequence numbers of a session are its own number times that, and how many stanzas were sent before. */
const span = 2 ** 32;

export class Management {
  /** Told what the server has: sequence numbers of the session, from its first. */
  onHandled: (first: number, last: number) => void = () => {};
  /** The sequence number before the first. */
  readonly #base: number;
  /** The server's `h`; undefined while only a process before this one knew what it sent. */
  #acknowledged: number | undefined;
  #queue: string[] = [];
  #characters = 0;
  /** How many were sent in all. */
  #sent = 0;

  /** `number`: of the session. `inherited`: another process began it. */
  constructor(number: number, inherited = false, acknowledged = 0) {
    this.#base = number * span;
    this.#acknowledged = inherited ? undefined : acknowledged;
  }

  /** What was sent and not acknowledged, oldest first. */
  get unacknowledged(): readonly string[] {
    return this.#queue;
  }

  /** Keeps a stanza until it is acknowledged, and gives its sequence number. */
  sent(stanza: string): number {
    this.#sent++;
    this.#queue.push(stanza);
    this.#characters += stanza.length;
    return this.#base + this.#sent;
  }

  /** Throws where far too many are kept. */
  check(): void {
    if (this.#queue.length > most.stanzas || this.#characters > most.characters)
      throw new StreamError('policy-violation', 'nothing is acknowledged');
  }

  /** Takes the server's `h` (`<a/>`, `<resumed/>`, `<failed/>`); throws StreamError where it is none or counts what we never sent. */
  acknowledge(text: string | undefined): void {
    const h = Number(text);
    if (text === undefined || !/^\d{1,10}$/.test(text) || h > 0xffffffff)
      throw new StreamError('bad-format', 'h is no counter');
    if (this.#acknowledged === undefined) return this.#inherit(h);
    const count = (h - this.#acknowledged) >>> 0;
    if (count > 0x7fffffff) return; // older than what we know already
    if (count > this.#queue.length) throw this.#tooHigh(h, this.#acknowledged);
    this.#acknowledged = h;
    this.#forget(count);
  }

  /** Without XEP-0198 nobody can know more than that it was written. */
  assume(): void {
    this.#forget(this.#queue.length);
  }

  /** The server knows better than we do how many it got. */
  #inherit(h: number): void {
    this.#acknowledged = h;
    this.#sent = h;
    this.onHandled(this.#base + 1, this.#base + h);
  }

  #forget(count: number): void {
    if (count === 0) return;
    for (const stanza of this.#queue.splice(0, count)) this.#characters -= stanza.length;
    this.onHandled(this.#base + 1, this.#base + this.#sent - this.#queue.length);
  }

  /** XEP-0198 §4, "handled-count-too-high". */
  #tooHigh(h: number, acknowledged: number): StreamError {
    const sent = (acknowledged + this.#queue.length) >>> 0;
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
