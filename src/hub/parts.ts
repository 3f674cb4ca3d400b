/** What a hub is made of, and how its parts are joined: each knows of the others only what it is given here. */
import type { Store } from '../archive/types.ts';
import type { BareJid, Jid } from '../wire/jid.ts';
import { NS } from '../wire/ns.ts';
import { errorOf, Stanza } from '../wire/stanza.ts';
import { type Element, xml } from '../wire/xml.ts';
import { capsOf } from './aggregate.ts';
import { ArchiveQueries } from './archives.ts';
import { Backfill } from './backfill.ts';
import { Capabilities } from './capabilities.ts';
import { CatchUp, isSentBy } from './catchup.ts';
import type { Client } from './clients.ts';
import type { Context, HubSettings, Log, Outlet } from './context.ts';
import { Cursors } from './cursors.ts';
import { Descent } from './descent.ts';
import { Discovery } from './discovery.ts';
import { Flow } from './flow.ts';
import { Forwarded } from './forwarded.ts';
import { Habits } from './habits.ts';
import { Inbound } from './inbound.ts';
import { Incoming } from './incoming.ts';
import { moveOld, moveSent } from './legacy.ts';
import { Agenda, after, contextOf, type Later, type Line } from './line.ts';
import { OwnArchive } from './mam.ts';
import { Marks } from './marks.ts';
import { Outbound, Sent } from './outbound.ts';
import { Outbox } from './outbox.ts';
import { Owed } from './owed.ts';
import { Events } from './pep.ts';
import { ArchivePreferences } from './preferences.ts';
import { Presences } from './presence.ts';
import { Replay } from './replay.ts';
import { Requests } from './requests.ts';
import { Rooms } from './rooms.ts';
import { Roster } from './roster.ts';
import { ServerArchive } from './server-archive.ts';
import { MediaSessions } from './sessions.ts';
import { Subscriptions } from './subscriptions.ts';
import { Tracker } from './tracker.ts';

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
  later?: Later;
}

/** A request to the server (or another), with what is done with the answer; none came where it is left out. */
type Ask = (type: 'get' | 'set', payload: Element, done?: (response?: Stanza) => void, to?: string) => void;

/** What all other parts stand on. */
interface Base {
  options: HubOptions;
  line: Line;
  context: Context;
  ask: Ask;
  isLocal: boolean;
}
type People = ReturnType<typeof makePeople>;
type Memory = ReturnType<typeof makeMemory>;
type Talk = ReturnType<typeof makeTalk>;
export type Parts = ReturnType<typeof makeParts>;

/** All parts of a hub, joined. */
export function makeParts(options: HubOptions, line: Line) {
  const agenda = new Agenda(options.later ?? after);
  const context = contextOf(options, line, agenda, (...words) => memory.replay.postpone(...words));
  const tracker = new Tracker(context.account, context.server);
  const ask: Ask = (type, payload, done = () => {}, to) => {
    const id = tracker.add({ to, since: context.now(), done });
    context.up.send(Stanza.of(xml('iq', { type, id, to }, payload)).toString());
  };
  const isLocal = options.isLocal ?? false;
  const base: Base = { options, line, context, ask, isLocal };
  const people = makePeople(context);
  const memory: Memory = makeMemory(base, people, (occupant) => talk.rooms.membersAt(occupant));
  const talk: Talk = makeTalk(base, people, memory);
  return {
    line,
    context,
    agenda,
    tracker,
    ask,
    isLocal,
    ...people,
    ...memory,
    ...talk,
    ...makeIq(base, tracker, people, memory, talk),
  };
}

/** Contacts, and what is known of them and of our clients. */
function makePeople(context: Context) {
  const roster = new Roster(context);
  const capabilities = new Capabilities(context);
  const presences = new Presences(context, capabilities);
  const subscriptions = new Subscriptions(context);
  const events = new Events(context, capabilities);
  roster.onChange = (contact, subscription) => {
    subscriptions.changed(contact, subscription);
    if (subscription === 'remove' || subscription === 'none' || subscription === 'from') events.forget(contact);
  };
  capabilities.onLearned = (client) => {
    events.replay(client);
    presences.announce();
  };
  events.isContact = (owner) => /^(to|both)$/.test(roster.subscription(owner));
  presences.sources = () => roster.sources();
  return { roster, capabilities, presences, subscriptions, events };
}

