/** A stream that counts what it sends and what was acknowledged of it. */
import { NS } from '../../src/wire/ns.ts';
import type { Element } from '../../src/wire/xml.ts';
import { RawClient } from '../lib/raw.ts';

/** A stream that counts what it sends (XEP-0198 §4). */
export class Stream extends RawClient {
  /** Stanzas sent since `<enable/>` and not acknowledged, oldest first. */
  unacknowledged: string[] = [];
  acknowledgedCount = 0;
  onAcknowledged: (stanza: string) => void = () => {};
  onEnd: () => void = () => {};
  /** It has said what it has: so many stanzas of the session (XEP-0198 `h`), or what came before a question of the other side's. */
  onConfirmed: (h: number | undefined) => void = () => {};
  onMessage: (message: Element) => void = () => {};
  isOver = false;
  /** Since when a question has had no answer: milliseconds since the epoch. */
  askedAt: number | undefined;
  /** No question has had one for long. */
  isDeaf = false;

  override send(text: string): void {
    if (this.isOver) return;
    if (this.sm !== undefined && /^<(message|presence|iq)\b/.test(text)) this.unacknowledged.push(text);
    super.send(text);
    const h = /^<a xmlns="[^"]*" h="(\d+)"/.exec(text)?.[1];
    if (h !== undefined) this.onConfirmed(Number(h));
    else if (text.startsWith('<iq type="result"')) this.onConfirmed(undefined);
  }

  /** Not a whole stanza. */
  write(text: string): void {
    super.send(text);
  }

  /** Its `h`. */
  acknowledge(h: number): void {
    this.askedAt = undefined;
    const fresh = h - this.acknowledgedCount;
    if (fresh < 0 || fresh > this.unacknowledged.length)
      throw new Error(`h=${h}, but ${this.acknowledgedCount}+${this.unacknowledged.length} were sent`);
    this.acknowledgedCount = h;
    for (const stanza of this.unacknowledged.splice(0, fresh)) this.onAcknowledged(stanza);
  }

  protected override element(element: Element): void {
    if (element.name === 'a' && element.attrs.xmlns === NS.sm) return this.acknowledge(Number(element.attrs.h));
    super.element(element);
    if (element.name === 'message') this.onMessage(element);
    this.all.length = 0;
  }

  protected override end(reason: Error): void {
    super.end(reason);
    if (this.isOver) return;
    this.isOver = true;
    this.onEnd();
  }
}
