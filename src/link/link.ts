/**
 * What edge and unit say to each other. The same two interfaces stand on both sides, whether a unit runs in the main
 * thread (plain calls) or in a worker (`edge-port.ts` and `unit-port.ts` put the calls into batches).
 *
 * A session is a number (`sid`) that the edge gives; it means a client's bound resource and outlives its streams.
 * Stanzas of one session keep their order; answers to questions have no order with them.
 */
import type { StreamCondition } from '../wire/error.ts';
import type { Failure } from '../wire/failure.ts';
import type { BareJid, FullJid } from '../wire/jid.ts';
import type { Stanza } from '../wire/stanza.ts';

/**
 * What a login shows (RULES, "Logging in"): one account under its own address (`identity`) or under an address of ours (`single`), or
 * all of a user's accounts as one (`merged`).
 */
export type LoginView = 'identity' | 'single' | 'merged';

/** What lasts about a session: the edge keeps it, so that a unit that starts anew learns it at `attach`. */
export interface SessionFacts {
  view: LoginView;
  /** Own bare address: the account's in the identity view, else user@domain or user+label@domain. */
  bare: BareJid;
  /** The account it shows, where that has another address than `bare` (single). */
  account?: BareJid;
  address: FullJid;
  /** XEP-0280 enabled. */
  carbons: boolean;
  /** Has asked for the roster (RFC 6121 §2.2: an interested resource). */
  interested: boolean;
  /** Has asked for the block list (XEP-0191 §3.3). */
  blocklist: boolean;
  /** Last available presence broadcast, as text; undefined while unavailable. */
  presence: string | undefined;
  /** XEP-0352: the client says it is inactive. */
  inactive: boolean;
  /** Addresses that have the client's directed presence. */
  directed: string[];
  /** Rooms it is in: its addresses there. */
  rooms: string[];
  /** XEP-0198: the name of its stream, and how many stanzas came before that could be resumed; undefined: it cannot be. */
  stream: { id: string; from: number | undefined };
  /** The highest place (see `deliver`) that the edge was given for it, and the highest that its client has; 0: none. */
  delivered: number;
  acknowledged: number;
  /** The archive's last place when it came, once its unit has said so: what its app sends once more stands up to there. */
  began?: number;
  /** It may be given what can wait (see `flow`). */
  isOpen: boolean;
}

/** An upstream account as its unit needs it. Secrets are here in clear: they cross threads, never a log. */
export interface AccountSettings {
  jid: BareJid;
  label: string;
  password: string;
  /** The core session's resource: random, made once, kept. */
  resource: string;
  enabled: boolean;
  /** `host:port`, `xmpps://host:port`: connect there in place of looking the domain up. An admin's word, so exempt from the guard. */
  route: string | undefined;
  /** SHA-256 (hex) of the certificate to trust in place of a CA's word. */
  pin: string | undefined;
}

export type MirrorMode = 'inline' | 'log' | 'off';

export interface UnitSettings {
  user: string;
  /** Our own domain. */
  domain: BareJid;
  /** root's address: in every client's roster. */
  root: BareJid;
  accounts: AccountSettings[];
  mirror: MirrorMode;
  /** Status text and auto-away while no client is online. */
  awayText: string;
  autoAway: boolean;
  /** How long a message waits for a server before it comes back: milliseconds; a day where it is left out. */
  expiry?: number;
  /** So many messages that other clients have seen a client gets that was never here; left out: none. */
  backlog?: number;
  /** Days of an account's past that are taken over from its server's archive; left out: none. */
  backfillDays?: number;
  /** How long messages are kept: milliseconds; 0 or left out: for ever. */
  retention?: number;
  /** What the user's archive may take: octets; 0 or left out: no limit. */
  quota?: number;
  upstream: UpstreamSettings;
  /** Account → service addresses that it answers for: they may see its presence. */
  services?: Record<string, string[]>;
  /** Folder of the units' databases. */
  archiveDir: string;
}

