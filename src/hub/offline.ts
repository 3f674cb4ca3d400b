/**
 * Messages nobody takes now: inbound while no client is available (RFC 6121 §8.5.2.2), outbound while the server is away.
 * Both are durable, kept in order, and leave with their first date (XEP-0203).
 */
import { NS } from '../wire/ns.ts';
import { parseElement } from '../wire/parser.ts';
import { delay, Stanza } from '../wire/stanza.ts';
import { childIn, clone, elements, hasChild, serialize } from '../wire/xml.ts';
import type { Context } from './context.ts';

/** Messages that wait at most; beyond, their sender gets an error and knows. */
const most = { outbox: 1000, offline: 10_000 };

/** Keys are numbers that grow from here to the end and shrink to the front. */
const middle = 500_000_000_000;
/** Keys set aside at once for what comes early. */
const early = 1_000_000;

/** XEP-0160 §3, XEP-0334: is that a message to keep for later? */
export function isKeepable({ tree, type }: Stanza): boolean {
  if (type === 'headline' || type === 'error' || type === 'groupchat') return false;
  if (hasChild(tree, 'no-store', NS.hints) || hasChild(tree, 'no-permanent-store', NS.hints)) return false;
  return elements(tree).some(
    ({ name, attrs, children }) =>
      name !== 'thread' &&
      attrs.xmlns !== NS.chatStates &&
      attrs.xmlns !== NS.hints &&
      !(attrs.xmlns === NS.mucUser && children.length === 0), // the mark of a private message in a room
  );
}

/** One queue of messages in the store, in the order of its keys. */
export class Waiting {
  readonly #context: Context;
  readonly #kind: 'offline' | 'outbox';
  #entries: { key: string; text: string }[] = [];
  #next = middle;
  #first = middle;
  /** Entries at the front that addEarly() has put there. */
  #early = { entries: 0, next: 0 };

  constructor(context: Context, kind: 'offline' | 'outbox') {
    this.#context = context;
    this.#kind = kind;
  }

  /** Once, before anything is added. */
  async load(): Promise<void> {
    const entries = await this.#context.kept.read(this.#kind);
    const sorted = entries.sort((a, b) => (a.key < b.key ? -1 : 1));
    this.#entries = sorted.map(({ key, value }) => ({ key, text: value }));
    this.#first = Math.min(middle, Number(sorted[0]?.key ?? middle));
    this.#next = Math.max(middle, Number(sorted.at(-1)?.key ?? middle) + 1);
  }

  get size(): number {
    return this.#entries.length;
  }
  get isFull(): boolean {
    return this.#entries.length >= most[this.#kind];
  }

  add(stanza: Stanza): void {
    this.#entries.push(this.#keep(this.#next++, stanza));
  }

  /** Before all others; `stanzas` are in order. */
  addFirst(stanzas: readonly Stanza[]): void {
    this.#first -= stanzas.length;
    this.#entries.unshift(...stanzas.map((stanza, index) => this.#keep(this.#first + index, stanza)));
  }

  /** Before all that waited when the first of these came, and behind the others of these; not if it waits already. */
  addEarly(stanza: Stanza): void {
    if (stanza.id !== undefined && this.#entries.some(({ text }) => isSame(Stanza.of(parseElement(text)), stanza)))
      return;
    if (this.#early.entries === 0) {
      this.#first -= early;
      this.#early.next = this.#first;
    }
    this.#entries.splice(this.#early.entries++, 0, this.#keep(this.#early.next++, stanza));
  }

  #keep(number: number, stanza: Stanza): { key: string; text: string } {
    const dated = clone(stanza.tree);
    if (childIn(dated, NS.delay) === undefined) dated.append(delay(this.#context.account, this.#context.now()));
    const entry = { key: String(number).padStart(13, '0'), text: serialize(dated) };
    this.#context.kept.put(this.#kind, entry.key, entry.text);
    return entry;
  }

  /** Gives the messages out, oldest first, while `take` accepts them; what was accepted is forgotten when `settled` says so. */
  drain(take: (stanza: Stanza) => boolean, settled?: () => Promise<void>): void {
    let taken = 0;
    for (const { text } of this.#entries) {
      if (!take(Stanza.of(parseElement(text)))) break;
      taken++;
    }
    const given = this.#entries.splice(0, taken);
    this.#early.entries = Math.max(0, this.#early.entries - taken);
    const forget = () => {
      for (const { key } of given) this.#context.kept.remove(this.#kind, key);
    };
    if (settled === undefined) forget();
    else if (taken > 0) void settled().then(forget);
  }
}

const isSame = (one: Stanza, other: Stanza): boolean => one.id === other.id && one.to === other.to;
