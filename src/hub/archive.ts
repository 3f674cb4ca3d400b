/** What is said goes into the account's archive (XEP-0313): each message once, whatever ways it comes, under an id of ours. */
import type { ArchivedMessage, Messages, Page, Trouble } from '../archive/types.ts';
import { type BareJid, bare, type FullJid, type Jid, resourceOf } from '../wire/jid.ts';
import { NS } from '../wire/ns.ts';
import { parseElement } from '../wire/parser.ts';
import { Stanza } from '../wire/stanza.ts';
import { detached, escapeAttribute } from '../wire/xml.ts';
import { type Reading, readMessage, unmarked } from './archivable.ts';
import { type Kept, type Log, watching } from './context.ts';
import type { Name } from './hashed.ts';
import { type Archived, archivedOf } from './ids.ts';
import type { Way } from './known.ts';
import { type KeptReach, type Latest, latestOf } from './latest.ts';
import { aboutName, nameFrom, sightOf, typeOf, wayOf } from './names.ts';
import { Places, stanzaIdOf } from './place.ts';
import { Recent, recent } from './recent.ts';
import { stanzaFrom } from './stored.ts';

/** Messages that are known again after a restart, as repetitions or by what is said about them. */
const remembered = 150;
/** If they are of the last minutes so many. */
const rememberedLately = 1000;

/** What became of a message. */
export interface Taken {
  /** As clients get it: with its stanza-id where it is archived. */
  stanza: Stanza;
  /** Undefined where it is none for the archive. */
  place: number | undefined;
  /** It has come before; whoever was to get it has got it, or will. */
  isRepeated: boolean;
}

/** How a message came. */
export interface Source {
  isSent: boolean;
  /** Full address of the client of ours that sent it. */
  client?: string | undefined;
  way?: Way;
  /** What aboutName says of it. */
  about?: Name | undefined;
  /** In place of what it says of itself. */
  at?: number;
  from?: string;
  to?: string;
}

interface Parts {
  account: BareJid;
  messages: Messages;
  /** What is in the way of writing. */
  trouble(): Trouble | undefined;
  kept: Kept;
  log: Log;
  /** Own full address upstream. */
  core(): string | undefined;
  now(): number;
}

export class Archive {
  /** What is in it, for who reads it. */
  readonly stored: Archived;
  readonly #parts: Parts;
  readonly #recent = new Recent();
  readonly #watch: (written: Promise<void>) => void;
  readonly #places: Places;
  /** A stanza-id of ours, up to the id. */
  readonly #id: string;
  /** The highest place of a message to one person. */
  #newest = 0;
  #latest: Latest | undefined;
  /** Told of each message that goes in. */
  onAdded: (message: ArchivedMessage) => void = () => {};

  constructor(parts: Parts) {
    this.#parts = parts;
    const { account, messages, log } = parts;
    this.#watch = watching((error) => log.error('message not archived', { account, error: String(error) }));
    this.stored = archivedOf(messages, account);
    this.#id = `<stanza-id xmlns="${NS.sid}" by="${escapeAttribute(account)}" id="`;
    this.#places = new Places(parts.now, (reach) => {
      const kept: KeptReach = { ...reach, ...(this.#latest?.alias && { latest: this.#latest }) };
      parts.kept.put('meta', 'places', JSON.stringify(kept));
    });
  }

