/**
 * One room that the account is in (XEP-0045), or means to be in: one occupant there, any number of clients here. Longer than
 * 300 lines, because entering, being in and leaving are one life, told from both sides; what is said in it is in roomtalk.ts.
 */
import { StanzaError } from '../wire/error.ts';
import { type BareJid, type FullJid, withResource } from '../wire/jid.ts';
import { NS } from '../wire/ns.ts';
import { Stanza } from '../wire/stanza.ts';
import { type Element, xml } from '../wire/xml.ts';
import { Appearance } from './appearance.ts';
import { Audience, type Join } from './audience.ts';
import type { Client } from './clients.ts';
import type { Context } from './context.ts';
import { type Past, wishOf } from './history.ts';
import {
  affiliationOf,
  codesOf,
  conditionOf,
  type Ending,
  ending,
  endingFor,
  isFinal,
  isWilled,
  nextNick,
  nickIn,
  passwordOf,
} from './muc.ts';
import { Occupancy, type Phase } from './occupancy.ts';
import { ownPlaceIn } from './place.ts';
import { Privates } from './privates.ts';
import { olderPast } from './roompast.ts';
import { RoomTalk } from './roomtalk.ts';
import { Scene } from './scene.ts';
import { SelfPing, saysOut } from './selfping.ts';

/** What is kept of it (JSON). */
export interface RoomRecord {
  nick: string;
  password?: string | undefined;
  detached: boolean;
  /** Since when we are in: milliseconds since the epoch. */
  joined: number;
}

/** A room as administration sees it. */
export interface RoomSummary {
  room: BareJid;
  nick: string;
  /** False while we are out of it and try to be in again. */
  isIn: boolean;
  detached: boolean;
  occupants: number;
  clients: number;
}

/** What a room needs of those around it. */
export interface RoomHost {
  readonly context: Context;
  /** The account's presence as others see it, without addresses. */
  presence(): Element;
  /** A client's presence, with the capabilities of all clients in place of its own. */
  fitted(presence: Stanza): Stanza;
  ask(type: 'get' | 'set', to: string, payload: Element, done: (response: Stanza | undefined) => void): void;
  /** What is kept of it has changed. */
  changed(room: Room): void;
  moved(sid: number): void;
  /** It is over. Who waits to enter may try in its turn. */
  ended(room: Room, waiting: Join[]): void;
  /** That message will not reach the room. */
  undelivered(message: Stanza): void;
  /** That client has got what stands there in the archive, ahead of its turn. */
  gave(sid: number, place: number): void;
}

