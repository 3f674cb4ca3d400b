/** Private messages of occupants (XEP-0045 §7.5) that came while no client was in the room: kept for the first that enters. */
import type { BareJid } from '../wire/jid.ts';
import { NS } from '../wire/ns.ts';
import { parseElement } from '../wire/parser.ts';
import { delay, Stanza } from '../wire/stanza.ts';
import { childIn, clone } from '../wire/xml.ts';
import type { Kept } from './context.ts';

/** Strangers write these: the oldest go. */
const most = { messages: 50, characters: 256 * 1024 };

export class Privates {
  readonly #room: BareJid;
  readonly #account: BareJid;
  readonly #kept: Kept;
  #waiting: { number: number; text: string }[] = [];
  #next = 0;

  constructor(room: BareJid, account: BareJid, kept: Kept) {
    this.#room = room;
    this.#account = account;
    this.#kept = kept;
  }

  /** From the store, by number. */
  restore(entries: readonly { number: number; text: string }[]): void {
    this.#waiting = [...entries].sort((a, b) => a.number - b.number);
    this.#next = (this.#waiting.at(-1)?.number ?? -1) + 1;
  }

  get count(): number {
    return this.#waiting.length;
  }

  add(message: Stanza, now: number): void {
    const dated = clone(message.tree);
    if (childIn(dated, NS.delay) === undefined) dated.append(delay(this.#account, now));
    const entry = { number: this.#next++, text: Stanza.of(dated).toString() };
    this.#waiting.push(entry);
    this.#kept.put('room-private', `${this.#room} ${entry.number}`, entry.text);
    while (this.#waiting.length > most.messages || this.#characters > most.characters)
      this.#forget(this.#waiting.shift()!.number);
  }

  get #characters(): number {
    return this.#waiting.reduce((sum, { text }) => sum + text.length, 0);
  }

  #forget(number: number): void {
    this.#kept.remove('room-private', `${this.#room} ${number}`);
  }

  /** All, oldest first; they are forgotten. */
  take(): Stanza[] {
    const taken = this.#waiting.splice(0);
    for (const { number } of taken) this.#forget(number);
    return taken.map(({ text }) => Stanza.of(parseElement(text)));
  }
}
