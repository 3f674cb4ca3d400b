/** What has to reach the server although its stream broke: answers to others' requests, and words about subscriptions. */
import { isResponse, type Stanza } from '../wire/stanza.ts';
import type { Up } from './context.ts';
import { isSubscription } from './subscriptions.ts';

/** Beyond, the oldest are forgotten: whoever asks has a time-out, too. */
const most = 1000;

/** Of what was sent and perhaps lost: does nobody else see to it? */
export const isOwed = (stanza: Stanza): boolean =>
  stanza.to !== undefined && (isResponse(stanza) || (stanza.name === 'presence' && isSubscription(stanza.type)));

export class Owed {
  readonly #up: Up;
  #texts: string[] = [];

  constructor(up: Up) {
    this.#up = up;
  }

  /** Now, or when the server is back. */
  send(text: string): void {
    if (!this.#up.send(text)) this.add(text);
  }
  add(text: string): void {
    this.#texts.push(text);
    if (this.#texts.length > most) this.#texts.shift();
  }
  flush(): void {
    for (const text of this.#texts.splice(0)) this.send(text);
  }
}
