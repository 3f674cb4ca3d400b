/**
 * The archive of the account, for its apps (XEP-0313): ours in place of the server's, under the account's bare address. A client's
 * queries are answered one after the other, as it takes the pages.
 */
import type { ArchivedMessage, Selection } from '../archive/types.ts';
import { StanzaError } from '../wire/error.ts';
import { bare, isFull, resourceOf } from '../wire/jid.ts';
import { NS } from '../wire/ns.ts';
import { errorOf, resultOf, type Stanza } from '../wire/stanza.ts';
import { type Element, xml } from '../wire/xml.ts';
import { type PageGiven, pageElement } from '../xep/rsm.ts';
import type { Reached } from './backfill.ts';
import type { Client } from './clients.ts';
import type { Context } from './context.ts';
import type { Flow } from './flow.ts';
import { type Archived, findById } from './ids.ts';
import { noPast, type Past, readPage } from './mam-page.ts';
import { type MamQuery, queryForm, readQuery } from './mam-query.ts';
import { archivedResult, stampOf } from './mam-result.ts';
import { placeOf, stanzaIdOf } from './place.ts';
import type { ArchivePreferences } from './preferences.ts';
import { Turns } from './turns.ts';

/** Messages in a page: where the client does not say, and at most. */
const usual = 50;
const most = 250;

/** Between the pages of a client that asks for the next before it has the last one: time to say that it is enough. Milliseconds. */
const breath = 25;

interface Parts {
  archived: Archived;
  flow: Flow;
  /** That client knows how to ask an archive. */
  queriedArchive(sid: number): void;
  preferences: ArchivePreferences;
}

export class OwnArchive {
  readonly #context: Context;
  readonly #parts: Parts;
  readonly #turns: Turns;
  /** Asked for an id that the archive does not have: it may have it by now, or nobody has, or that takes longer. */
  unknownId: (id: string) => Promise<Reached> = async () => false;
  past: Past = noPast;
  /** False while something may still come in between (§4.3.2). */
  isStable: () => boolean = () => true;

  constructor(context: Context, parts: Parts) {
    this.#context = context;
    this.#parts = parts;
    this.#turns = new Turns(() => new Promise((resolve) => context.later(breath, resolve)));
  }

  /** A request that is about the account's archive; throws what is wrong with it. */
  take(client: Client, request: Stanza, payload: Element): Element | 'answered' {
    if (payload.name === 'query' && request.type === 'get') return queryForm();
    if (payload.name === 'prefs') return this.#parts.preferences.take(request.type, payload);
    if (payload.name === 'metadata') return this.#later(client, request, () => this.#describe(request));
    const query = readQuery(payload);
    this.#parts.queriedArchive(client.sid);
    return this.#later(client, request, () => this.#answer(client, request, query));
  }

  gone(sid: number): void {
    this.#turns.gone(sid);
  }

  #later(client: Client, request: Stanza, answer: () => Promise<Stanza>): 'answered' {
    const work = async (): Promise<void> => {
      const response = await answer().catch((reason) => this.#failed(request, reason));
      if (this.#isThere(client)) this.#context.outlet.deliver([client.sid], response);
    };
    if (!this.#turns.add(client.sid, work)) throw new StanzaError('resource-constraint', 'Too many queries at once');
    return 'answered';
  }

  #isThere(client: Client): boolean {
    return this.#context.clients.get(client.sid) === client;
  }

  #failed(request: Stanza, reason: unknown): Stanza {
    const { account, log } = this.#context;
    if (!(reason instanceof StanzaError)) log.error('archive query failed', { account, error: String(reason) });
    return errorOf(request, StanzaError.from(reason));
  }

