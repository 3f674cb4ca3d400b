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

/** Keys are microseconds since the epoch, or as near as no two are equal. */
const keyOf = (order: number): string => String(order).padStart(16, '0');

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
  /** The highest key. */
  #last = 0;
  /** What was given out and is not settled: by key, in which drain. */
  readonly #given = new Map<string, number>();
  #drains = 0;

  constructor(context: Context, kind: 'offline' | 'outbox') {
    this.#context = context;
    this.#kind = kind;
  }

  /** Once, before anything is added. */
  async load(): Promise<void> {
    const entries = await this.#context.kept.read(this.#kind);
    const sorted = entries.sort((a, b) => (a.key < b.key ? -1 : 1));
    this.#entries = sorted.map(({ key, value }) => ({ key, text: value }));
    this.#last = Number(sorted.at(-1)?.key ?? 0);
  }

  get size(): number {
    return this.#entries.length;
  }
  get isFull(): boolean {
    return this.#entries.length >= most[this.#kind];
  }

  /** Where it belongs by its `order`, if it is not there already; behind all others without one. `at`: when it came. */
  add(stanza: Stanza, order = Math.max(this.#last + 1, this.#context.now() * 1000), at = this.#context.now()): void {
    this.#last = Math.max(this.#last, order);
    const key = keyOf(order);
    const before = this.#entries.findLastIndex((entry) => entry.key <= key);
    if (this.#entries[before]?.key !== key) this.#entries.splice(before + 1, 0, this.#keep(key, stanza, at));
  }

  /** Before all others; `stanzas` are in order. */
  addFirst(stanzas: readonly Stanza[]): void {
    const next = Number(this.#entries[0]?.key ?? this.#context.now() * 1000);
    this.#last = Math.max(this.#last, next - 1);
    const first = next - stanzas.length;
    this.#entries.unshift(...stanzas.map((stanza, index) => this.#keep(keyOf(first + index), stanza)));
  }

  #keep(key: string, stanza: Stanza, at = this.#context.now()): { key: string; text: string } {
    this.#given.delete(key); // it has come back
    const dated = clone(stanza.tree);
    if (childIn(dated, NS.delay) === undefined) dated.append(delay(this.#context.account, at));
    const entry = { key, text: serialize(dated) };
    this.#context.kept.put(this.#kind, entry.key, entry.text);
    return entry;
  }

  /**
   * Gives the messages out, oldest first, while `take` accepts them; what was accepted, or promised to be sent, is forgotten
   * when `settled` says so.
   */
  drain(take: (stanza: Stanza) => boolean | Promise<void>, settled?: () => Promise<void>): void {
    const drain = ++this.#drains;
    const sent: string[] = [];
    const forget = (keys: readonly string[]) => {
      for (const key of keys)
        if (this.#given.get(key) === drain && this.#given.delete(key)) this.#context.kept.remove(this.#kind, key);
    };
    let taken = 0;
    for (const { key, text } of this.#entries) {
      const answer = take(Stanza.of(parseElement(text)));
      if (answer === false) break;
      taken++;
      this.#given.set(key, drain);
      if (answer === true) sent.push(key);
      else void answer.then(settled).then(() => forget([key]));
    }
    this.#entries.splice(0, taken);
    if (settled === undefined) forget(sent);
    else if (sent.length > 0) void settled().then(() => forget(sent));
  }
}
