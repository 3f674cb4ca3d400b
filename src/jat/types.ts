/**
 * What Jabber Address Translation (`translation.md`) wants of the world, and what it tells of itself.
 *
 * One file, for it is one contract, with all that passes between the two sides.
 *
 * *Service address*: an address of ours that stands for others. *Target*: the account(s) behind it. *Resource*: a bound
 * resource of a target, which answers. *User*: whoever writes to the address.
 */
import type { Clock } from '../wire/clock.ts';
import type { Condition } from '../wire/error.ts';
import type { BareJid, FullJid, Jid } from '../wire/jid.ts';
import type { Stanza } from '../wire/stanza.ts';

/**
 * One way in and out: the component that serves a host, or the edge for who is logged in here. An answer leaves by the way
 * its request came.
 */
export interface Way {
  /** Each way has its own; one that is made anew has its predecessor's. */
  readonly name: string;
  /** `from` is one of our service addresses, `to` whoever the stanza is for. False: the way is closed, nothing was sent. */
  send(stanza: Stanza): boolean;
}

type Write = (message: string, fields?: Record<string, unknown>) => void;
export interface Log {
  debug: Write;
  info: Write;
  warn: Write;
  error: Write;
}

/** Tokens: key is the token, value the address it stands for. Contacts: key is a user's bare address. */
export type KeptKind = 'token' | 'contact';
export interface Kept {
  key: string;
  value: string;
}
/** What outlives the process. Every method may be called again before the last has resolved; later calls see earlier ones. */
export interface ServiceStore {
  read(address: BareJid, kind: KeptKind): Promise<Kept[]>;
  /** Adds or replaces; resolves when durable. */
  put(address: BareJid, kind: KeptKind, key: string, value: string): Promise<void>;
  remove(address: BareJid, kind: KeptKind, key: string): Promise<void>;
  /** All of an address. */
  forget(address: BareJid): Promise<void>;
}

/** What the translation wants of whoever joins it to components and sessions. */
export interface World {
  /** Fractions of milliseconds wanted (latency): `performance.timeOrigin + performance.now()`. */
  clock: Clock;
  /** From 0 up to 1. */
  random(): number;
  log: Log;
  store: ServiceStore;
  /** 32 secret bytes, kept over restarts: sealed addresses and tokens are made with it. */
  key: Uint8Array;
  /** By which way a stanza from that service address goes to that user or target, where no earlier stanza says it. */
  way(from: BareJid, to: Jid): Way;
  /**
   * Is that account one of the proxy's own, whose resources are told by `resource()`? Then we neither subscribe to it nor
   * probe it.
   */
  isDirect(account: BareJid): boolean;
  /** Something that an administrator can act on; once per change. */
  notice(notice: Notice): void;
}

/** The translation, as whoever joins it calls it (`new Services(world)` in `services.ts`). */
export interface ServiceEngine {
  /** Adds an address, or changes it: nothing open is lost by it. Throws a ConflictError where it cannot be beside the others. */
  configure(settings: AddressSettings): Promise<void>;
  /** Its users are told that it is gone; what is open is answered; what is kept is deleted. */
  remove(address: BareJid): Promise<void>;
  /** Is a stanza to that address for us? `from`: a target writes to users at addresses that nobody else can write to. */
  serves(to: Jid, from?: Jid): boolean;
  /** A stanza to one of our addresses. `from` is who it says: the server behind the way, or the edge, has checked that. */
  stanza(stanza: Stanza, way: Way): void;
  /** A direct account's resource came, changed, or went (undefined). */
  resource(resource: FullJid, presence: ResourcePresence | undefined, way: Way): void;
  /** An account became direct, or is so no more. */
  directness(account: BareJid): void;
  /** The way stands: subscriptions, presence, owed answers go out. Not before this is anything sent by it. */
  opened(way: Way): void;
  /** The way is down; `opened()` may follow. */
  closed(way: Way): void;
  /** No new requests to an account of an address, or to one of its resources; or again. False: there is no such. */
  drain(address: BareJid, account: BareJid | FullJid, drained: boolean): boolean;
  status(address: BareJid): AddressStatus | undefined;
  /** Everybody is told that we are away, what is open is answered; nothing is sent afterwards. Resolves when the store has all. */
  stop(): Promise<void>;
}

export type Policy = 'random' | 'round-robin' | 'least-pending' | 'sticky';
export const policies: readonly Policy[] = ['random', 'round-robin', 'least-pending', 'sticky'];

/** Token bucket: so many a second, and so many at once. */
export interface Rate {
  perSecond: number;
  burst: number;
}

export interface TargetAccount {
  account: BareJid;
  /** Share of each of its resources, against the other accounts': 1 to 1000. */
  weight: number;
}

/** One service address. Everything may change while it runs. */
export interface AddressSettings {
  /** `svc.example` (then every `…@svc.example` that is no address of its own, too) or `helpdesk@svc.example`. */
  address: BareJid;
  targets: readonly TargetAccount[];
  /** Off: known, but nobody is there. */
  enabled: boolean;
  policy: Policy;
  /** How a target sees a user: `address/<user>`, or `<user>@host` (XEP-0106), which makes one chat of each user. */
  encoding: 'resource' | 'localpart';
  /** Users are sealed: a target cannot read who they are. */
  private: boolean;
  /** Where a user's message goes: to the target's bare address, or to each of its resources. */
  messages: 'account' | 'resources';
  /** May the target write to people who never wrote to it? */
  initiate: boolean;
  /** Who may use it: addresses and domains; everybody where empty. */
  allow: readonly BareJid[];
  /** How long a request may take, in milliseconds. */
  timeout: number;
  limits: AddressLimits;
  /** In place of what the target says of itself (XEP-0030). */
  name: string | undefined;
  category: string | undefined;
  type: string | undefined;
  /** XEP-0153: a picture of the address. */
  avatar: Avatar | undefined;
}