  /** §5: the first message and the last one. Where the server has an older one that is the first, by the server's id. */
  async #describe(request: Stanza): Promise<Stanza> {
    const { archived } = this.#parts;
    const oldest = this.past.reaches(undefined) ? undefined : await this.past.first();
    const ends: Element[] = [];
    for (const name of ['start', 'end']) {
      const { messages } = await archived.page({ groupchat: false }, 1, name === 'end');
      const isElsewhere =
        name === 'start' && oldest !== undefined && (await findById(archived, oldest.alias)) === undefined;
      if (isElsewhere) ends.push(xml(name, { id: oldest.alias, timestamp: stampOf(oldest.at) }));
      else
        for (const { place, at } of messages) ends.push(xml(name, { id: stanzaIdOf(place), timestamp: stampOf(at) }));
    }
    return resultOf(request, xml('metadata', NS.mam, ...ends));
  }

  /** §4.2: the messages of a page, then what page it was. */
  async #answer(client: Client, request: Stanza, query: MamQuery): Promise<Stanza> {
    const { archived, flow } = this.#parts;
    const { page, queryid, flip } = query;
    const selection = await this.#selection(query);
    const limit = Math.min(page.max ?? usual, most);
    if (limit === 0) return this.#counted(request, selection);
    await flow.opened(client.sid);
    const isBackwards = page.before !== undefined;
    const reading = { archived, past: this.past, isWanted: () => this.#isThere(client) };
    const { messages, complete, isWhole } = await readPage(reading, selection, limit, isBackwards);
    if (!this.#isThere(client)) return request; // nobody gets it
    // an app takes what it gets for all there is: what begins too late, or has nothing, it would not ask for again
    if (!isWhole && query.words === undefined && (!isBackwards || messages.length === 0))
      throw new StanzaError('remote-server-timeout', 'The server has not given out all of it yet: ask again');
    for (const message of flip ? messages.toReversed() : messages)
      this.#context.outlet.deliver([client.sid], archivedResult(this.#context.account, queryid, message));
    const isFirst = page.after === undefined && page.before === undefined;
    const isAll = complete && (isFirst || page.before === '');
    const count = isAll ? messages.length : await this.#cheapCount(query, selection);
    // COMPAT: where it could be told of the last page, slixmpp takes that for the end, in whichever direction it goes
    const index = isWhole && (isFirst || isAll) ? 0 : undefined;
    const given = { first: idOf(messages[0]), last: idOf(messages.at(-1)), index, count };
    return this.#fin(request, complete, given, isWhole);
  }

  /** Of all messages, or all with one contact, the number is known; others would have to be counted for each page. */
  async #cheapCount(query: MamQuery, { peer, groupchat }: Selection): Promise<number | undefined> {
    const { with: whom, start, end, afterId, beforeId, ids, words } = query;
    const filters = [start, end, afterId, beforeId, ids, words];
    if (!this.past.reaches(undefined)) return undefined;
    if (filters.some((filter) => filter !== undefined) || (whom !== undefined && isFull(whom))) return undefined;
    return this.#parts.archived.count({
      ...(peer !== undefined ? { peer } : {}),
      ...(groupchat !== undefined ? { groupchat } : {}),
    });
  }

  /** XEP-0059 §2.7: how many there are, and none of them. */
  async #counted(request: Stanza, selection: Selection): Promise<Stanza> {
    const isWhole = selection.after !== undefined || this.past.reaches(selection.start);
    const count = await this.#parts.archived.count(selection);
    return this.#fin(request, isWhole && count === 0, { count }, isWhole);
  }

  #fin(request: Stanza, complete: boolean, page: PageGiven, isWhole: boolean): Stanza {
    const attrs = {
      xmlns: NS.mam,
      complete: complete ? 'true' : undefined,
      stable: isWhole && this.isStable() ? undefined : 'false',
    };
    return resultOf(request, xml('fin', attrs, pageElement(page)));
  }

  /** What is asked for, with ids made places; throws `item-not-found` for an id that nobody knows (§4.1.3). */
  async #selection(query: MamQuery): Promise<Selection> {
    const { page, start, end, words, ids } = query;
    const after = await this.#bounds(query.afterId, page.after);
    const before = await this.#bounds(query.beforeId, page.before || undefined);
    const places = ids && (await this.#places(...ids));
    const peer = query.with && bare(query.with);
    const selection: Selection = {
      ...(peer !== undefined ? { peer } : {}),
      ...(query.with !== undefined && isFull(query.with) ? { resource: resourceOf(query.with) } : {}),
      ...(start !== undefined ? { start } : {}),
      ...(end !== undefined ? { end } : {}),
      ...(after.length > 0 ? { after: Math.max(...after) } : {}),
      ...(before.length > 0 ? { before: Math.min(...before) } : {}),
      ...(places !== undefined ? { places } : {}),
      ...(words !== undefined ? { words } : {}),
    };
    // who names a message means it
    const groupchat = query.groupchat ?? places !== undefined;
    return groupchat ? selection : { ...selection, groupchat };
  }

  async #places(...ids: readonly (string | undefined)[]): Promise<number[]> {
    const places: number[] = [];
    for (const id of ids) if (id !== undefined) places.push(await this.#placeOf(id));
    return places;
  }

  /** Ends of a span: at messages, or where one was to be. */
  async #bounds(...ids: readonly (string | undefined)[]): Promise<number[]> {
    const places: number[] = [];
    for (const id of ids) if (id !== undefined) places.push(await this.#placeOf(id, true));
    return places;
  }

  /**
   * The place of a message that apps got and the archive did not, for we ended in between. The server has given it to us again by
   * then; an app that goes on from there misses nothing, and one that is told that there is no such id begins anew.
   */
  async #lost(id: string): Promise<number | undefined> {
    const { archive, now } = this.#context;
    const place = placeOf(id);
    if (place === undefined || place > Math.max(archive.last, now() * 1000)) return undefined;
    const [first] = (await this.#parts.archived.page({}, 1)).messages;
    return first !== undefined && first.place < place ? place : undefined;
  }

  async #placeOf(id: string, isBound = false): Promise<number> {
    const { archived } = this.#parts;
    const found = await findById(archived, id);
    const place = found?.place ?? (isBound ? await this.#lost(id) : undefined);
    if (place !== undefined) return place;
    // an app that takes an unknown id for the end of its archive would begin anew
    if (placeOf(id) === undefined && !this.#context.up.online())
      throw new StanzaError('remote-server-timeout', 'The server may know that id, but is not reachable now');
    const reached = await this.unknownId(id);
    if (reached === 'later' && placeOf(id) === undefined)
      throw new StanzaError('remote-server-timeout', 'The server knows more of it: ask again');
    const fetched = reached === true ? await findById(archived, id) : undefined;
    if (fetched === undefined) throw new StanzaError('item-not-found', 'The archive has no message of that id');
    return fetched.place;
  }
}

const idOf = (message: ArchivedMessage | undefined): string | undefined => message && stanzaIdOf(message.place);
