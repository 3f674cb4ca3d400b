/** What the parts of a hub share. */
import type { Kind, Store } from '../archive/types.ts';
import type { BareJid, FullJid } from '../wire/jid.ts';
import type { Stanza } from '../wire/stanza.ts';
import type { Archive } from './archive.ts';
import type { Client, Clients } from './clients.ts';

/** Structurally winston's. */
export interface Log {
  debug(message: string, fields?: object): void;
  info(message: string, fields?: object): void;
  warn(message: string, fields?: object): void;
  error(message: string, fields?: object): void;
}

/** What a hub's owner sets; replaced as a whole when it changes. */
export interface HubSettings {
  /** The proxy's own domain: nothing from upstream may claim it. */
  domain: BareJid;
  root: BareJid;
  mirror: 'inline' | 'log' | 'off';
  awayText: string;
  autoAway: boolean;
  /** How long a message waits for the server before it comes back: milliseconds; a day where it is left out. */
  expiry?: number | undefined;
  /** So many messages that others have seen a client gets that was never here. */
  backlog: number;
  /** Days of the account's past that are taken over from its server's archive. */
  backfillDays: number;
  /** Account → service addresses that it answers for. */
  services?: Readonly<Record<string, readonly string[]>>;
  /** Our version, for jabber:iq:version. */
  version: string;
}

/** Facts about a client that outlive the unit: told to the edge when they change. */
export interface FactsChange {
  carbons?: boolean;
  interested?: boolean;
  blocklist?: boolean;
  presence?: string | undefined;
  directed?: string[];
  /** Rooms it is in: its addresses there. */
  rooms?: string[];
  /** All up to that place in the archive it has been given, or need not get. */
  delivered?: number;
  /** The archive's last place when it came. */
  began?: number;
}

/** What is known of a stanza that a hub was told, which died before it was durable: it took it, or nobody knows whether it did. */
export type Past = 'taken' | 'told';

/** To the clients. The view behind it gives each its own addresses. */
export interface Outlet {
  /** `place`: where it is in the archive; the client's acknowledgement comes back by it. */
  deliver(sids: readonly number[], stanza: Stanza, place?: number): void;
  facts(sid: number, change: FactsChange): void;
}

/** The server's side, as the parts see it. */
export interface Up {
  /** Own full address there; a bare address before the first login. */
  address(): FullJid | BareJid;
  online(): boolean;
  /** False while offline. */
  send(text: string): boolean;
  /** The same, with its sequence number; 0 while offline. */
  post(text: string): number;
  /** No client looks (XEP-0352), or one does again. */
  setInactive(inactive: boolean): void;
}

/** The account's part of the unit's store. Failures are logged by the owner; they never reach a rule. */
export interface Kept {
  read(kind: Kind): Promise<{ key: string; value: string }[]>;
  put(kind: Kind, key: string, value: string): void;
  /** As put, with the value that holds when it is written. */
  note(kind: Kind, key: string, value: () => string): void;
  remove(kind: Kind, key?: string): void;
  /** Those up to that key. */
  removeTo(kind: Kind, key: string): void;
}

export interface Context {
  readonly account: BareJid;
  /** The account's domain. */
  readonly server: BareJid;
  settings: HubSettings;
  readonly clients: Clients;
  readonly outlet: Outlet;
  readonly up: Up;
  readonly kept: Kept;
  readonly archive: Archive;
  readonly log: Log;
  /** Root says it to the account's owner. */
  tell(text: string): void;
  /** From that place on that client finds in the archive what it is to get, after `until` (milliseconds) at the latest. False: it cannot. */
  postpone(client: Client, place: number, until: number): boolean;
  now(): number;
  /** Runs it once, later, unless the hub is closed before. */
  later(milliseconds: number, run: () => void): void;
}

/** One account's view of the unit's store. */
export function keptOf(store: Store, account: string, log: Log): Kept {
  const watch = watching((error) => log.error('store failed', { account, error: String(error) }));
  return {
    read: (kind) => store.read(account, kind),
    put: (kind, key, value) => watch(store.put(account, kind, key, value)),
    note: (kind, key, value) => watch(store.note(account, kind, key, value)),
    remove: (kind, key) => watch(store.remove(account, kind, key)),
    removeTo: (kind, key) => watch(store.removeTo(account, kind, key)),
  };
}

/** Tells of each failure once: all that is written in one commit gets one promise. */
export function watching(failed: (error: unknown) => void): (written: Promise<void>) => void {
  let last: Promise<void> | undefined;
  return (written) => {
    if (written === last) return;
    last = written;
    written.catch(failed);
  };
}
