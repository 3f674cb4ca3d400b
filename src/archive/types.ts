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
  /** Messages of clients that wait for the server. Key: ascending number. Value: XML. */
  | 'outbox'
  /** Key: client's resource. Value: what is remembered of it (JSON). */
  | 'client'
  /** Key: room's bare address. Value: how the account is in it (JSON). */
  | 'room'
  /** A room's last messages. Key: room, place in a ring. Value: ascending number, message as XML. */
  | 'room-message'
  /** Private messages in a room that no client was in. Key: room, ascending number. Value: XML with delay. */
  | 'room-private';

export interface Entry {
  key: string;
  value: string;
}

/** All of an account's things; every method may be called again before the last has resolved. */
export interface Store {
  /** What is kept, in the order of its first put; what was put before is seen. */
  read(account: string, kind: Kind): Promise<Entry[]>;
  /** Adds or replaces. Resolves when durable; writes of the same few milliseconds share one commit. */
  put(account: string, kind: Kind, key: string, value: string): Promise<void>;
  /** Deletes one, or all of the kind. Resolves when durable. */
  remove(account: string, kind: Kind, key?: string): Promise<void>;
  /** Deletes all of an account. */
  forget(account: string): Promise<void>;
  close(): Promise<void>;
}

export type OpenStore = (user: string) => Promise<Store>;