/** UPSTREAM_* of .env.example. */
export interface UpstreamSettings {
  /** domain → `host:port` or `xmpps://host:port`. */
  routes: Record<string, string>;
  /** PEM text of additional CAs. */
  ca: string | undefined;
  allowPrivate: boolean;
  allowPlaintext: boolean;
}

/** How one account is doing, in words that root can say. */
export interface AccountState {
  jid: BareJid;
  status: 'off' | 'connecting' | 'online' | 'waiting' | 'stopped';
  /** Since when it is in that status: milliseconds since the epoch. */
  since: number;
  /** Why it is not online. */
  failure: Failure | undefined;
  contacts: number;
  clients: number;
}

/** A room that an account is in, or means to be in again. */
export interface RoomState {
  account: BareJid;
  room: BareJid;
  nick: string;
  isIn: boolean;
  detached: boolean;
  occupants: number;
  clients: number;
}

/** Messages of these accounts, with one peer or with all. */
export interface Sought {
  accounts: BareJid[];
  peer: BareJid | null;
}

export interface Hit {
  account: BareJid;
  /** Milliseconds since the epoch. */
  at: number;
  peer: string;
  /** A room's occupant. */
  nick: string | null;
  isSent: boolean;
  body: string;
}

export interface Hits {
  hits: Hit[];
  /** How many there are in all. */
  total: number;
}

/** One JSON object a line, or XEP-0227. */
export type ExportFormat = 'json' | 'xml';

export interface Reach {
  messages: number;
  /** Date of the first; null while there is none. */
  first: number | null;
  /** Messages that wait for the server. */
  waiting: number;
  /** Octets of all the user's accounts. */
  size: number;
}

/** Questions of the edge to a unit. Each is answered once. */
export interface UnitQuestions {
  /** New settings: accounts started, stopped, changed. */
  configure: { ask: { settings: UnitSettings }; answer: null };
  status: { ask: null; answer: AccountState[] };
  rooms: { ask: null; answer: RoomState[] };
  /** False if the account is in no such room. */
  room: { ask: { account: BareJid; room: BareJid; action: 'leave' | 'detach' | 'attach' }; answer: boolean };
  /**
   * XEP-0198 `h` of a stream that the edge does not know (any more), for its own login alone; null where nothing is known. `account`
   * is what the login shows.
   */
  handled: { ask: { account: BareJid; bare: BareJid; id: string }; answer: number | null };
  /** Messages with their places that the unit before this one gave to clients, and may not have kept. */
  recall: { ask: { messages: { account: BareJid; place: number; text: string }[] }; answer: null };
  /** Messages with those words, of all the accounts, the newest first, beyond the first `skip`. */
  search: { ask: Sought & { words: string; since: number | null; skip: number; limit: number }; answer: Hits };
  /** Deletes messages for good; says how many. */
  forgetHistory: { ask: Sought; answer: number };
  /** Writes messages into that file, which is not there yet; says how many. */
  exportHistory: { ask: Sought & { file: string; format: ExportFormat }; answer: number };
  /** How far their archive reaches. */
  reach: { ask: Sought; answer: Reach };
  /** Whom there are messages with whose address begins so; the first of them. */
  peers: { ask: { accounts: BareJid[]; start: string }; answer: string[] };
  /** Everything kept of an account is deleted. */
  forget: { ask: { account: BareJid }; answer: null };
  /** Sessions upstream are closed, for at most `within` milliseconds; then the store is closed. */
  stop: { ask: { within: number }; answer: null };
}