  /** Once, before anything is taken. */
  async load(): Promise<void> {
    const { account, messages, kept } = this.#parts;
    const [extent, meta, latest] = await Promise.all([
      messages.extent(account),
      kept.read('meta'),
      this.stored.page({}, remembered, true),
    ]);
    const text = meta.find(({ key }) => key === 'places')?.value;
    const reach = text === undefined ? undefined : (JSON.parse(text) as KeptReach);
    const taken = extent && { first: extent.first.place, last: extent.last.place };
    this.#places.load(taken, reach);
    // so that there is a place for what is older than all that comes from now on
    if (this.#places.last === 0) this.#places.next();
    for (const message of await this.#lately(latest)) this.#remember(message);
    this.#latest = latestOf(latest.messages, reach);
    if (this.#newest === 0 && !latest.complete) await this.#findNewest();
  }

  /** Where much was said in the last minutes, all of it may be told again. */
  async #lately({ messages, complete }: Page): Promise<ArchivedMessage[]> {
    const [first, last] = [messages[0], messages.at(-1)];
    if (complete || first === undefined || last!.at - first.at > recent) return messages;
    const before = { before: first.place, start: last!.at - recent };
    const earlier = await this.stored.page(before, rememberedLately - remembered, true);
    return [...earlier.messages, ...messages];
  }

  async #findNewest(): Promise<void> {
    const { messages } = await this.stored.page({ groupchat: false }, 1, true);
    this.#newest = messages[0]?.place ?? 0;
  }

  #remember(message: ArchivedMessage): void {
    const { place, at, text, type } = message;
    const stanza = Stanza.of(parseElement(text));
    const reading = readMessage(stanza, this.#parts.account);
    const sight = sightOf({ ...reading, alias: message.alias }, message, wayOf(stanza));
    this.#recent.add(sight, place, at);
    if (type !== 'groupchat') this.#newest = Math.max(this.#newest, place);
  }

  /** The highest place there is, and the highest of a message that is not to a room. */
  get last(): number {
    return this.#places.last;
  }
  get newest(): number {
    return this.#newest;
  }
  get places(): Places {
    return this.#places;
  }

  /** The last message with the name that the account's own server has for it, where that is known, and when it was said. */
  get latest(): Latest | undefined {
    return this.#latest;
  }

  /** Why nothing can be kept now. */
  get trouble(): Trouble | undefined {
    return this.#parts.trouble();
  }

  /**
   * Where that client's message stands, if it sent the same before: after `since` and until `until`. Its app sends once more what nobody
   * told it to be taken when its stream broke.
   */
  placeFrom(
    client: FullJid | undefined,
    message: Stanza,
    to: Jid,
    { since, until }: { since: number; until: number },
  ): number | undefined {
    const { account } = this.#parts;
    const name = until === 0 ? undefined : nameFrom(client, message, to, account);
    const known = name && this.#recent.get(name);
    if (known?.place === undefined || known.place <= since || known.place > until) return undefined;
    return known.mark === readMessage(message, account).mark ? known.place : undefined;
  }

  /** `about`: what aboutName says of it. False: nothing of that id went to that peer lately. */
  mayKnow({ type }: Stanza, to: Jid, about: Name | undefined): boolean {
    // all else that was sent with an id goes by that name, too
    const isNamedSo = about !== undefined && type !== 'groupchat' && to !== this.#parts.account;
    return !isNamedSo || this.#recent.get(about) !== undefined;
  }

  /** The server is there (again), and may repeat itself. */
  renewed(): void {
    this.#recent.renewed(this.#parts.now());
  }

  /** A message on its way: into the archive if it belongs there, and known from now on. */
  take(message: Stanza, source: Source): Taken {
    const { account, now } = this.#parts;
    const reading = readMessage(message, account);
    const entry = this.#entryOf(message, reading, source);
    const { type } = entry;
    const sight = sightOf(reading, entry, source.way ?? 'direct', source.about);
    if (reading.alias !== undefined) this.#latest = { alias: detached(reading.alias), at: entry.at };
    // whether a client of ours repeats itself is for `repeats` to say
    const isOwn = source.isSent && source.client !== undefined && type !== 'groupchat';
    const at = now();
    const known = isOwn ? undefined : this.#recent.take(sight, at);
    if (known !== undefined) return this.#again(message, reading, known.place);
    const plain = this.#plain(message, reading);
    if (!reading.isArchivable && !(type === 'error' && this.#isAbout(entry))) {
      if (sight.names.length > 0) this.#recent.add(sight, undefined, at);
      return { stanza: plain, place: undefined, isRepeated: false };
    }
    const place = this.#places.next(at);
    this.#recent.add(sight, place, at);
    entry.place = place;
    entry.text = plain.textFor(this.#shownTo(plain, source), source.from ?? plain.from ?? account);
    this.#add(entry);
    return { stanza: this.#named(plain, place), place, isRepeated: false };
  }

  /** A message from before all that is here, the newest of such first; when it was said, in milliseconds. */
  older(message: Stanza, isSent: boolean, at: number): void {
    const { account } = this.#parts;
    const reading = readMessage(message, account);
    if (!reading.isArchivable) return;
    const source: Source = { isSent, at };
    const plain = this.#plain(message, reading);
    const text = plain.textFor(this.#shownTo(plain, source), plain.from ?? account);
    this.#add({ ...this.#entryOf(message, reading, source), place: this.#places.older(), text }, true);
  }

  /** A hub before this one gave that message that place, and may not have kept it. Should the server send it again, it is known. */
  async recall(message: Stanza, place: number): Promise<void> {
    const { messages } = await this.stored.page({ places: [place] }, 1);
    if (messages.length > 0) return;
    const { account, now } = this.#parts;
    const source: Source = { isSent: false, at: Math.floor(place / 1000) };
    const plain = Stanza.of(unmarked(message.tree, account));
    const reading = readMessage(plain, account);
    const entry = this.#entryOf(plain, reading, source);
    this.#places.load({ first: place, last: place });
    this.#recent.add(sightOf(reading, entry, wayOf(plain)), place, now());
    this.#add({ ...entry, place, text: plain.textFor(this.#shownTo(plain, source), plain.from ?? account) });
  }

  #again(message: Stanza, reading: Reading, place: number | undefined): Taken {
    const stanza = place === undefined ? message : this.#named(this.#plain(message, reading), place);
    return { stanza, place, isRepeated: true };
  }

  /** Without ids that are for us to give. */
  #plain(message: Stanza, { isMarked }: Reading): Stanza {
    return isMarked ? Stanza.of(unmarked(message.tree, this.#parts.account)) : message;
  }

  #entryOf(message: Stanza, reading: Reading, source: Source): ArchivedMessage {
    const { isSent, client } = source;
    const type = typeOf(message);
    const end = isSent && type !== 'groupchat' ? (source.to ?? message.to) : (source.from ?? message.from);
    const other = end ?? this.#parts.account;
    return {
      place: 0,
      at: source.at ?? this.#dateOf(isSent ? undefined : reading.stamp),
      peer: bare(other as Jid),
      resource: resourceOf(other as FullJid) || undefined,
      isSent,
      type,
      id: message.id,
      originId: reading.originId,
      alias: reading.alias,
      client,
      text: '',
      body: reading.body,
    };
  }

  /** Nothing is from before 1970, or from the future. */
  #dateOf(stamp: number | undefined): number {
    const now = this.#parts.now();
    return stamp === undefined ? now : Math.max(0, Math.min(stamp, now));
  }

  /** Errors about what was archived are archived. */
  #isAbout({ peer, id }: ArchivedMessage): boolean {
    return id !== undefined && this.#recent.get(aboutName(peer, id))?.place !== undefined;
  }

  /** The core session is nobody's business: what came for it came for the account. */
  #shownTo(message: Stanza, source: Source): string {
    const { account, core } = this.#parts;
    const to = source.to ?? message.to;
    return to === undefined || (to === core() && (!source.isSent || message.type === 'groupchat')) ? account : to;
  }

  #named(plain: Stanza, place: number): Stanza {
    return plain.adding(`${this.#id}${stanzaIdOf(place)}"/>`);
  }

  /** A message of the archive as clients get it. */
  shown({ text, place, id, type }: ArchivedMessage): Stanza {
    return this.#named(stanzaFrom(text, { id, type }), place);
  }

  #add(message: ArchivedMessage, isPast = false): void {
    const { account, messages } = this.#parts;
    if (message.type !== 'groupchat') this.#newest = Math.max(this.#newest, message.place);
    this.onAdded(message);
    this.#watch(messages.add(account, message, isPast));
  }

  /** How far it has got is kept: before messages are deleted, and when nothing is taken any more. */
  settle(): void {
    this.#places.settle();
  }
}
