/**
 * The meeting point of one account: its core session on one side, its clients on the other (src/RULES.md). This file only routes;
 * each rule has a file of its own. Nothing here waits between reading state and changing it.
 */
import type { CoreEvents } from '../upstream/types.ts';
import { type BareJid, bare, type FullJid, type Jid } from '../wire/jid.ts';
import { NS } from '../wire/ns.ts';
import { parseElement } from '../wire/parser.ts';
import { isRequest, isResponse, Stanza } from '../wire/stanza.ts';
import { hasChild, xml } from '../wire/xml.ts';
import { type Attachment, Attendance } from './attendance.ts';
import type { Client } from './clients.ts';
import type { Context, HubSettings, Past } from './context.ts';
import { isOf } from './forged.ts';
import type { Line } from './line.ts';
import type { OwnArchive } from './mam.ts';
import { isOwed } from './owed.ts';
import { type HubOptions, loadParts, makeParts, type Parts } from './parts.ts';
import { ownPlaceIn } from './place.ts';
import type { RoomSummary } from './room.ts';
import type { RoomAction } from './rooms.ts';
import { isSubscription } from './subscriptions.ts';

/** How often overdue requests are looked for: milliseconds. */
const sweep = 30_000;

export class Hub implements Pick<CoreEvents, 'online' | 'offline' | 'stanza' | 'handled' | 'unacknowledged'> {
  readonly #line: Line = { address: undefined, isOnline: false, isClosed: false };
  readonly #parts: Parts;
  readonly #context: Context;
  readonly #attendance: Attendance;
  readonly #sweep: NodeJS.Timeout;

  /** Opens a hub with all that was kept of the account. */
  static async open(options: HubOptions): Promise<Hub> {
    const hub = new Hub(options);
    await loadParts(hub.#parts);
    return hub;
  }

  private constructor(options: HubOptions) {
    this.#parts = makeParts(options, this.#line);
    this.#context = this.#parts.context;
    this.#attendance = new Attendance(this.#parts);
    this.#sweep = setInterval(() => this.sweep(), sweep);
  }

  /** None in the merged view, whose messages are those of its accounts. */
  get archive(): OwnArchive | undefined {
    return this.#parts.archive;
  }

  /** Every half minute: what is overdue. */
  sweep(): void {
    const now = this.#context.now();
    this.#each(
      () => this.#parts.tracker.expire(now),
      () => this.#parts.forwarded.expire(now),
      () => this.#parts.rooms.tick(),
      () => this.#parts.outbound.expire(),
      () => this.#parts.marks?.sweep(),
      () => this.#parts.preferences.sweep(),
    );
  }

  set settings(settings: HubSettings) {
    this.#context.settings = settings;
    this.#parts.subscriptions.review();
    this.#parts.presences.announce();
  }
  get contacts(): number {
    return this.#parts.roster.size;
  }
  get clientCount(): number {
    return this.#context.clients.size;
  }

  // ---- clients

  attach(sid: number, known: Attachment): void {
    this.#attendance.attach(sid, known);
  }

  /** `isClean`: it ended its session itself, and knows what became of all it sent. */
  detach(sid: number, isClean = false): void {
    this.#attendance.detach(sid, isClean);
  }

  /** The client has all that it was given up to that place in the archive. */
  acknowledged(sid: number, place: number): void {
    const client = this.#context.clients.get(sid);
    if (client !== undefined) this.#attendance.acknowledged(client, place);
  }

  /** The client can take what can wait, or cannot now. */
  flow(sid: number, isOpen: boolean): void {
    if (this.#context.clients.get(sid) !== undefined) this.#parts.flow.set(sid, isOpen);
  }

  activity(sid: number, inactive: boolean): void {
    const client = this.#context.clients.get(sid);
    if (client !== undefined) this.#attendance.activity(client, inactive);
  }

  /**
   * A stanza of a client's; `to` is prepared. `order` rises with the time (microseconds); `past`: a hub that died had taken it, or
   * had been told it, and may not have had the time to send it.
   */
  fromClient(sid: number, stanza: Stanza, order?: number, past?: Past): void {
    const client = this.#context.clients.get(sid);
    if (client === undefined || this.#line.isClosed) return;
    if (stanza.name === 'message') return this.#messageFrom(client, stanza, order, past);
    if (stanza.name === 'presence') return this.#attendance.presence(client, stanza);
    if (isRequest(stanza)) return this.#parts.requests.take(client, stanza);
    if (!this.#parts.capabilities.takes(client, stanza)) this.#parts.forwarded.respond(client, stanza);
  }

  #messageFrom(client: Client, stanza: Stanza, order: number | undefined, past: Past | undefined): void {
    const message = this.#parts.marks?.assisted(stanza) ?? stanza;
    if (past === undefined) this.#parts.outbound.take(client, message, order);
    else this.#parts.outbound.repeat(client, message, past, order);
  }

  // ---- the server

  /** A message that a hub before this one gave to clients, and may not have kept. */
  async recall(text: string, place: number): Promise<void> {
    const { account, archive } = this.#context;
    const message = Stanza.of(parseElement(text));
    const isFromOthers = message.from !== undefined && bare(message.from as Jid) !== account;
    // what is no copy of ours says where it is
    if (!isFromOthers || ownPlaceIn(message.tree, account) !== place) return;
    const recalled = archive.recall(message, place);
    this.#parts.replay.recalled.expect(place, recalled);
    await recalled;
  }

  online(address: FullJid, resumed: boolean, inherited = false): void {
    const { context, outbound, presences, rooms, owed, requests, marks, preferences, catchUp, isLocal } = this.#parts;
    this.#line.address = address;
    this.#line.isOnline = true;
    context.archive.renewed();
    const isKnown = resumed && !inherited;
    if (!isKnown) outbound.renewed(resumed);
    this.#each(
      () => (isKnown ? presences.resumed() : this.#introduce()),
      () => inherited && presences.ask(),
      () => rooms.online(isKnown),
      () => owed.flush(),
      () => requests.flush(),
      () => marks?.online(),
      () => presences.announce(),
      () => isKnown || isLocal || preferences.renewed(),
      // Prosody withholds offline messages where the archive is asked before initial presence
      () => (isLocal ? outbound.flush() : catchUp.begin(isKnown)),
    );
  }

  /** One after the other, each for itself: a fault in one part is in the log, and the others go on. */
  #each(...parts: readonly (() => void)[]): void {
    for (const part of parts) {
      try {
        part();
      } catch (error) {
        const { stack } = error as Error;
        this.#context.log.error('part of a hub failed', { account: this.#context.account, error: stack });
      }
    }
  }

  /** A new session upstream knows nothing of us, or we know nothing of it. */
  #introduce(): void {
    const { tracker, ask, roster, discovery, presences } = this.#parts;
    tracker.failAll();
    ask('get', roster.query(), (response) => {
      if (response?.type === 'result') roster.replace(response.tree.getChild('query', NS.roster));
    });
    ask('set', xml('enable', NS.carbons));
    ask('get', xml('blocklist', NS.blocking)); // who has not asked gets no pushes
    discovery.renewed();
    presences.renewed();
  }