export class Room {
  readonly address: BareJid;
  readonly scene: Scene;
  readonly privates: Privates;
  readonly audience: Audience;
  readonly context: Context;
  readonly #host: RoomHost;
  readonly #occupancy: Occupancy;
  readonly #ping: SelfPing;
  readonly #talk: RoomTalk;
  readonly #appearance: Appearance;
  #detached: boolean;
  #joined: number;
  #password: string | undefined;
  /** What we ask to be called; what we are called is the scene's. */
  #wished: string;
  /** Whose join is under way; undefined when it is our own. */
  #first: Join | undefined;
  /** How the room took its leave of us. */
  #removal: Stanza | undefined;
  constructor(host: RoomHost, address: BareJid, { nick, password, detached, joined }: RoomRecord) {
    const { context } = host;
    this.#host = host;
    this.context = context;
    this.address = address;
    this.scene = new Scene(address, nick);
    this.privates = new Privates(address, context.account, context.kept);
    this.audience = new Audience(context, (sid) => host.moved(sid));
    this.#occupancy = new Occupancy(context.up, context.now);
    this.#ping = new SelfPing(context.now());
    this.#wished = nick;
    this.#detached = detached;
    this.#joined = joined;
    this.#password = password;
    this.#appearance = new Appearance(context.up, this.scene);
    this.#talk = new RoomTalk({
      ...{ address, context, scene: this.scene, audience: this.audience, privates: this.privates },
      phase: () => this.phase,
      isClients: () => this.#first !== undefined,
      isDetached: () => this.#detached,
      joined: () => this.#joined,
      self: () => this.#self,
      filled: () => this.#filled(),
    });
  }

  get phase(): Phase {
    return this.#occupancy.phase;
  }
  get isDetached(): boolean {
    return this.#detached;
  }
  get record(): RoomRecord {
    return { nick: this.scene.nick, password: this.#password, detached: this.#detached, joined: this.#joined };
  }
  get summary(): RoomSummary {
    return {
      room: this.address,
      nick: this.scene.nick,
      isIn: this.context.up.online() && this.#occupancy.isIn,
      detached: this.#detached,
      occupants: this.scene.occupants.count,
      clients: this.audience.members.size,
    };
  }
  get isUnsettled(): boolean {
    return this.audience.hasWaiting || this.#occupancy.isUnsettled(this.context.now());
  }
  get #self(): FullJid {
    return withResource(this.address, this.scene.nick);
  }

  // ---- entering

  /** A client asks to enter: answered at once where all is known, else as soon as it is, or in its turn. */
  join(join: Join): void {
    if (this.#first?.sid === join.sid) return; // the answer is on its way
    if (this.#detached) this.detach(false);
    if (this.phase === 'in') return this.#welcome(join);
    this.audience.wait(join);
    if (this.phase === 'out') this.#rejoin();
  }

  /** The first client's join goes to the room as it is. */
  enter(first: Join): void {
    this.#first = first;
    this.#wished = nickIn(first.presence.to);
    this.#password = passwordOf(first.presence);
    this.audience.add(first.sid);
    this.#ask(this.#host.fitted(first.presence));
  }

  /** Our own join, for what was missed (§7.2.14). */
  #rejoin(): void {
    if (!this.context.up.online()) return; // renewed() comes
    const since = new Date(this.scene.history.since(this.#joined)).toISOString().replace(/\.\d+Z$/, 'Z');
    const password = this.#password === undefined ? undefined : xml('password', {}, this.#password);
    const presence = this.#host.presence();
    presence.append(xml('x', NS.muc, xml('history', { since }), password));
    this.#ask(Stanza.of(presence));
  }

  #ask(presence: Stanza): void {
    this.#appearance.enter(presence);
    this.#talk.begin();
    this.scene.occupants.begin();
    this.#occupancy.enter(presence.textFor(withResource(this.address, this.#wished), undefined));
  }

  /** Our self-presence: all occupants have been named. */
  #entered(self: Stanza, isNews: boolean): void {
    const { scene, audience } = this;
    const before = scene.nick;
    scene.nick = nickIn(self.from);
    this.#wished = scene.nick;
    this.#removal = undefined;
    this.#occupancy.entered();
    for (const [nick, presence] of scene.occupants.finish()) {
      const affiliation = affiliationOf(presence);
      const end = nick === before ? { affiliation, codes: ['303', '110'], nick: scene.nick } : { affiliation };
      audience.tell(ending(this.address, nick, end));
    }
    scene.entered(self);
    if (isNews || this.#first !== undefined) audience.tell(self);
    if (this.#first !== undefined) {
      this.#joined = this.context.now();
      scene.history.clear();
    } else if (codesOf(self).has('201')) this.#unlock();
    this.#host.changed(this);
  }

  /** §10.1.2: a room that was not there any more is made anew, as such rooms are by default. */
  #unlock(): void {
    const form = xml('x', { xmlns: NS.data, type: 'submit' });
    this.#host.ask('set', this.address, xml('query', NS.mucOwner, form), () => {});
  }

  /** What was said is deleted, and not asked for again. */
  forgetPast(): void {
    this.scene.history.clear();
    this.privates.take();
    this.#joined = this.context.now();
    this.#host.changed(this);
  }

  /** History and subject are complete. */
  #filled(): void {
    this.#talk.complete();
    this.#occupancy.filled();
    this.#first = undefined;
    for (const join of this.audience.takeWaiting()) this.#welcome(join);
    this.#talk.repeat();
  }

  /** In the order of §7.1, without a word to the room; at once, unless more of the past is asked for than is in memory. */
  #welcome(join: Join): void {
    const { archive, log, now } = this.context;
    const older = olderPast(archive, this.address, this.scene.history, wishOf(join.presence, now()));
    if (older === undefined) return this.#admit(join);
    this.audience.wait(join);
    const failed = (error: unknown): Past[] => {
      log.error('history of a room not read', { room: this.address, error: String(error) });
      return [];
    };
    void older.catch(failed).then((past) => {
      if (this.phase === 'in' && this.audience.claim(join)) this.#admit(join, past);
    });
  }

  #admit({ sid, presence }: Join, older: readonly Past[] = []): void {
    const { account, clients, now } = this.context;
    const client = clients.get(sid);
    if (client === undefined) return;
    for (const stanza of this.scene.welcome(presence, client.address, now(), older)) this.audience.tell(stanza, [sid]);
    for (const message of this.privates.take()) {
      const place = ownPlaceIn(message.tree, account);
      if (place !== undefined) this.#host.gave(sid, place);
      this.audience.tell(message, [sid], client.isBehind ? undefined : place);
    }
    this.audience.add(sid);
  }

  /** The room did not let us in, or did not answer. */
  #failed(error: Stanza | undefined): void {
    if (this.#first !== undefined) return this.#refused(this.#first, error);
    const condition = error && (conditionOf(error) ?? 'undefined-condition');
    if (condition !== undefined && isFinal(condition, this.#occupancy.failures)) return this.#end(endingFor(condition));
    if (condition === 'conflict' && this.#wished.length < this.scene.nick.length + 3) {
      this.#wished += '_'; // somebody took our nick while we were out
      return this.#rejoin();
    }
    this.#wished = this.scene.nick;
    this.#occupancy.out();
    const reason = condition === undefined ? 'remote-server-timeout' : 'recipient-unavailable';
    for (const join of this.audience.takeWaiting()) this.audience.refuse(join, new StanzaError(reason));
  }

  #refused(first: Join, error: Stanza | undefined): void {
    const isThere = this.audience.members.has(first.sid);
    if (error === undefined) this.context.up.send(this.#farewell()); // an answer that comes late finds nobody
    if (isThere && error !== undefined) this.audience.tell(error, [first.sid]);
    else if (isThere) this.audience.refuse(first, new StanzaError('remote-server-timeout', 'The room does not answer'));
    this.#end();
  }

  // ---- leaving

  /** A client leaves; the account does when no other client is in (RULES 9). */
  leave({ sid }: Client, presence: Stanza): void {
    const { audience } = this;
    audience.remove(sid);
    const stays = audience.members.size > 0 || audience.hasWaiting || this.phase === 'leaving';
    const isAnswered = !stays && this.phase !== 'out' && this.context.up.online();
    if (isAnswered) audience.add(sid);
    else audience.tell(this.#ending({ codes: ['110'], id: presence.id }), [sid]);
    if (!stays) this.quit(presence);
  }

  #ending(end: Ending): Stanza {
    return ending(this.address, this.scene.nick, { affiliation: this.scene.affiliation, ...end });
  }

  /** The account leaves, whoever is in; `presence`: with these words. */
  quit(presence?: Stanza): void {
    if (this.phase === 'leaving') return;
    if (this.phase === 'out') return this.#end({ codes: ['110'] });
    this.#first = undefined;
    this.#occupancy.leave(presence?.textFor(this.#self, undefined) ?? this.#farewell());
    this.#host.changed(this);
  }

  #farewell(): string {
    return Stanza.of(xml('presence', { type: 'unavailable' })).textFor(this.#self, undefined);
  }

  /** It is over; clients that take themselves to be in are told how. */
  #end(end?: Ending): void {
    if (end !== undefined) this.#expel(end);
    this.#occupancy.end();
    this.audience.empty();
    this.#talk.giveUp((message) => this.#host.undelivered(message));
    this.#host.ended(this, this.audience.takeWaiting());
  }

  #expel(end: Ending): void {
    this.audience.tell(this.#removal ?? this.#ending(end));
    this.audience.empty();
  }

  /** Detached: the account is in, no client is, and root tells when somebody speaks to us. */
  detach(detached: boolean): void {
    if (this.#detached === detached) return;
    this.#detached = detached;
    if (detached) this.#expel({ codes: ['110'] });
    this.#host.changed(this);
  }

  // ---- with time

  /** A new session upstream: no room knows it. */
  renewed(): void {
    if (this.phase === 'leaving') return this.#end({ codes: ['110'] });
    this.#occupancy.renewed();
    if (this.phase === 'entering' && this.#first !== undefined) return this.enter(this.#first);
    this.#first = undefined;
    this.#rejoin();
  }

  resumed(): void {
    this.#occupancy.resumed();
    if (this.phase === 'in') this.#talk.repeat();
  }

  /** From time to time. True if the room was asked whether we are in; not without `mayAsk`. */
  tick(now: number, mayAsk: boolean): boolean {
    this.audience.refuseLate(now);
    if (this.#occupancy.isLong(now) && this.audience.members.size > 0) this.#expel({ codes: ['110', '333'] });
    const due = this.#occupancy.due(now);
    if (due === 'attempt') this.#rejoin();
    else if (due === 'answer') this.#failed(undefined);
    else if (due === 'history') this.#filled();
    else if (due === 'release') this.#end({ codes: ['110'] });
    if (!mayAsk || this.phase !== 'in' || !this.context.up.online() || !this.#ping.isDue(now)) return false;
    this.#ping.asked();
    this.#host.ask('get', this.#self, xml('ping', NS.ping), (response) => {
      this.#ping.answered(this.context.now());
      if (saysOut(response)) this.#miss();
    });
    return true;
  }

  /** The room refused a message because we are not in (§7.4). */
  doubt(): void {
    if (this.phase === 'in' && this.#ping.doubt(this.context.now())) this.#miss();
  }

  #miss(): void {
    if (this.phase !== 'in') return;
    this.#occupancy.missed();
    this.#rejoin();
  }

  // ---- what clients say

  /** Presence without a wish to enter: another nick (§7.6); or another status (§7.7), if the client is the `leading` one. */
  update(client: Client, presence: Stanza, leading: boolean): void {
    if (!this.#occupancy.isIn) return;
    this.#appearance.update(client, presence.to, this.#host.fitted(presence), leading);
  }

  /** The account's presence has changed for all to see. */
  show(element: Element): void {
    if (this.#occupancy.isIn) this.#appearance.show(Stanza.of(element));
  }

  /** Why that client cannot speak in the room now; undefined if it can. */
  refusal(sid: number): StanzaError | undefined {
    if (!this.audience.members.has(sid)) return new StanzaError('not-acceptable', 'You are not in this room');
    if (this.#occupancy.isIn) return undefined;
    return new StanzaError('recipient-unavailable', 'The room cannot be reached now');
  }

  /** A message that the room may never have got: `tell` comes once the room has told us what it did get. */
  again(message: Stanza, tell: (isMissing: boolean) => void): void {
    this.#talk.again(message, tell);
  }

  // ---- what the room says

  presence(presence: Stanza): void {
    this.#ping.heard(this.context.now());
    const nick = nickIn(presence.from);
    if (presence.type === 'error') return this.#error(presence, nick);
    const codes = codesOf(presence);
    if (presence.type === 'unavailable') return this.#unavailable(presence, nick, codes);
    if (presence.type !== undefined) return;
    const isNews = this.scene.occupants.set(nick, presence);
    if (codes.has('110') && this.phase === 'entering') return this.#entered(presence, isNews);
    if (isNews) this.audience.tell(presence);
  }

  #error(presence: Stanza, nick: string): void {
    if (this.phase === 'entering') return this.#failed(presence);
    if (this.phase === 'out') return;
    const asked = this.#appearance.answered(nick) ?? -1;
    const { members } = this.audience;
    this.audience.tell(presence, members.has(asked) ? [asked] : members);
  }

  #unavailable(presence: Stanza, nick: string, codes: ReadonlySet<string>): void {
    const isOwn = codes.has('110');
    if (isOwn && !codes.has('303')) return this.#removed(presence, codes);
    this.scene.occupants.delete(nick);
    const next = isOwn ? nextNick(presence) : undefined;
    if (next !== undefined) {
      this.scene.nick = next;
      this.#wished = next;
      this.#appearance.answered(next);
      this.#host.changed(this);
    }
    this.audience.tell(presence);
  }

  /**
   * A kick, a ban and the like are somebody's will. What else takes us out (the service's end, a technical fault: §11) we take
   * back, and clients hear of it only if that takes long: their own streams did not break, so nothing would bring them back.
   */
  #removed(presence: Stanza, codes: ReadonlySet<string>): void {
    if (this.phase === 'entering') return; // the end of an earlier stay; the answer to our join is on its way
    if (this.#occupancy.isIn && !isWilled(presence, codes)) {
      this.#first = undefined;
      this.#removal = presence;
      return this.#occupancy.out();
    }
    this.audience.tell(presence);
    this.#end();
  }

  groupchat(message: Stanza): void {
    this.#ping.heard(this.context.now());
    this.#talk.groupchat(message);
  }

  /** From an occupant to us alone (§7.5): for the clients that are in, or the first that will be. */
  private(message: Stanza): void {
    this.#ping.heard(this.context.now());
    this.#talk.private(message);
  }

  /** Has the room told us that message of ours, between those places in the archive? */
  hasSaid(message: Stanza, between: { since: number; until: number }): boolean {
    return this.#talk.hasSaid(message, between);
  }
}
