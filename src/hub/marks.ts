/**
 * How far each chat was read (XEP-0490). Apps name a message by our id, the server's other apps by the server's: what is published
 * carries the server's, what comes back ours. What a server that is away shall know is kept until it does.
 */
import { NS } from '../wire/ns.ts';
import { resultOf, Stanza } from '../wire/stanza.ts';
import { childIn, clone, type Element, shallow, xml } from '../wire/xml.ts';
import type { Context } from './context.ts';
import { eventOf, type FoundMark, isOwn, isWhole, marksIn, publication } from './displayed.ts';
import { type Archived, findById } from './ids.ts';
import { stanzaIdOf } from './place.ts';

/** What the server does not know, or not by the right name. */
interface Mark {
  /** As the client said it. */
  id: string;
  by: string;
  /** When: milliseconds since the epoch. */
  at: number;
  /** The name that the server has been told instead; undefined: nothing. */
  told?: string | undefined;
}

/** Chats with such marks, and how long a better name is waited for: milliseconds. */
const most = 500;
const patience = 24 * 3600_000;
/** So far back a message is looked for that the server has a name for. */
const near = 20;

interface Parts {
  archived: Archived;
  /** Asks the account's own address. */
  ask(type: 'get' | 'set', payload: Element, done: (response?: Stanza) => void): void;
  /** To the clients that want to hear of it. */
  tell(event: Stanza): void;
}

export class Marks {
  readonly #context: Context;
  readonly #parts: Parts;
  /** By chat: the id of its item. */
  readonly #open = new Map<string, Mark>();
  /** Whether the server takes all options. */
  #withAll = true;
  /** Ids are looked up one after the other, so that marks keep their order. */
  #last: Promise<unknown> = Promise.resolve();

  constructor(context: Context, parts: Parts) {
    this.#context = context;
    this.#parts = parts;
  }

  async load(): Promise<void> {
    for (const { key, value } of await this.#context.kept.read('mark')) this.#open.set(key, JSON.parse(value) as Mark);
  }

  /** A client publishes: the request as the server is to have it. */
  outward(request: Stanza): Promise<Stanza> {
    return this.#renamed(request, (id, chat) => this.#serversName(id, chat));
  }

  /** An event, or items that were asked for: as clients are to have them. */
  inward(stanza: Stanza): Promise<Stanza> {
    return this.#renamed(stanza, async (id, chat) => {
      const open = this.#open.get(chat);
      if (stanza.name === 'message' && open?.told !== undefined && open.told !== id) this.#forget(chat, open); // it is older
      const found = await findById(this.#parts.archived, id);
      return found === undefined ? id : stanzaIdOf(found.place);
    });
  }