/** The archive, how far each client has got in it, and who asks it. */
function makeMemory({ options, line, context, ask, isLocal }: Base, people: People, membersAt: Rooms['membersAt']) {
  const { kept, now, clients } = context;
  const { messages } = options.store;
  const archived = context.archive.stored;
  const flow = new Flow();
  const cursors = new Cursors(kept, now);
  const habits = new Habits(kept);
  const replay = new Replay({ context, archive: context.archive, archived, cursors, habits, flow, membersAt });
  const preferences = new ArchivePreferences(context, {
    messages,
    ask,
    isContact: (address) => people.roster.has(address),
    seen: () => cursors.lowest,
  });
  context.archive.onAdded = (message) => preferences.archived(message);
  const queriedArchive = (sid: number): void => {
    const client = clients.get(sid);
    if (client !== undefined) replay.queried(client);
  };
  // the messages of the merged view are those of its accounts
  const archive = isLocal ? undefined : new OwnArchive(context, { archived, flow, preferences, queriedArchive });
  const tell = (event: Stanza): void => {
    if (!line.isClosed) people.events.tell(event);
  };
  const marks = isLocal ? undefined : new Marks(context, { archived, ask, tell });
  if (marks !== undefined) people.events.translators.set(NS.displayed, (event) => void marks.inward(event).then(tell));
  const archives = new ArchiveQueries(context);
  return { flow, cursors, habits, replay, preferences, archive, marks, archives };
}

/** Messages on their way, in both directions, and what was missed of them. */
function makeTalk({ options, context, ask, isLocal }: Base, people: People, memory: Memory) {
  const { account, archive, clients, outlet } = context;
  const { messages } = options.store;
  const { replay, habits, archives } = memory;
  const discovery = new Discovery(context, (to, payload, done) => ask('get', payload, done, to), {
    withArchive: !isLocal,
  });
  const media = new MediaSessions();
  const sent = new Sent(context);
  const rooms = new Rooms(context, {
    ask: (type, to, payload, done) => ask(type, payload, done, to),
    caps: () => capsOf(people.capabilities.own()),
    gave: (sid, place) => replay.gave(sid, place),
    moved: (sid, addresses) => {
      const client = clients.get(sid);
      // should we end without a word, it was in them until then
      if (client !== undefined) habits.change(client.address, { rooms: addresses.length > 0 ? addresses : undefined });
    },
    undelivered: (message) => {
      const sender = sent.senderOf(message.to as Jid, message.id);
      if (sender !== undefined) outlet.deliver([sender.sid], errorOf(message, 'recipient-unavailable'));
    },
  });
  people.presences.onAnnounce = (presence) => rooms.show(presence);
  const inbound = new Inbound(context, { events: people.events, archives, rooms, media, replay, sent });
  const outbox = new Outbox(context);
  const failed = (error: Stanza) => inbound.take(error);
  const outbound = new Outbound(context, { sent, outbox, media, rooms, failed, shown: replay });
  const serverArchive = new ServerArchive(context, (payload, done) => ask('set', payload, done));
  const descent: Descent = new Descent(context, {
    server: serverArchive,
    messages,
    older: ({ message, at }) => archive.older(message, isSentBy(message, account), at),
    isBehind: () => catchUp.isOpen,
  });
  const backfill = new Backfill(context, messages, descent);
  const catchUp: CatchUp = new CatchUp(context, {
    server: serverArchive,
    messages,
    latest: () => archive.latest,
    outbox,
    missed: (message, at) => inbound.missed(message, at),
    live: (message) => inbound.take(message),
    done: () => outbound.flush(),
    keepsOffline: () => discovery.offers('msgoffline'),
    found: () => backfill.online(context.settings.backfillDays),
  });
  if (memory.archive !== undefined) {
    memory.archive.unknownId = (id) => backfill.reach(id);
    memory.archive.past = backfill;
    memory.archive.isStable = () => !catchUp.isOpen;
  }
  return { discovery, media, rooms, inbound, outbound, serverArchive, descent, backfill, catchUp };
}

/** Requests of both sides, and their answers. */
function makeIq({ options, context }: Base, tracker: Tracker, people: People, memory: Memory, talk: Talk) {
  const { roster, capabilities } = people;
  const { archives, archive, marks, replay } = memory;
  const { rooms, discovery, media } = talk;
  const forwarded = new Forwarded(context);
  const requests = new Requests(context, {
    ...{ tracker, forwarded, roster, rooms, archives, archive, marks, discovery, media },
    enabledCarbons: (client: Client) => replay.enabledCarbons(client),
    passwordChanged: options.passwordChanged,
  });
  const owed = new Owed(context.up);
  const incoming = new Incoming(context, { owed, capabilities, forwarded, roster, media });
  return { forwarded, requests, owed, incoming };
}

/** All that was kept of the account. */
export async function loadParts(parts: Parts): Promise<void> {
  const { account, archive, kept } = parts.context;
  await archive.load();
  await moveSent(kept, archive, account);
  await Promise.all([parts.cursors.load(archive.last), parts.habits.load(archive.last)]);
  await moveOld(kept, archive, account);
  await Promise.all([
    parts.roster.load(),
    parts.subscriptions.load(),
    parts.events.load(),
    parts.rooms.load(),
    parts.marks?.load(),
    parts.preferences.load(),
    parts.discovery.load(),
    parts.outbound.load(),
    parts.catchUp.load(),
    parts.backfill.load(),
  ]);
}
