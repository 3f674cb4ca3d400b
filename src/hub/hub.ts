/**
 * The meeting point of one account: its core session on one side, its clients on the other (src/RULES.md). This file only routes;
 * each rule has a file of its own. Nothing here waits between reading state and changing it. Longer than 300 lines, because it is
 * the one place that knows all the parts.
 */
import type { Store } from '../archive/types.ts';
import type { CoreEvents } from '../upstream/types.ts';
import { type BareJid, bare, domainOf, type FullJid, type Jid } from '../wire/jid.ts';
import { NS } from '../wire/ns.ts';
import { parseElement } from '../wire/parser.ts';
import { errorOf, isRequest, isResponse, Stanza } from '../wire/stanza.ts';
import { type Element, hasChild, xml } from '../wire/xml.ts';
import { capsOf } from './aggregate.ts';
import { Archive } from './archive.ts';
import { ArchiveQueries } from './archives.ts';
import { Backfill } from './backfill.ts';
import { Capabilities } from './capabilities.ts';
import { CatchUp, isSentBy } from './catchup.ts';
import { type Client, Clients } from './clients.ts';
import { type Context, type HubSettings, keptOf, type Log, type Outlet } from './context.ts';
import { Cursors } from './cursors.ts';
import { Discovery } from './discovery.ts';
import { Flow } from './flow.ts';
import { isOf } from './forged.ts';
import { Forwarded } from './forwarded.ts';
import { Habits } from './habits.ts';
import { Inbound } from './inbound.ts';
import { Incoming } from './incoming.ts';
import { moveOld, moveSent } from './legacy.ts';
import { OwnArchive } from './mam.ts';
import { Marks } from './marks.ts';
import { Outbound, Sent } from './outbound.ts';
import { Outbox } from './outbox.ts';
import { isOwed, Owed } from './owed.ts';
import { Events } from './pep.ts';
import { ownPlaceIn } from './place.ts';
import { ArchivePreferences } from './preferences.ts';
import { Presences } from './presence.ts';
import { Replay } from './replay.ts';
import { Requests } from './requests.ts';
import type { RoomSummary } from './room.ts';
import { type RoomAction, Rooms } from './rooms.ts';
import { Roster } from './roster.ts';
import { ServerArchive } from './server-archive.ts';
import { MediaSessions } from './sessions.ts';
import { isSubscription, Subscriptions } from './subscriptions.ts';
import { Tracker } from './tracker.ts';

/** What is known of a client when it is attached: anew, or again after its unit has started elsewhere. */
export interface Attachment {
  address: FullJid;
  carbons: boolean;
  interested: boolean;
  blocklist: boolean;
  inactive: boolean;
  presence: string | undefined;
  directed: readonly string[];
  rooms: readonly string[];
  /** It takes what can wait; left out: it does. */
  isOpen?: boolean;
  /** All up to that place in the archive it has been given, or need not get; 0, or left out: nobody knows. */
  delivered?: number;
  /** Of its features those that are of use in its view; the same set gives the same one. All, where left out. */
  usable?: (features: ReadonlySet<string>) => ReadonlySet<string>;
}

export interface HubOptions {
  account: BareJid;
  settings: HubSettings;
  store: Store;
  outlet: Outlet;
  /** To the server; its sequence number, undefined while it is away. */
  send(text: string): number | undefined;
  /** Told when no client looks any more (XEP-0352), and when one does. */
  setInactive?(inactive: boolean): void;
  passwordChanged(password: string): void;
  /** Root says it to the account's owner. */
  tell?(text: string): void;
  /** The server is a part of ours (merged view): what it says of our domain is true. */
  isLocal?: boolean;
  log: Log;
  now?(): number;
  /** Runs it once, later; gives what takes it back. */
  later?(milliseconds: number, run: () => void): () => void;
}

function after(milliseconds: number, run: () => void): () => void {
  const timer = setTimeout(run, milliseconds);
  return () => clearTimeout(timer);
}

/** How often overdue requests are looked for: milliseconds. */
const sweep = 30_000;