  #renamed(stanza: Stanza, rename: (id: string, chat: string) => Promise<string>): Promise<Stanza> {
    const { account, log } = this.#context;
    const work = async (): Promise<Stanza> => {
      const copy = clone(stanza.tree);
      for (const { chat, id } of marksIn(copy)) if (isOwn(id, account)) id.attrs.id = await rename(id.attrs.id, chat);
      return Stanza.of(copy);
    };
    const done = this.#last.then(work).catch((error: unknown) => {
      log.error('read mark not translated', { account, error: String(error) });
      return stanza;
    });
    this.#last = done;
    return done;
  }

  async #serversName(id: string, chat: string): Promise<string> {
    const { name, isRight } = await this.#nameOf(id);
    if (isRight) this.#forget(chat);
    else this.#keep(chat, { id, by: this.#context.account, at: this.#context.now(), told: name });
    return name;
  }

  /**
   * What the server calls that message. Where it has no name for it (what we sent, until it is found in the server's archive), the
   * newest one before it in the chat stands for it, else our own name, which other apps pass over (§5.1).
   */
  async #nameOf(id: string): Promise<{ name: string; isRight: boolean }> {
    const { archived } = this.#parts;
    const found = await findById(archived, id);
    if (found === undefined || found.alias !== undefined) return { name: found?.alias ?? id, isRight: true };
    const before = await archived.page({ peer: found.peer, before: found.place }, near, true);
    const named = before.messages.findLast(({ alias }) => alias !== undefined);
    return { name: named?.alias ?? stanzaIdOf(found.place), isRight: false };
  }

  /** A client publishes while the server is away: it is kept, and the other clients hear of it. False: it is not to be kept. */
  later(request: Stanza): Stanza | undefined {
    const found = marksIn(request.tree);
    if (found.length !== 1) return undefined;
    const [{ chat, id, item }] = found as [FoundMark];
    if (!isWhole(id)) return undefined;
    this.#keep(chat, { id: id.attrs.id, by: id.attrs.by, at: this.#context.now() });
    this.#parts.tell(eventOf(this.#context.account, item));
    return resultOf(request);
  }

  /** §4.5: a message may carry the mark; it goes on without, and the mark is published. */
  assisted(message: Stanza): Stanza {
    const displayed = childIn(message.tree, NS.displayed);
    if (displayed === undefined) return message;
    const rest = shallow(message.tree);
    rest.children = rest.children.filter((child) => typeof child === 'string' || child.attrs.xmlns !== NS.displayed);
    const id = displayed.getChild('stanza-id', NS.sid);
    if (message.to !== undefined && id !== undefined && isWhole(id)) {
      const mark: Mark = { id: id.attrs.id, by: id.attrs.by, at: this.#context.now() };
      this.#keep(message.to, mark);
      if (this.#context.up.online()) void this.#publish(message.to, mark);
    }
    return Stanza.of(rest);
  }

  /** The server is there: what it has not been told, unless it knows of something newer. */
  online(): void {
    const untold = [...this.#open].filter(([, { told }]) => told === undefined);
    if (untold.length === 0) return;
    const items = xml('pubsub', NS.pubsub, xml('items', { node: NS.displayed }));
    this.#parts.ask('get', items, (response) => {
      if (response === undefined) return;
      const known = new Map(marksIn(response.tree).map(({ chat, id }) => [chat, id]));
      for (const [chat, mark] of untold) void this.#publishNewer(chat, mark, known.get(chat));
    });
  }

  async #publishNewer(chat: string, mark: Mark, known: Element | undefined): Promise<void> {
    const { account } = this.#context;
    if (known !== undefined && isOwn(known, account) && mark.by === account) {
      const [theirs, ours] = [await this.#placeOf(known.attrs.id), await this.#placeOf(mark.id)];
      if (theirs !== undefined && ours !== undefined && theirs >= ours) return this.#forget(chat, mark);
    }
    await this.#publish(chat, mark);
  }

  async #placeOf(id: string): Promise<number | undefined> {
    return (await findById(this.#parts.archived, id))?.place;
  }

  /** Now and then: what the server was told by another name may have got its own. */
  sweep(): void {
    const { now, up } = this.#context;
    for (const [chat, mark] of this.#open)
      if (mark.told !== undefined && now() - mark.at > patience) this.#forget(chat, mark);
      else if (mark.told !== undefined && up.online()) void this.#publish(chat, mark);
  }

  async #publish(chat: string, mark: Mark): Promise<void> {
    const { account } = this.#context;
    const { name, isRight } = mark.by === account ? await this.#nameOf(mark.id) : { name: mark.id, isRight: true };
    if (this.#open.get(chat) !== mark || name === mark.told) return;
    this.#parts.ask('set', publication(chat, name, mark.by, this.#withAll), (response) => {
      if (response === undefined || this.#open.get(chat) !== mark) return;
      if (response.type === 'error' && this.#withAll) {
        this.#withAll = false;
        return void this.#publish(chat, mark);
      }
      if (isRight || response.type === 'error') this.#forget(chat, mark);
      else this.#keep(chat, { ...mark, told: name });
    });
  }

  #keep(chat: string, mark: Mark): void {
    this.#open.delete(chat);
    this.#open.set(chat, mark);
    this.#context.kept.put('mark', chat, JSON.stringify(mark));
    if (this.#open.size > most) this.#forget(this.#open.keys().next().value!);
  }

  /** `mark`: unless there is another one by now. */
  #forget(chat: string, mark = this.#open.get(chat)): void {
    if (mark === undefined || this.#open.get(chat) !== mark) return;
    this.#open.delete(chat);
    this.#context.kept.remove('mark', chat);
  }
}
