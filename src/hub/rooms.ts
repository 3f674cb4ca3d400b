/** The rooms of an account (XEP-0045, RULES 9): which stanzas are about which, and what is kept of them. */
import { StanzaError } from '../wire/error.ts';
import { type BareJid, bare, type FullJid, isFull, type Jid, resourceOf, withResource } from '../wire/jid.ts';
import { NS } from '../wire/ns.ts';
import { errorOf, resultOf, Stanza } from '../wire/stanza.ts';
import { clone, type Element, firstElement, xml } from '../wire/xml.ts';
import { leading } from './aggregate.ts';
import type { Join } from './audience.ts';
import type { Client } from './clients.ts';
import type { Context } from './context.ts';
import { conditionOf, isInvitation, isJoin, nickIn, outsider, statusText, withCaps } from './muc.ts';
import { Room, type RoomHost, type RoomSummary } from './room.ts';
import { forget, keep, keptRooms } from './roomstore.ts';

/** In one account, at most. */
const mostRooms = 500;
/** How long a client's join may wait: milliseconds. */
const patience = 30_000;
/** How often rooms are looked at while something is due soon. */
const round = 1000;
/** A room that was not kept was entered in the last moments of the unit before: milliseconds. */
const lately = 10_000;
/** All rooms that have been silent for long are asked within so many looks at them. */
const spread = 20;

export type RoomAction = 'leave' | 'detach' | 'attach';

interface Parts {
  ask: RoomHost['ask'];
  /** Our capabilities, as other entities see them. */
  caps(): Element;
  /** A message that was given up comes back to who sent it. */
  undelivered(message: Stanza): void;
  /** That client has got what stands there in the archive. */
  gave(sid: number, place: number): void;
  /** That client has those addresses in rooms now. */
  moved(sid: number, rooms: readonly FullJid[]): void;
}

export class Rooms {
  readonly #context: Context;
  readonly #rooms = new Map<BareJid, Room>();
  readonly #host: RoomHost;
  readonly #told: Parts['moved'];
  #timer: NodeJS.Timeout | undefined;
  /** The account's presence. */
  #presence = xml('presence');
  /** What rooms have seen of it, and whose it is. */
  #shown = '';
  /** Is the server there, and knows the rooms we are in or means to be in? */
  #isReady = false;

  constructor(context: Context, { ask, caps, undelivered, gave, moved }: Parts) {
    this.#context = context;
    this.#told = moved;
    this.#host = {
      context,
      ask,
      undelivered,
      gave,
      presence: () => clone(this.#presence),
      fitted: (presence) => withCaps(presence, caps()),
      changed: (room) => this.#changed(room),
      moved: (sid) => this.#moved(sid),
      ended: (room, waiting) => this.#ended(room, waiting),
    };
  }

  /** Once, before anything else. */
  async load(): Promise<void> {
    for (const room of await keptRooms(this.#host)) this.#rooms.set(room.address, room);
  }

  #changed(room: Room): void {
    keep(room);
    for (const sid of room.audience.members) this.#moved(sid);
  }

  #moved(sid: number): void {
    const rooms = this.of(sid);
    this.#context.outlet.facts(sid, { rooms });
    this.#told(sid, rooms);
  }

  /** A client's addresses in rooms. */
  of(sid: number): FullJid[] {
    const rooms = [...this.#rooms.values()].filter(({ audience }) => audience.members.has(sid));
    return rooms.map(({ address, scene }) => withResource(address, scene.nick));
  }

  #ended(room: Room, waiting: Join[]): void {
    this.#rooms.delete(room.address);
    forget(room);
    const [first, ...rest] = waiting;
    if (first === undefined) return;
    const next = this.#open(first.presence.to as FullJid);
    for (const join of rest) next.audience.wait(join);
    next.enter(first);
  }

  #open(occupant: FullJid, joined = this.#context.now()): Room {
    const room = new Room(this.#host, bare(occupant), { nick: resourceOf(occupant), detached: false, joined });
    this.#rooms.set(room.address, room);
    return room;
  }

  #at(address: string | undefined): Room | undefined {
    if (address === undefined || this.#rooms.size === 0) return undefined;
    return this.#rooms.get(bare(address as Jid));
  }

  has(address: string | undefined): boolean {
    return this.#at(address) !== undefined;
  }

  // ---- from clients

