/** The last messages of a room: for clients that enter later (XEP-0045 §7.2.13, §7.2.14), and to know what was seen. */
import type { BareJid } from '../wire/jid.ts';
import { NS } from '../wire/ns.ts';
import { parseElement } from '../wire/parser.ts';
import { Stanza } from '../wire/stanza.ts';
import type { Element } from '../wire/xml.ts';
import type { Kept } from './context.ts';
import { compact, stampOf, withDelay } from './muc.ts';

const mostMessages = 50;
const mostCharacters = 256 * 1024;

/** Rooms' clocks and ours may differ: so much more than needed is asked for, and known again when it comes. */
const margin = 60_000;

/** Within that time the same words of the same occupant are the same message, if nothing in it says more. */
const sameMoment = 5000;

/** What of the history a client wants. */
export interface Wish {
  maxstanzas: number;
  maxchars: number;
  /** Milliseconds since the epoch. */
  since: number;
}

/** §7.2.14: from the presence of who enters. */
export function wishOf({ tree }: Stanza, now: number): Wish {
  const attrs = tree.getChild('x', NS.muc)?.getChild('history')?.attrs ?? {};
  const number = (name: string): number => (/^\d{1,9}$/.test(attrs[name] ?? '') ? Number(attrs[name]) : Infinity);
  const since = Date.parse(attrs.since ?? '');
  return {
    maxstanzas: number('maxstanzas'),
    maxchars: number('maxchars'),
    since: Math.max(now - number('seconds') * 1000, Number.isNaN(since) ? 0 : since),
  };
}

/** When it was sent, by the word of whoever sent it: not before 1970, not later than now. */
const sentAt = (message: Stanza, now: number): number => Math.min(Math.max(stampOf(message) ?? now, 0), now);

interface Past {
  /** With the room's delay in it. */
  message: Stanza;
  at: number;
  /** Counts the room's messages; its place in the store is made of it. */
  number: number;
}

export class History {
  readonly #room: BareJid;
  readonly #kept: Kept;
  #past: Past[] = [];
  #characters = 0;
  #next = 0;

  constructor(room: BareJid, kept: Kept) {
    this.#room = room;
    this.#kept = kept;
  }

  #key(number: number): string {
    return `${this.#room} ${number % mostMessages}`;
  }

  /** From the store, in any order, before anything is added. */
  restore(values: readonly string[]): void {
    const past = values.map((value) => {
      const space = value.indexOf(' ');
      const message = Stanza.of(parseElement(value.slice(space + 1)));
      return { message: compact(message), at: sentAt(message, Date.now()), number: Number(value.slice(0, space)) };
    });
    this.#past = past.sort((a, b) => a.number - b.number);
    this.#characters = this.#past.reduce((sum, { message }) => sum + message.rest.length, 0);
    this.#next = (this.#past.at(-1)?.number ?? -1) + 1;
  }

  /** When the last message was sent. */
  get last(): number | undefined {
    return this.#past.at(-1)?.at;
  }

  add(message: Stanza, now: number): void {
    const dated = withDelay(message, this.#room, now);
    if (dated.rest.length > mostCharacters) return;
    const entry = { message: compact(dated), at: sentAt(dated, now), number: this.#next++ };
    this.#past.push(entry);
    this.#characters += dated.rest.length;
    this.#kept.put('room-message', this.#key(entry.number), `${entry.number} ${dated}`);
    while (this.#past.length > mostMessages) this.#drop();
    while (this.#characters > mostCharacters) this.#kept.remove('room-message', this.#key(this.#drop()));
  }

  /** The oldest; gives its number. Its place in the store may have a new owner already. */
  #drop(): number {
    const { message, number } = this.#past.shift()!;
    this.#characters -= message.rest.length;
    return number;
  }

  clear(): void {
    for (const { number } of this.#past) this.#kept.remove('room-message', this.#key(number));
    this.#past = [];
    this.#characters = 0;
  }

  /** The newest that fit the wish, oldest first; `to` counts as well. */
  wished({ maxstanzas, maxchars, since }: Wish, to: string): Stanza[] {
    const found: Stanza[] = [];
    let left = maxchars;
    for (const { message, at } of this.#past.toReversed()) {
      left -= Number.isFinite(left) ? message.textFor(to, message.from).length : 0;
      if (at < since || found.length >= maxstanzas || left < 0) break;
      found.push(message);
    }
    return found.reverse();
  }

  /** What to ask the room for when we enter again; `joined` where we never saw a message. */
  since(joined: number): number {
    return (this.last ?? joined) - margin;
  }

  /** Of what a room tells of its past: what came after the last message we know, or after we came, each once. */
  fresh(told: readonly Stanza[], joined: number): Stanza[] {
    const dated = told.map((message) => ({ message, at: stampOf(message) ?? Infinity })).sort((a, b) => a.at - b.at);
    const known = dated.findLastIndex(({ message }) => this.knows(message));
    // rooms tell whole seconds
    const since = this.last === undefined ? Math.floor(joined / 1000) * 1000 : this.since(joined);
    return dated
      .slice(known + 1)
      .filter(({ at }) => at >= since)
      .filter((one, index, all) => !all.slice(0, index).some((other) => isSame(other, one.message, this.#room)))
      .map(({ message }) => message);
  }

  knows(message: Stanza): boolean {
    return this.#past.some((past) => isSame(past, message, this.#room));
  }

  /** Has the room told us that message of ours? */
  has(from: string, id: string | undefined): boolean {
    return id !== undefined && this.#past.some(({ message }) => message.from === from && message.id === id);
  }
}

/** XEP-0359: the room's id decides where both have one; else sender, id and words; else sender, words and time. */
function isSame({ message, at }: Pick<Past, 'message' | 'at'>, other: Stanza, room: BareJid): boolean {
  const [mine, theirs] = [stanzaId(message.tree, room), stanzaId(other.tree, room)];
  if (mine !== undefined && theirs !== undefined) return mine === theirs;
  if (message.from !== other.from || message.tree.getChildText('body') !== other.tree.getChildText('body'))
    return false;
  if (message.id !== undefined && other.id !== undefined) return message.id === other.id;
  return Math.abs((stampOf(other) ?? 0) - at) <= sameMoment;
}

const stanzaId = (message: Element, room: BareJid): string | undefined =>
  message.getChildren('stanza-id', NS.sid).find(({ attrs }) => attrs.by === room)?.attrs.id as string | undefined;
