/** What is said goes into the account's archive (XEP-0313): each message once, whatever ways it comes, under an id of ours. */
import type { ArchivedMessage, Messages } from '../archive/types.ts';
import { type BareJid, bare, type FullJid, isFull, type Jid, resourceOf } from '../wire/jid.ts';
import { NS } from '../wire/ns.ts';
import { parseElement } from '../wire/parser.ts';
import { Stanza } from '../wire/stanza.ts';
import { detached, xml } from '../wire/xml.ts';
import { type Reading, readMessage, unmarked } from './archivable.ts';
import type { Kept, Log } from './context.ts';
import { Places, type Reach, stanzaIdOf } from './place.ts';
import { Recent, type Sight, type Way } from './recent.ts';

/** Messages that are known again after a restart, as repetitions or by what is said about them. */
const remembered = 150;

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
  /** In place of what it says of itself. */
  at?: number;
}

interface Parts {
  account: BareJid;
  messages: Messages;
  kept: Kept;
  log: Log;
  /** Own full address upstream. */
  core(): string;
  now(): number;
}

export class Archive {
  readonly #parts: Parts;
  readonly #recent = new Recent();
  readonly #places: Places;
  /** The highest place of a message to one person. */
  #newest = 0;

  constructor(parts: Parts) {
    this.#parts = parts;
    this.#places = new Places(parts.now, (reach) => parts.kept.put('meta', 'places', JSON.stringify(reach)));
  }

  /** Once, before anything is taken. */
  async load(): Promise<void> {
    const { account, messages, kept } = this.#parts;
    const [extent, meta, latest] = await Promise.all([
      messages.extent(account),
      kept.read('meta'),
      messages.page(account, {}, remembered, true),
    ]);
    const found = meta.find(({ key }) => key === 'places')?.value;
    const taken = extent && { first: extent.first.place, last: extent.last.place };
    this.#places.load(taken, found === undefined ? undefined : (JSON.parse(found) as Reach));
    for (const message of latest.messages) this.#remember(message);
    if (this.#newest === 0 && !latest.complete) await this.#findNewest();
  }

  async #findNewest(): Promise<void> {
    const { account, messages } = this.#parts;
    const { messages: found } = await messages.page(account, { groupchat: false }, 1, true);
    this.#newest = found[0]?.place ?? 0;
  }