  /** Directed presence of a client. True if it is about a room. */
  fromClient(client: Client, presence: Stanza, to: Jid): boolean {
    const room = this.#at(to);
    if (isJoin(presence)) this.#join(client, presence, to, room);
    else if (room === undefined) return false;
    else if (presence.type === 'unavailable') room.leave(client, presence);
    else if (room.audience.members.has(client.sid)) room.update(client, presence, this.#leads(client));
    else this.#answer(client, outsider(room.address, room.scene.nick, presence.id));
    this.#watch(this.#at(to));
    return true;
  }

  #join(client: Client, presence: Stanza, to: Jid, known: Room | undefined): void {
    const join = { sid: client.sid, presence, until: this.#context.now() + patience };
    if (!isFull(to)) return this.#answer(client, errorOf(presence, 'jid-malformed')); // §7.2.1
    if (known !== undefined) return known.join(join);
    if (this.#rooms.size < mostRooms) return this.#open(to).enter(join);
    this.#answer(
      client,
      errorOf(presence, new StanzaError('resource-constraint', 'This account is in too many rooms')),
    );
  }

  /** Is the account's presence that client's? */
  #leads({ sid }: Client): boolean {
    return leading([...this.#context.clients.all()])?.sid === sid;
  }

  #answer({ sid }: Client, stanza: Stanza): void {
    this.#context.outlet.deliver([sid], stanza);
  }

  /** XEP-0410 §3.3: a ping to the own nick is about the client's own place in the room. Undefined if it is none. */
  pinged({ sid }: Client, request: Stanza): Stanza | undefined {
    const room = this.#at(request.to);
    if (room === undefined || nickIn(request.to) !== room.scene.nick || request.type !== 'get') return undefined;
    const payload = firstElement(request.tree);
    if (payload?.name !== 'ping' || payload.attrs.xmlns !== NS.ping) return undefined;
    return room.audience.members.has(sid) ? resultOf(request) : errorOf(request, 'not-acceptable');
  }

  /** Why that message cannot go: to a room, or an occupant of it, that the client is not in, or we are not. */
  refusal({ sid }: Client, { type }: Stanza, to: Jid): StanzaError | undefined {
    if (type === 'error' || (type !== 'groupchat' && !isFull(to))) return undefined;
    return this.#at(to)?.refusal(sid);
  }

  /** Has the room told us that message, which a client sends, between those places in the archive? */
  hasSaid(message: Stanza, to: Jid, between: { since: number; until: number }): boolean {
    return this.#at(to)?.hasSaid(message, between) ?? false;
  }

  /** For a message to an occupant, the clients in that room: who else may see it. */
  membersAt(to: Jid): ReadonlySet<number> | undefined {
    return isFull(to) ? this.#at(to)?.audience.members : undefined;
  }

  /** A message that the room may have got already. True: `tell` comes when the room has said whether it is missing there. */
  again(message: Stanza, tell: (isMissing: boolean) => void): boolean {
    const room = message.type === 'groupchat' ? this.#at(message.to) : undefined;
    if (room === undefined || room.phase === 'in' || room.phase === 'leaving') return false;
    room.again(message, tell);
    return true;
  }

  /** A client whose unit started anew, with its addresses in rooms. What the last unit had no time to keep is known from them. */
  attached({ sid }: Client, occupants: readonly string[]): void {
    for (const occupant of occupants as readonly FullJid[]) {
      const joined = this.#context.now() - lately;
      const room = this.#at(occupant) ?? this.#open(occupant, joined);
      if (!room.isDetached) room.audience.add(sid);
      this.#watch(room);
    }
  }

  /** A client is out of all rooms without a word; the account stays in. */
  gone(sid: number): void {
    for (const { audience } of this.#rooms.values()) audience.remove(sid);
  }

  // ---- from rooms

  /** Presence. False if it is from no room of ours. */
  presence(presence: Stanza): boolean {
    const room = this.#at(presence.from);
    room?.presence(presence);
    this.#watch(this.#at(presence.from));
    return room !== undefined;
  }

  /** A message. False if it is for all clients, as from anybody: an invitation, or from no room of ours. */
  message(message: Stanza): boolean {
    const room = this.#at(message.from);
    if (room === undefined) return false;
    if (message.type === 'groupchat') room.groupchat(message);
    else if (isFull(message.from as Jid)) room.private(message);
    else if (isInvitation(message) || room.audience.members.size === 0) return false;
    else room.audience.tell(message);
    return true;
  }

  /** A carbon of what only the clients in a room may see, and get from the room itself (XEP-0280 §6.1). */
  isPrivate({ from }: Stanza): boolean {
    return this.has(from) && isFull(from as Jid);
  }

  /** An error that came for a message to a room. */
  error(message: Stanza): void {
    const room = this.#at(message.from);
    if (!isFull(message.from as Jid) && conditionOf(message) === 'not-acceptable') room?.doubt();
    this.#watch(room);
  }

  // ---- the account

  /** The account's presence as the server has it. */
  show(presence: Element): void {
    const element = clone(presence);
    element.children = element.children.filter((child) => typeof child === 'string' || child.name !== 'priority');
    this.#presence = element;
    const leader = leading([...this.#context.clients.all()])?.sid;
    const shown = `${leader} ${statusText(Stanza.of(element))}`;
    if (shown === this.#shown || !this.#isReady) return;
    this.#shown = shown;
    for (const room of this.#rooms.values()) room.show(clone(element));
  }

  offline(): void {
    this.#isReady = false;
  }

  /** The server is there, with a session that knows no room, or with the old one. */
  online(resumed: boolean): void {
    this.#isReady = true;
    for (const room of [...this.#rooms.values()]) {
      if (resumed) room.resumed();
      else room.renewed();
    }
    this.#watch(...this.#rooms.values());
  }

  /** From time to time. */
  tick(): void {
    const now = this.#context.now();
    let left = Math.ceil(this.#rooms.size / spread);
    for (const room of [...this.#rooms.values()]) if (room.tick(now, left > 0)) left--;
    this.#watch(...this.#rooms.values());
  }

  /** Looks again soon if something is due soon in one of them. */
  #watch(...rooms: (Room | undefined)[]): void {
    if (this.#timer !== undefined || !rooms.some((room) => room?.isUnsettled)) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.tick();
    }, round);
  }

  list(): RoomSummary[] {
    return [...this.#rooms.values()].filter(({ phase }) => phase !== 'leaving').map(({ summary }) => summary);
  }

  /** What was said in that room, or in all, is about to be deleted. */
  forgetting(address: BareJid | null): void {
    for (const room of this.#rooms.values()) if (address === null || room.address === address) room.forgetPast();
  }

  /** False if there is no such room. */
  act(address: BareJid, action: RoomAction): boolean {
    const room = this.#rooms.get(address);
    if (room === undefined || room.phase === 'leaving') return false;
    if (action === 'leave') room.quit();
    else room.detach(action === 'detach');
    this.#watch(room);
    return true;
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}
