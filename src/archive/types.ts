/** What is kept of an account because it changes with traffic. One store per unit; another database can implement it. */

/** Kinds of things kept; within a kind, keys are unique and keep the order in which they were first put. */
export type Kind =
  /** Key: contact's bare address. Value: roster item as XML. */
  | 'roster'
  /** Single values: roster version, own disco results, … */
  | 'meta'
  /** Key: owner, space, node. Value: the last event as XML. */
  | 'pep'
  /** Key: bare address that asks for a subscription. Value: presence as XML. */
  | 'subscription'
  /** Messages that came while no client took them. Key: ascending number. Value: XML with delay. */
  | 'offline'
  /** Messages of clients that the server has not acknowledged. Key: ascending number. Value: JSON. */
  | 'outbox'
  /** Key: client's resource. Value: what is remembered of it (JSON). */
  | 'client'
  /** Key: room's bare address. Value: how the account is in it (JSON). */
  | 'room'
  /** A room's last messages. Key: room, place in a ring. Value: ascending number, message as XML. */
  | 'room-message'
  /** Private messages in a room that no client was in. Key: room, ascending number. Value: XML with delay. */
  | 'room-private'
  /** What the server's end of XEP-0198 is resumed with. Key: none. Value: JSON. */
  | 'upstream'
  /** XEP-0198 of clients' streams. Key: the stream's id. Value: how many stanzas were taken (JSON). */
  | 'stream'
  /** How far each client has got in the archive. Key: its resource. Value: JSON. */
  | 'cursor'
  /** Read marks (XEP-0490). Key: peer. Value: JSON. */
  | 'mark'
  /** Places of messages that shall not stay in the archive (XEP-0441). No value. */
  | 'passing';

export interface Entry {
  key: string;
  value: string;
}

/**
 * A message in an account's archive (XEP-0313). Its place is given by the caller and used once: it is the order of the archive and,
 * as text, the message's stanza-id.
 */
export interface ArchivedMessage {
  place: number;
  /** When it was written or came: milliseconds since the epoch. Not always in the order of places. */
  at: number;
  /** The other side's bare address (a room's, for what is said in it), and its resource (an occupant's nick). */
  peer: string;
  resource: string | undefined;
  isSent: boolean;
  type: 'chat' | 'normal' | 'headline' | 'groupchat' | 'error';
  /** The stanza's own id; the id its sender's app gave it (XEP-0359). */
  id: string | undefined;
  originId: string | undefined;
  /** The stanza-id that the account's own server gave it. */
  alias: string | undefined;
  /** Full address of the client of ours that sent it. */
  client: string | undefined;
  /** The whole stanza with `from` and `to`, without stanza-ids by the account. */
  text: string;
  /** What full-text search finds it by. */
  body: string | undefined;
}

/** Which messages of an account; all conditions hold together. */
export interface Selection {
  peer?: string;
  resource?: string;
  /** Milliseconds since the epoch, both included. */
  start?: number;
  end?: number;
  /** Places, both excluded. */
  after?: number;
  before?: number;
  places?: readonly number[];
  /** Words that its body has, all of them. */
  words?: string;
  /** False: nothing of type groupchat; left out: all. */
  groupchat?: boolean;
  isSent?: boolean;
  /** Not what that client sent. */
  notBy?: string;
}

/** Another name of one message. */
export type Sought =
  | { alias: string }
  | { originId: string; peer: string; isSent: boolean }
  | { id: string; peer: string; resource?: string; isSent: boolean };

export interface Page {
  /** In the order of places. */
  messages: ArchivedMessage[];
  /** There is nothing beyond it in the direction of paging. */
  complete: boolean;
}

export interface Extent {
  count: number;
  first: { place: number; at: number };
  last: { place: number; at: number };
}

/** The messages of all accounts of a user. Writes are like those of Store: one turn's are one transaction. */
export interface Messages {
  /**
   * Archives one; a place that is taken is written anew. Resolves when durable. Unless `isPast`, nobody having been shown it, it outlives
   * the end of the program, though not of the machine, from when this returns.
   */
  add(account: string, message: ArchivedMessage, isPast?: boolean): Promise<void>;
  /** That is what the server calls it. */
  alias(account: string, place: number, alias: string): Promise<void>;
  /** The newest that is meant; undefined if there is none. */
  find(account: string, sought: Sought): Promise<ArchivedMessage | undefined>;
  /** The first of them, or the last ones where `backwards`. */
  page(account: string, selection: Selection, limit: number, backwards?: boolean): Promise<Page>;
  count(account: string, selection: Selection): Promise<number>;
  /** Peers that there are messages with whose address begins so, in the order of addresses. */
  peers(account: string, start: string, limit: number): Promise<string[]>;
  /** Undefined while there is no message. */
  extent(account: string, selection?: Selection): Promise<Extent | undefined>;
  /**
   * Deletes them for good, nothing of them stays in the file; resolves with their number when durable. Those that are meant by their
   * places may leave traces in it for some minutes, for that may be done often.
   */
  forget(account: string, selection: Selection): Promise<number>;
}

/** Something is in the way of writing (a full disk, rights); it is tried again until it is gone. */
export interface Trouble {
  /** In words for the administrator, with the file. */
  reason: string;
  /** Milliseconds since the epoch. */
  since: number;
}

/**
 * All of an account's things; every method may be called again before the last has resolved. Reads see what was written before.
 * All that is written within one turn of the event loop is one transaction. A write that cannot be done now waits and is done again
 * until it can (`trouble`); its promise rejects only when the store is closed or of no more use.
 */
export interface Store {
  readonly messages: Messages;
  /** Why nothing can be written now; undefined while all is well. */
  readonly trouble: Trouble | undefined;
  /** Called at each change of `trouble`. */
  onTrouble: (trouble: Trouble | undefined) => void;
  /** Resolves when all that was written until now is durable; undefined: it is. */
  settled(): Promise<void> | undefined;
  /** As put, with the value that holds when the transaction is committed; the last note of a key counts. */
  note(account: string, kind: Kind, key: string, value: () => string): Promise<void>;
  /** Octets that it takes on the disk; what was deleted does not count. */
  size(): Promise<number>;
  /** What is kept, in the order of its first put; what was put before is seen. */
  read(account: string, kind: Kind): Promise<Entry[]>;
  /** Adds or replaces. Resolves when durable; writes of the same few milliseconds share one commit. */
  put(account: string, kind: Kind, key: string, value: string): Promise<void>;
  /** Deletes one, or all of the kind. Resolves when durable. */
  remove(account: string, kind: Kind, key?: string): Promise<void>;
  /** Deletes those whose keys, as text, are that one or before it. */
  removeTo(account: string, kind: Kind, key: string): Promise<void>;
  /** Deletes all of an account. */
  forget(account: string): Promise<void>;
  close(): Promise<void>;
}

export type OpenStore = (user: string) => Promise<Store>;