  #remember(message: ArchivedMessage): void {
    const { place, at, text, type } = message;
    const stanza = Stanza.of(parseElement(text));
    const reading = readMessage(stanza, this.#parts.account);
    const sight = sightOf({ ...reading, alias: message.alias }, message, wayOf(stanza));
    this.#recent.add({ ...sight, names: sight.names.map(detached) }, place, at);
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

  /** The server is there (again), and may repeat itself. */
  renewed(): void {
    this.#recent.renewed(this.#parts.now());
  }

  /** A message on its way: into the archive if it belongs there, and known from now on. */
  take(message: Stanza, source: Source): Taken {
    const { account, now } = this.#parts;
    const reading = readMessage(message, account);
    const type = typeOf(message);
    const entry = this.#entryOf(message, reading, source);
    const sight = sightOf(reading, entry, source.way ?? 'direct');
    // whether a client of ours repeats itself is for `repeats` to say
    const known = source.client === undefined || type === 'groupchat' ? this.#recent.take(sight, now()) : undefined;
    if (known !== undefined) return this.#again(message, reading, known.place);
    if (!reading.isArchivable && !(type === 'error' && this.#isAbout(entry))) {
      if (sight.names.length > 0) this.#recent.add(sight, undefined, now());
      return { stanza: message, place: undefined, isRepeated: false };
    }
    const place = this.#places.next();
    this.#recent.add(sight, place, now());
    const plain = reading.isMarked ? Stanza.of(unmarked(message.tree, account)) : message;
    this.#add({ ...entry, place, text: plain.textFor(this.#shownTo(plain, source), plain.from) });
    return { stanza: this.#named(plain, place), place, isRepeated: false };
  }

  #again(message: Stanza, { isMarked }: Reading, place: number | undefined): Taken {
    if (place === undefined) return { stanza: message, place, isRepeated: true };
    const plain = isMarked ? Stanza.of(unmarked(message.tree, this.#parts.account)) : message;
    return { stanza: this.#named(plain, place), place, isRepeated: true };
  }

  #entryOf(message: Stanza, reading: Reading, { isSent, client, at }: Source): ArchivedMessage {
    const { account, now } = this.#parts;
    const other = (isSent && typeOf(message) !== 'groupchat' ? message.to : message.from) ?? account;
    const stamp = isSent ? undefined : reading.stamp;
    return {
      place: 0,
      at: at ?? Math.max(0, Math.min(stamp ?? now(), now())),
      peer: bare(other as Jid),
      resource: resourceOf(other as FullJid) || undefined,
      isSent,
      type: typeOf(message),
      id: message.id,
      originId: reading.originId,
      alias: reading.alias,
      client,
      text: '',
      body: reading.body,
    };
  }

  /** Errors about what was archived are archived. */
  #isAbout({ peer, id }: ArchivedMessage): boolean {
    return id !== undefined && this.#recent.placeOf(aboutName(peer, id)) !== undefined;
  }

  /** The core session is nobody's business: what came for it came for the account. */
  #shownTo({ to, type }: Stanza, { isSent }: Source): string {
    const { account, core } = this.#parts;
    return to === undefined || (to === core() && (!isSent || type === 'groupchat')) ? account : to;
  }

  #named(plain: Stanza, place: number): Stanza {
    return plain.adding(xml('stanza-id', { xmlns: NS.sid, by: this.#parts.account, id: stanzaIdOf(place) }));
  }

  #add(message: ArchivedMessage): void {
    const { account, messages, log } = this.#parts;
    if (message.type !== 'groupchat') this.#newest = message.place;
    messages
      .add(account, message)
      .catch((error: unknown) => log.error('message not archived', { account, error: String(error) }));
  }

  /** Nothing is taken any more. */
  close(): void {
    this.#places.settle();
  }
}

const types: readonly string[] = ['chat', 'headline', 'groupchat', 'error'];

/** RFC 6121 §5.2.2: what is none of these is normal. */
const typeOf = ({ type }: Stanza): ArchivedMessage['type'] =>
  type !== undefined && types.includes(type) ? (type as ArchivedMessage['type']) : 'normal';

const sightOf = (reading: Reading, message: ArchivedMessage, way: Way): Sight => ({
  names: namesOf(reading, message),
  mark: reading.mark,
  alias: reading.alias ?? reading.roomId,
  way,
  stamp: reading.stamp,
});

/** What a message is known by. An error has the id of the message that it is about. */
function namesOf({ alias, roomId, originId }: Reading, { id, peer, resource, ...message }: ArchivedMessage): string[] {
  const names: string[] = [];
  const { type, isSent, client } = message;
  const other = `${peer}/${resource ?? ''}`;
  if (alias !== undefined) names.push(`alias ${alias}`);
  if (roomId !== undefined) names.push(`room ${peer} ${roomId}`);
  if (originId !== undefined && originId !== id && !isSent) names.push(`origin ${other} ${originId}`);
  if (id === undefined) return names;
  if (type === 'error') names.push(`error ${other} ${id}`);
  else if (type === 'groupchat' || !isSent) names.push(`came ${other} ${id}`);
  else names.push(`sent ${client ?? ''} ${other} ${id}`, aboutName(peer, id));
  return names;
}

/** What an error is about: the message that went to that peer. */
const aboutName = (peer: string, id: string): string => `about ${peer} ${id}`;

/** It went to another resource of the account, so it came as a carbon. */
const wayOf = ({ to }: Stanza): Way => (to !== undefined && isFull(to as Jid) ? 'carbon' : 'direct');