export interface Avatar {
  /** `image/png`, … */
  mime: string;
  data: Uint8Array;
}

export interface AddressLimits {
  /** Requests open at once: of one user (bare address), of all. The last tenth is for domains that have less than a tenth. */
  openOfSender: number;
  open: number;
  /** How long these may be together, in characters. */
  lengthOfSender: number;
  length: number;
  /** Requests of one user, of all. Undefined: those open at once are limit enough. */
  requestsOfSender: Rate | undefined;
  requests: Rate | undefined;
  /** Messages and presence of one user, of all, in one direction or the other. */
  messagesOfSender: Rate | undefined;
  messagesOfAll: Rate | undefined;
}

export const defaultLimits: AddressLimits = {
  openOfSender: 256,
  open: 10_000,
  lengthOfSender: 4 << 20,
  length: 32 << 20,
  requestsOfSender: undefined,
  requests: undefined,
  messagesOfSender: { perSecond: 20, burst: 200 },
  messagesOfAll: { perSecond: 2_000, burst: 10_000 },
};

export const defaultSettings: Omit<AddressSettings, 'address' | 'targets'> = {
  enabled: true,
  policy: 'random',
  encoding: 'resource',
  private: false,
  messages: 'account',
  initiate: false,
  allow: [],
  timeout: 30_000,
  limits: defaultLimits,
  name: undefined,
  category: undefined,
  type: undefined,
  avatar: undefined,
};

/** What a target's presence says (RFC 6121 §4.7). */
export interface ResourcePresence {
  priority: number;
  show: 'away' | 'chat' | 'dnd' | 'xa' | undefined;
}

export type NoticeKind =
  /** The target has not accepted our subscription yet: whoever has its account has to. */
  | 'asked'
  /** It refused or ended the subscription. */
  | 'refused'
  /** Its server says that it is not there, or cannot be reached. */
  | 'unreachable'
  /** The subscription holds. */
  | 'accepted'
  /** The last resource has gone; the first has come. */
  | 'empty'
  | 'available'
  /** A resource answers no more; it answers again. */
  | 'silent'
  | 'answers';

export interface Notice {
  kind: NoticeKind;
  address: BareJid;
  account: BareJid;
  resource?: FullJid | undefined;
  /** What was said, for `refused` and `unreachable`. */
  condition?: Condition | undefined;
  /** When we try again, in milliseconds since the epoch of the clock. */
  retryAt?: number | undefined;
}

/** How an address is doing (`target show`). */
export interface AddressStatus {
  address: BareJid;
  settings: AddressSettings;
  available: boolean;
  accounts: AccountStatus[];
  /** Requests on their way now, of users and of targets. */
  open: number;
  /** Requests that wait for a first resource. */
  waiting: number;
  subscribers: number;
  /** Requests, messages a second, over the last minute. */
  requestRate: number;
  messageRate: number;
  /** Milliseconds, of the last 512 answers; undefined: none yet. */
  latency: { p50: number; p99: number } | undefined;
  counters: Counters;
  /** The newest first. */
  errors: readonly RecentError[];
}

export interface AccountStatus {
  account: BareJid;
  weight: number;
  /** Shut to new requests by an administrator. */
  drained: boolean;
  subscription: 'direct' | 'none' | 'asked' | 'subscribed' | 'refused' | 'unreachable';
  condition: Condition | undefined;
  retryAt: number | undefined;
  resources: ResourceStatus[];
}

export interface ResourceStatus {
  resource: FullJid;
  presence: ResourcePresence;
  health: 'well' | 'silent';
  /** Gets no new requests: by its presence (unless there is no other), or by an administrator. */
  draining: 'no' | 'presence' | 'drained';
  open: number;
  /** In a row. */
  timeouts: number;
  answered: number;
}

export interface RecentError {
  at: number;
  condition: Condition;
  resource: FullJid | undefined;
}

export interface Counters {
  requests: number;
  answered: number;
  retried: number;
  timeouts: number;
  messages: number;
  presences: number;
  /** What was refused with an error, by its condition. */
  refused: Partial<Record<Condition, number>>;
  /** What was dropped without a word, by its reason. */
  dropped: Partial<Record<Drop, number>>;
}

export type Drop =
  /** An answer after the time-out, or after another was given. */
  | 'late answer'
  /** An answer to nothing that was asked, or not from whom was asked. */
  | 'unasked answer'
  /** An error about a message that never was. */
  | 'unasked error'
  /** What may not be answered with an error and goes nowhere. */
  | 'undeliverable'
  /** From one of our own service addresses, or through us before. */
  | 'loop'
  /** No address in it, or not one. */
  | 'malformed'
  /** Above a limit, and not answerable. */
  | 'limit'
  /** Users that the address does not serve. */
  | 'not allowed'
  /** The way was closed for too long. */
  | 'closed';