/** Questions of a unit to the edge. */
export interface EdgeQuestions {
  /** The registry takes a new password of an account (jabber:iq:register went through). */
  rememberPassword: {
    ask: { account: BareJid; password: string };
    answer: null;
  };
  /** A user's new proxy password (jabber:iq:register of the session `by`, whose view goes by it); the answer says why not, in words. */
  setProxyPassword: {
    ask: { user: string; password: string; by: number };
    answer: { refusal: string | null };
  };
  /** A user's archive cannot be written, or can be again: null. */
  archive: { ask: { user: string; reason: string | null }; answer: null };
  /** Root says it to who has that account. */
  tell: { ask: { user: string; account: BareJid; text: string }; answer: null };
}

export type Answer<Q, K extends keyof Q> = Q[K] extends { answer: infer A } ? A : never;
export type Ask<Q, K extends keyof Q> = Q[K] extends { ask: infer A } ? A : never;

/** Where units live: the main thread, or a worker. */
export interface UnitHost<U extends UnitLink = UnitLink> {
  /** Starts a user's unit. */
  open(settings: UnitSettings): Promise<U>;
  /** Tries a login and logs out again (`account add`, enrolment); changes nothing. */
  tryLogin(account: AccountSettings, upstream: UpstreamSettings): Promise<LoginTrial>;
  close(): Promise<void>;
}

export type LoginTrial = { contacts: number } | { failure: Failure };

/**
 * What is known of a stanza that a unit was told, which died before it was durable. It took it: what the user's other clients were to
 * see of it they have seen, and nobody knows whether the server has. It was told it: it may have taken it all the same, and did not
 * live to say so; no other client has seen anything of it.
 */
export type Past = 'taken' | 'told';

/** What the edge calls: one unit. */
export interface UnitLink {
  /** The facts are the edge's own, as it keeps them from now on. */
  attach(sid: number, facts: SessionFacts): void;
  /** Its stream may be resumed (XEP-0198): the count `h` begins behind that position. */
  resumable(sid: number, from: number): void;
  /**
   * The session is over (not merely its stream). `isClean`: its client ended it, and all it said is durable: it will neither ask for
   * what was `handled` nor send anything again.
   */
  detach(sid: number, isClean: boolean): void;
  /**
   * From a client; `to` is prepared, `from` undefined. `position`: so many stanzas has the session sent with this one; those
   * between are the edge's own. `order`, where units may die, rises with the time, in microseconds.
   * `past`: what is known of it from a unit that died.
   */
  stanza(sid: number, stanza: Stanza, position: number, order?: number, past?: Past): void;
  /** The client was told that all up to there is handled; what followed the last `stanza` was the edge's own. */
  passed(sid: number, position: number): void;
  /** The client has all that it was given (`deliver`) up to that place. Rises. */
  acknowledged(sid: number, place: number): void;
  /** False: the client has enough to do, what can wait shall; true: it can go on. A session begins open. */
  flow(sid: number, isOpen: boolean): void;
  /** XEP-0352. */
  activity(sid: number, inactive: boolean): void;
  ask<K extends keyof UnitQuestions>(what: K, ask: Ask<UnitQuestions, K>): Promise<Answer<UnitQuestions, K>>;
}

/** What a unit calls: the edge. */
export interface EdgeLink {
  /**
   * One stanza to many sessions; its `to` is filled in by the edge, each session its own full address. `place`: its place in the
   * archive, where it has one; the client's acknowledgement comes back as `acknowledged`.
   */
  deliver(sids: readonly number[], stanza: Stanza, place?: number): void;
  /** Of the stanzas of that session all up to that position are durable, or need not be. */
  stored(sid: number, position: number): void;
  /** What changed about a session, kept for a later `attach`. */
  facts(sid: number, change: Partial<SessionFacts>): void;
  close(sid: number, condition: StreamCondition, text: string): void;
  /** Stop reading that client's socket, or go on. */
  pause(sid: number): void;
  resume(sid: number): void;
  /** An account's status changed: root tells people once per change that they must act on. */
  account(user: string, state: AccountState): void;
  ask<K extends keyof EdgeQuestions>(what: K, ask: Ask<EdgeQuestions, K>): Promise<Answer<EdgeQuestions, K>>;
}