export class Hub implements Pick<CoreEvents, 'online' | 'offline' | 'stanza' | 'handled' | 'unacknowledged'> {
  readonly #context: Context;
  readonly #clients = new Clients();
  readonly #tracker: Tracker;
  readonly #forwarded: Forwarded;
  readonly #roster: Roster;
  readonly #capabilities: Capabilities;
  readonly #presences: Presences;
  readonly #subscriptions: Subscriptions;
  readonly #events: Events;
  readonly #media = new MediaSessions();
  readonly #rooms: Rooms;
  readonly #archives: ArchiveQueries;
  readonly #flow = new Flow();
  /** None in the merged view, whose messages are those of its accounts. */
  readonly archive: OwnArchive | undefined;
  readonly #marks: Marks | undefined;
  readonly #preferences: ArchivePreferences;
  readonly #discovery: Discovery;
  readonly #cursors: Cursors;
  readonly #habits: Habits;
  readonly #replay: Replay;
  readonly #inbound: Inbound;
  readonly #outbound: Outbound;
  readonly #serverArchive: ServerArchive;
  readonly #catchUp: CatchUp;
  readonly #backfill: Backfill;
  readonly #requests: Requests;
  readonly #incoming: Incoming;
  readonly #owed: Owed;
  readonly #sweep: NodeJS.Timeout;
  readonly #isLocal: boolean;
  #address: FullJid | undefined;
  #online = false;
  #isClosed = false;
  /** What takes back that which is to be done later. */
  readonly #cancels = new Set<() => void>();

  /** Opens a hub with all that was kept of the account. */
  static async open(options: HubOptions): Promise<Hub> {
    const hub = new Hub(options);
    await hub.#load();
    return hub;
  }