  offline(): void {
    this.#line.isOnline = false;
    this.#parts.catchUp.offline();
    this.#parts.backfill.offline();
    this.#parts.outbound.offline();
    this.#parts.rooms.offline();
  }

  /** Messages with that peer, or all, are about to be deleted: nothing brings them back. */
  forgetting(peer: BareJid | null): void {
    this.#context.archive.settle();
    this.#parts.descent.forgetting(peer);
    this.#parts.rooms.forgetting(peer);
  }

  /** The oldest messages were deleted, for they were too old or too many: the server does not bring them back. */
  trimmed(): void {
    this.#parts.descent.cut();
  }

  // ---- rooms, for administration

  rooms(): RoomSummary[] {
    return this.#parts.rooms.list();
  }

  /** False if there is no such room. */
  room(address: BareJid, action: RoomAction): boolean {
    return this.#parts.rooms.act(address, action);
  }

  /** The server has all that was sent with these sequence numbers. */
  handled(first: number, last: number): void {
    this.#parts.outbound.handled(first, last);
  }

  /** What the server may never have got: messages are in the outbox, requests are answered by the tracker, presence is told anew. */
  unacknowledged(texts: string[]): void {
    const stanzas = texts.map((text) => Stanza.of(parseElement(text)));
    for (const stanza of stanzas.filter(isOwed)) this.#parts.owed.add(stanza.toString());
  }

  stanza(stanza: Stanza): void {
    if (this.#line.isClosed || this.#isForged(stanza)) return;
    if (stanza.name === 'message') return this.#messageTo(stanza);
    if (stanza.name === 'presence') return this.#presenceTo(stanza);
    if (isRequest(stanza)) return this.#parts.incoming.take(stanza);
    if (isResponse(stanza)) this.#parts.tracker.take(stanza)?.done(stanza);
  }

  /** What is said waits until what was missed is here. Rooms have a history of their own, and a client has asked for a result. */
  #messageTo(message: Stanza): void {
    if (this.#parts.serverArchive.take(message)) return;
    const mayWait = message.type !== 'groupchat' && !hasChild(message.tree, 'result', NS.mam);
    if (!mayWait || !this.#parts.catchUp.holds(message)) this.#parts.inbound.take(message);
  }

  /** Nobody outside may speak as root or as a service of ours (RULES 0). */
  #isForged(stanza: Stanza): boolean {
    const { account, log, settings } = this.#context;
    if (this.#parts.isLocal || !isOf(settings.domain, stanza.from)) return false;
    log.warn('stanza with an address of ours dropped', { account, from: stanza.from });
    return true;
  }

  #presenceTo(presence: Stanza): void {
    const { context, subscriptions, rooms, presences } = this.#parts;
    const { from } = presence;
    if (from === undefined) return;
    if (isSubscription(presence.type)) return subscriptions.fromContact(presence);
    if (rooms.presence(presence)) return;
    // of a room that we are not in (any more): nothing that would be a contact's
    if (presence.type === 'error' || hasChild(presence.tree, 'x', NS.mucUser)) {
      const directed = presences.directedTo(bare(from as Jid));
      return context.outlet.deliver(directed.length > 0 ? directed : context.clients.available, presence);
    }
    if (presence.type === undefined || presence.type === 'unavailable') presences.fromContact(presence);
  }

  /** Nothing is taken any more, and nothing goes to the store. */
  close(): void {
    this.#line.isClosed = true;
    this.#parts.replay.close();
    this.#context.archive.settle();
    this.#parts.agenda.clear();
    clearInterval(this.#sweep);
    this.#parts.roster.close();
    this.#parts.presences.close();
    this.#parts.requests.close();
    this.#parts.rooms.close();
  }
}
