/** The last messages of a room: for clients that enter later (XEP-0045 §7.2.13, §7.2.14), and to know what was seen. */
import type { BareJid } from '../wire/jid.ts';
import { NS } from '../wire/ns.ts';
import type { Stanza } from '../wire/stanza.ts';
import type { Element } from '../wire/xml.ts';
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

/** Something said. */
export interface Past {
  /** With the room's delay in it. */
  message: Stanza;
  at: number;
}

export class History {
  readonly #room: BareJid;
  #past: Past[] = [];
  #characters = 0;

  constructor(room: BareJid) {
    this.#room = room;
  }

  /** From the archive, oldest first, before anything is added. */
  restore(messages: readonly { message: Stanza; at: number }[]): void {
    // as they came: by their dates, from two clocks and to the second, they are in no order
    for (const { message, at } of messages) this.add(message, at);
  }

  /** Of a longer past, what was said before the oldest message here. */
  olderOf(past: readonly Past[]): Past[] {
    const first = past.findIndex(({ message }) => this.knows(message));
    return first < 0 ? [...past] : past.slice(0, first);
  }

  /** As many as it can have: there may be older ones. */
  get isFull(): boolean {
    return this.#past.length >= mostMessages || this.#characters >= mostCharacters / 2;
  }
  get length(): number {
    return this.#past.length;
  }
  /** When the oldest message was sent. */
  get first(): number | undefined {
    return this.#past[0]?.at;
  }

  /** When the last message was sent. */
  get last(): number | undefined {
    return this.#past.at(-1)?.at;
  }

  add(message: Stanza, now: number): void {
    const dated = withDelay(message, this.#room, now);
    if (dated.rest.length > mostCharacters) return;
    this.#past.push({ message: compact(dated), at: sentAt(dated, now) });
    this.#characters += dated.rest.length;
    while (this.#past.length > mostMessages || this.#characters > mostCharacters)
      this.#characters -= this.#past.shift()!.message.rest.length;
  }

  clear(): void {
    this.#past = [];
    this.#characters = 0;
  }

  /** The newest that fit the wish, oldest first; `to` counts as well. `older`: what was said before. */
  wished({ maxstanzas, maxchars, since }: Wish, to: string, older: readonly Past[] = []): Stanza[] {
    const found: Stanza[] = [];
    let left = maxchars;
    for (const { message, at } of [...older, ...this.#past].reverse()) {
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

  /** The last message of that occupant with that id. */
  find(from: string, id: string | undefined): Stanza | undefined {
    if (id === undefined) return undefined;
    return this.#past.findLast(({ message }) => message.from === from && message.id === id)?.message;
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