  private constructor(options: HubOptions) {
    const { account, settings, outlet, log } = options;
    this.#isLocal = options.isLocal ?? false;
    const now = options.now ?? Date.now;
    const kept = keptOf(options.store, account, log);
    const context: Context = {
      account,
      server: domainOf(account),
      settings,
      clients: this.#clients,
      outlet,
      up: {
        address: () => this.#address ?? account,
        online: () => this.#online,
        send: (text) => this.#online && options.send(text) !== undefined,
        post: (text) => (this.#online ? options.send(text) : undefined) ?? 0,
        setInactive: (inactive) => options.setInactive?.(inactive),
      },
      kept,
      archive: new Archive({
        ...{ account, kept, log, now },
        messages: options.store.messages,
        trouble: () => options.store.trouble,
        core: () => this.#address,
      }),
      log,
      tell: (text) => options.tell?.(text),
      postpone: (client, place, until) => this.#replay.postpone(client, place, until),
      now,
      later: (milliseconds, run) => {
        const cancel = (options.later ?? after)(milliseconds, () => {
          this.#cancels.delete(cancel);
          run();
        });
        this.#cancels.add(cancel);
      },
    };
    this.#context = context;
    this.#tracker = new Tracker(account, context.server);
    this.#forwarded = new Forwarded(context);
    this.#roster = new Roster(context);
    this.#capabilities = new Capabilities(context);
    this.#presences = new Presences(context, this.#capabilities);
    this.#subscriptions = new Subscriptions(context);
    const events = new Events(context, this.#capabilities);
    this.#events = events;
    this.#archives = new ArchiveQueries(context);
    const archived = context.archive.stored;
    this.#cursors = new Cursors(kept, now);
    this.#habits = new Habits(kept);
    this.#replay = new Replay({
      context,
      archive: context.archive,
      archived,
      cursors: this.#cursors,
      habits: this.#habits,
      flow: this.#flow,
      membersAt: (occupant) => this.#rooms.membersAt(occupant),
    });
    const queriedArchive = (sid: number): void => {
      const client = this.#clients.get(sid);
      if (client !== undefined) this.#replay.queried(client);
    };
    const preferences = new ArchivePreferences(context, {
      messages: options.store.messages,
      ask: (type, payload, done) => this.#ask(type, payload, done),
      isContact: (address) => this.#roster.has(address),
      seen: () => this.#cursors.lowest,
    });
    this.#preferences = preferences;
    context.archive.onAdded = (message) => preferences.archived(message);
    this.archive = this.#isLocal
      ? undefined
      : new OwnArchive(context, { archived, flow: this.#flow, preferences, queriedArchive });
    const tell = (event: Stanza): void => {
      if (!this.#isClosed) events.tell(event);
    };
    const marks = new Marks(context, { archived, ask: (type, payload, done) => this.#ask(type, payload, done), tell });
    this.#marks = this.#isLocal ? undefined : marks;
    if (!this.#isLocal) events.translators.set(NS.displayed, (event) => void marks.inward(event).then(tell));
    const ask = (to: string, payload: Element, done: (response?: Stanza) => void): void =>
      this.#ask('get', payload, done, to);
    this.#discovery = new Discovery(context, ask, { withArchive: !this.#isLocal });
    const sent = new Sent(context);
    this.#rooms = new Rooms(context, {
      ask: (type, to, payload, done) => this.#ask(type, payload, done, to),
      caps: () => capsOf(this.#capabilities.own()),
      gave: (sid, place) => this.#replay.gave(sid, place),
      moved: (sid, rooms) => this.#movedIn(sid, rooms),
      undelivered: (message) => this.#giveBack(message, sent.senderOf(message.to as Jid, message.id)),
    });
    const media = this.#media;
    this.#inbound = new Inbound(context, {
      events: this.#events,
      archives: this.#archives,
      rooms: this.#rooms,
      media,
      replay: this.#replay,
      sent,
    });
    const outbox = new Outbox(context);
    const failed = (error: Stanza) => this.#inbound.take(error);
    const everybodyHas = (place: number | undefined) => place !== undefined && this.#replay.gaveAll(place);
    this.#outbound = new Outbound(context, { sent, outbox, media, rooms: this.#rooms, failed, everybodyHas });
    const { messages } = options.store;
    this.#serverArchive = new ServerArchive(context, (payload, done) => this.#ask('set', payload, done));
    this.#catchUp = new CatchUp(context, {
      server: this.#serverArchive,
      messages,
      latest: () => context.archive.latest,
      outbox,
      missed: (message, at) => this.#inbound.missed(message, at),
      live: (message) => this.#inbound.take(message),
      done: () => this.#outbound.flush(),
      keepsOffline: () => this.#discovery.offers('msgoffline'),
      found: () => this.#backfill.online(context.settings.backfillDays),
    });
    this.#backfill = new Backfill(context, {
      server: this.#serverArchive,
      messages,
      older: ({ message, at }) => context.archive.older(message, isSentBy(message, account), at),
    });
    if (this.archive !== undefined) {
      this.archive.unknownId = (id) => this.#backfill.reach(id);
      this.archive.isStable = () => !this.#catchUp.isOpen;
    }
    this.#requests = new Requests(context, {
      tracker: this.#tracker,
      forwarded: this.#forwarded,
      roster: this.#roster,
      rooms: this.#rooms,
      archives: this.#archives,
      archive: this.archive,
      marks: this.#marks,
      discovery: this.#discovery,
      media,
      enabledCarbons: (client) => this.#replay.enabledCarbons(client),
      passwordChanged: options.passwordChanged,
    });
    this.#owed = new Owed(context.up);
    this.#incoming = new Incoming(context, {
      owed: this.#owed,
      capabilities: this.#capabilities,
      forwarded: this.#forwarded,
      roster: this.#roster,
      media,
    });
    this.#roster.onChange = (contact, subscription) => {
      this.#subscriptions.changed(contact, subscription);
      if (subscription === 'remove' || subscription === 'none' || subscription === 'from') this.#events.forget(contact);
    };
    this.#capabilities.onLearned = (client) => {
      this.#events.replay(client);
      this.#presences.announce();
    };
    this.#events.isContact = (owner) => /^(to|both)$/.test(this.#roster.subscription(owner));
    this.#presences.sources = () => this.#roster.sources();
    this.#presences.onAnnounce = (presence) => this.#rooms.show(presence);
    this.#sweep = setInterval(() => this.sweep(), sweep);
  }

  /** Every half minute: what is overdue. */
  sweep(): void {
    const now = this.#context.now();
    this.#each(
      () => this.#tracker.expire(now),
      () => this.#forwarded.expire(now),
      () => this.#rooms.tick(),
      () => this.#outbound.expire(),
      () => this.#marks?.sweep(),
      () => this.#preferences.sweep(),
    );
  }

  #giveBack(message: Stanza, sender: Client | undefined): void {
    if (sender !== undefined) this.#context.outlet.deliver([sender.sid], errorOf(message, 'recipient-unavailable'));
  }

  async #load(): Promise<void> {
    const { account, archive, kept } = this.#context;
    await archive.load();
    await moveSent(kept, archive, account);
    await Promise.all([this.#cursors.load(archive.last), this.#habits.load(archive.last)]);
    await moveOld(kept, archive, account);
    await Promise.all([
      this.#roster.load(),
      this.#subscriptions.load(),
      this.#events.load(),
      this.#rooms.load(),
      this.#marks?.load(),
      this.#preferences.load(),
      this.#discovery.load(),
      this.#outbound.load(),
      this.#catchUp.load(),
      this.#backfill.load(),
    ]);
  }

  set settings(settings: HubSettings) {
    this.#context.settings = settings;
    this.#subscriptions.review();
    this.#presences.announce();
  }
  get contacts(): number {
    return this.#roster.size;
  }
  get clientCount(): number {
    return this.#clients.size;
  }

  // ---- clients

  attach(sid: number, known: Attachment): void {
    const { address, carbons, interested, blocklist, inactive } = known;
    const habit = this.#habits.of(address);
    const client: Client = {
      sid,
      address,
      carbons,
      interested,
      blocklist,
      inactive,
      presence: undefined,
      priority: 0,
      availableAt: 0,
      activeAt: this.#context.now(),
      isBehind: false,
      // an app does not hear of it when its unit starts anew
      mayRepeat: { since: habit.ended ?? 0, until: known.presence ? 0 : this.#context.archive.last },
      knowsCarbons: carbons || habit.carbons === true,
      isPlain: habit.plain === true && habit.carbons !== true,
      usable: known.usable ?? ((features) => features),
      features: new Set(),
      notified: new Map(),
    };
    this.#clients.add(client);
    if (known.isOpen === false) this.#flow.set(sid, false);
    if (known.presence !== undefined)
      this.#restore(client, Stanza.of(parseElement(known.presence)), known.delivered ?? 0);
    this.#presences.redirect(client, known.directed);
    this.#rooms.attached(client, known.rooms);
    this.#weighActivity();
  }

  /** A client that a hub before this one had: it has seen what is here, and the others have seen it. */
  #restore(client: Client, presence: Stanza, delivered: number): void {
    this.#events.assume(client);
    this.#presences.restore(client, presence);
    this.#capabilities.fromPresence(client, presence);
    this.#replay.restore(client, delivered);
  }

  /** A message that a hub before this one gave to clients, and may not have kept. */
  async recall(text: string, place: number): Promise<void> {
    const { account, archive } = this.#context;
    const message = Stanza.of(parseElement(text));
    const isFromOthers = message.from !== undefined && bare(message.from as Jid) !== account;
    // what is no copy of ours says where it is
    if (isFromOthers && ownPlaceIn(message.tree, account) === place) await archive.recall(message, place);
  }

  /** `isClean`: it ended its session itself, and knows what became of all it sent. */
  detach(sid: number, isClean = false): void {
    const client = this.#clients.remove(sid);
    if (client === undefined || this.#isClosed) return;
    this.#remember(client, isClean);
    this.#replay.gone(sid);
    this.#presences.gone(client);
    this.#weighActivity();
    this.#forwarded.gone(sid);
    this.#capabilities.gone(sid);
    this.#media.gone(sid);
    this.#rooms.gone(sid);
    this.#archives.gone(sid);
    this.archive?.gone(sid);
    this.#flow.gone(sid);
    this.#outbound.gone(sid);
  }

  /** How it was when it went. */
  #remember({ sid, address, carbons }: Client, isClean: boolean): void {
    const { last } = this.#context.archive;
    const rooms = this.#rooms.of(sid);
    const left = rooms.length > 0 ? { rooms, left: last } : { rooms: undefined, left: undefined };
    this.#habits.change(address, { carbons, ...left, ...(isClean ? { ended: last } : {}) });
  }

  /** The client has all that it was given up to that place in the archive. */
  acknowledged(sid: number, place: number): void {
    const client = this.#clients.get(sid);
    const upTo = client && this.#replay.acknowledged(client, place);
    if (upTo !== undefined) this.#cursors.acknowledged(client!.address, upTo);
  }

  /** The client can take what can wait, or cannot now. */
  flow(sid: number, isOpen: boolean): void {
    if (this.#clients.get(sid) !== undefined) this.#flow.set(sid, isOpen);
  }

  /** The rooms that a client is in now; should we end without a word, it was in them until then. */
  #movedIn(sid: number, rooms: readonly string[]): void {
    const client = this.#clients.get(sid);
    if (client !== undefined) this.#habits.change(client.address, rooms.length > 0 ? { rooms } : { rooms: undefined });
  }

  activity(sid: number, inactive: boolean): void {
    const client = this.#clients.get(sid);
    if (client === undefined) return;
    client.inactive = inactive;
    if (!inactive) client.activeAt = this.#context.now();
    this.#weighActivity();
  }

  /** The server may hold back what is not urgent while every client is inactive or absent. */
  #weighActivity(): void {
    const looks = [...this.#clients.all()].some(({ presence, inactive }) => presence !== undefined && !inactive);
    this.#context.up.setInactive(!looks);
  }

  /**
   * A stanza of a client's; `to` is prepared. `order` rises with the time (microseconds); `again`: a hub that died had taken
   * it, and may not have had the time to send it.
   */
  fromClient(sid: number, stanza: Stanza, order?: number, again = false): void {
    const client = this.#clients.get(sid);
    if (client === undefined || this.#isClosed) return;
    if (stanza.name === 'message') return this.#messageFrom(client, stanza, order, again);
    if (stanza.name === 'presence') return this.#presenceFrom(client, stanza);
    if (isRequest(stanza)) return this.#requests.take(client, stanza);
    if (!this.#capabilities.takes(client, stanza)) this.#forwarded.respond(client, stanza);
  }

  #messageFrom(client: Client, stanza: Stanza, order: number | undefined, again: boolean): void {
    const message = this.#marks?.assisted(stanza) ?? stanza;
    if (again) this.#outbound.repeat(client, message, order);
    else this.#outbound.take(client, message, order);
  }

  #presenceFrom(client: Client, presence: Stanza): void {
    const to = presence.to as Jid | undefined;
    const { account } = this.#context;
    if (presence.type !== undefined && presence.type !== 'unavailable') return this.#signalFrom(client, presence, to);
    if (to === undefined || to === account) return this.#broadcast(client, presence);
    const peer = this.#clients.at(to);
    if (peer !== undefined)
      return this.#context.outlet.deliver([peer.sid], presence.readdress({ from: client.address }));
    if (this.#rooms.fromClient(client, presence, to)) return;
    this.#presences.direct(client, presence, to);
  }

  /** Presence that is not availability: subscriptions, probes. */
  #signalFrom(client: Client, presence: Stanza, to: Jid | undefined): void {
    if (to === undefined) return;
    if (presence.type === 'probe') return this.#presences.probe(client, bare(to));
    if (presence.type === 'error') return;
    if (!isSubscription(presence.type))
      return this.#context.outlet.deliver([client.sid], errorOf(presence, 'bad-request'));
    this.#subscriptions.answered(bare(to), presence.type!);
    const sent = this.#context.up.send(presence.textFor(bare(to), undefined));
    if (!sent) this.#context.outlet.deliver([client.sid], errorOf(presence, 'recipient-unavailable'));
  }

  #broadcast(client: Client, presence: Stanza): void {
    if (presence.type === 'unavailable') this.#rooms.gone(client.sid);
    const initial = this.#presences.fromClient(client, presence);
    this.#weighActivity();
    this.#replay.present(client);
    if (client.presence === undefined) return;
    this.#capabilities.fromPresence(client, presence);
    this.#events.replay(client);
    if (initial) this.#subscriptions.welcome(client);
  }

  // ---- the server

  online(address: FullJid, resumed: boolean, inherited = false): void {
    this.#address = address;
    this.#online = true;
    this.#context.archive.renewed();
    const isKnown = resumed && !inherited;
    if (!isKnown) this.#outbound.renewed(resumed);
    this.#each(
      () => (isKnown ? this.#presences.resumed() : this.#introduce()),
      () => inherited && this.#presences.ask(),
      () => this.#rooms.online(isKnown),
      () => this.#owed.flush(),
      () => this.#requests.flush(),
      () => this.#marks?.online(),
      () => this.#presences.announce(),
      () => isKnown || this.#isLocal || this.#preferences.renewed(),
      // Prosody withholds offline messages where the archive is asked before initial presence
      () => (this.#isLocal ? this.#outbound.flush() : this.#catchUp.begin(isKnown)),
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
    this.#tracker.failAll();
    this.#ask('get', this.#roster.query(), (response) => {
      if (response?.type === 'result') this.#roster.replace(response.tree.getChild('query', NS.roster));
    });
    this.#ask('set', xml('enable', NS.carbons));
    this.#ask('get', xml('blocklist', NS.blocking)); // who has not asked gets no pushes
    this.#discovery.renewed();
    this.#presences.renewed();
  }

  #ask(type: 'get' | 'set', payload: Element, done: (response?: Stanza) => void = () => {}, to?: string): void {
    const id = this.#tracker.add({ to, since: this.#context.now(), done });
    this.#context.up.send(Stanza.of(xml('iq', { type, id, to }, payload)).toString());
  }

  offline(): void {
    this.#online = false;
    this.#catchUp.offline();
    this.#backfill.offline();
    this.#outbound.offline();
    this.#rooms.offline();
  }

  /** Messages with that peer, or all, are about to be deleted: nothing brings them back. */
  forgetting(peer: BareJid | null): void {
    this.#context.archive.settle();
    this.#rooms.forgetting(peer);
  }

  // ---- rooms, for administration

  rooms(): RoomSummary[] {
    return this.#rooms.list();
  }

  /** False if there is no such room. */
  room(address: BareJid, action: RoomAction): boolean {
    return this.#rooms.act(address, action);
  }

  /** The server has all that was sent with these sequence numbers. */
  handled(first: number, last: number): void {
    this.#outbound.handled(first, last);
  }

  /** What the server may never have got: messages are in the outbox, requests are answered by the tracker, presence is told anew. */
  unacknowledged(texts: string[]): void {
    const stanzas = texts.map((text) => Stanza.of(parseElement(text)));
    for (const stanza of stanzas.filter(isOwed)) this.#owed.add(stanza.toString());
  }

  stanza(stanza: Stanza): void {
    if (this.#isClosed || this.#isForged(stanza)) return;
    if (stanza.name === 'message') return this.#messageTo(stanza);
    if (stanza.name === 'presence') return this.#presenceTo(stanza);
    if (isRequest(stanza)) return this.#incoming.take(stanza);
    if (isResponse(stanza)) this.#tracker.take(stanza)?.done(stanza);
  }

  /** What is said waits until what was missed is here. Rooms have a history of their own, and a client has asked for a result. */
  #messageTo(message: Stanza): void {
    if (this.#serverArchive.take(message)) return;
    const mayWait = message.type !== 'groupchat' && !hasChild(message.tree, 'result', NS.mam);
    if (!mayWait || !this.#catchUp.holds(message)) this.#inbound.take(message);
  }

  /** Nobody outside may speak as root or as a service of ours (RULES 0). */
  #isForged(stanza: Stanza): boolean {
    const { account, log, settings } = this.#context;
    if (this.#isLocal || !isOf(settings.domain, stanza.from)) return false;
    log.warn('stanza with an address of ours dropped', { account, from: stanza.from });
    return true;
  }

  #presenceTo(presence: Stanza): void {
    const { from } = presence;
    if (from === undefined) return;
    if (isSubscription(presence.type)) return this.#subscriptions.fromContact(presence);
    if (this.#rooms.presence(presence)) return;
    // of a room that we are not in (any more): nothing that would be a contact's
    if (presence.type === 'error' || hasChild(presence.tree, 'x', NS.mucUser)) {
      const directed = this.#presences.directedTo(bare(from as Jid));
      return this.#context.outlet.deliver(directed.length > 0 ? directed : this.#clients.available, presence);
    }
    if (presence.type === undefined || presence.type === 'unavailable') this.#presences.fromContact(presence);
  }

  /** Nothing is taken any more, and nothing goes to the store. */
  close(): void {
    this.#isClosed = true;
    this.#replay.close();
    this.#context.archive.settle();
    for (const cancel of this.#cancels) cancel();
    clearInterval(this.#sweep);
    this.#roster.close();
    this.#presences.close();
    this.#requests.close();
    this.#rooms.close();
  }
}
