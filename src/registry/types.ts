/** What an administrator sets and what people set by root: the registry's records and what can be done with them. */
import type { BareJid } from '../wire/jid.ts';
import type { Verifier } from '../wire/verifier.ts';

export interface Verifiers {
  'SCRAM-SHA-1': Verifier;
  'SCRAM-SHA-256': Verifier;
}

export type MirrorMode = 'inline' | 'log' | 'off';

/** An upstream account; its secret is sealed in the file and opened only by `secretOf`. */
export interface AccountRecord {
  jid: BareJid;
  /** Short name, unique for the user: `work`. */
  label: string;
  enabled: boolean;
  /** Resource of the core session: `xmpproxy-` and random characters, made once. */
  resource: string;
  /** `host:port` or `xmpps://host:port` in place of looking the domain up. */
  route?: string;
  /** SHA-256 of the certificate to trust (hex, lower case). */
  pin?: string;
  /** For logins to the identity view; made from the account's own password. */
  verifiers: Verifiers;
  /** The server has refused the stored password: a differing PLAIN password may be tried (RULES, Logging in). */
  refused?: boolean;
}

export interface User {
  /** Localpart of the user's logins on our domain. */
  name: string;
  admin: boolean;
  /** Of the proxy password; absent until one is set (people who enrolled by their account). */
  verifiers?: Verifiers;
  mirror: MirrorMode;
  /** Status while no app is online; auto-away on or off. */
  awayText: string;
  autoAway: boolean;
  /** How long a message waits for a server before it comes back: hours; a day where it is left out. */
  expiry?: number;
  /** So many messages a client gets at first that others have seen; none where it is left out. */
  backlog?: number;
  /** How long messages are kept: days, 0 for ever; as the server is set where it is left out. */
  retention?: number;
  /** What the user's archive may take: MiB, 0 for no limit; as the server is set where it is left out. */
  quota?: number;
  accounts: AccountRecord[];
  /** Milliseconds since the epoch. */
  created: number;
}

/** A component host (XEP-0114) and where its server is; its secret is sealed in the file and opened only by `componentSecret`. */
export interface ComponentRecord {
  host: BareJid;
  /** `host:port`, or `xmpps://host:port` for TLS from the first byte. */
  route: string;
  /** SHA-256 of the certificate to trust (hex, lower case). */
  pin?: string;
}

/** A service address; what is absent is as usual. */
export interface ServiceRecord {
  address: BareJid;
  targets: { account: BareJid; weight: number }[];
  enabled: boolean;
  policy?: 'random' | 'round-robin' | 'least-pending' | 'sticky';
  encoding?: 'resource' | 'localpart';
  private?: boolean;
  messages?: 'account' | 'resources';
  initiate?: boolean;
  /** Addresses and domains. */
  allow?: BareJid[];
  /** Milliseconds. */
  timeout?: number;
  /** Requests a second of one user. */
  rate?: number;
  /** Of all of them. */
  total?: number;
  /** Requests open at once. */
  open?: number;
  name?: string;
  category?: string;
  type?: string;
  /** base64 */
  avatar?: { mime: string; data: string };
}

/** What a person may not do, in words for that person. */
export class RegistryError extends Error {}

/** Reads are of memory and at once; changes resolve when they are durable, and throw RegistryError without having changed anything. */
export interface Registry {
  readonly users: readonly Readonly<User>[];
  user(name: string): Readonly<User> | undefined;
  /** The one user that has that upstream account. */
  ownerOf(account: BareJid): { user: Readonly<User>; account: Readonly<AccountRecord> } | undefined;
  /** An account's password in clear. */
  secretOf(account: BareJid): string;
  /** A key for that purpose alone, the same after each restart. */
  keyFor(purpose: string): Uint8Array;
  addUser(user: { name: string; admin: boolean; password?: string }): Promise<void>;
  removeUser(name: string): Promise<void>;
  setUser(
    name: string,
    change: Partial<
      Pick<User, 'admin' | 'mirror' | 'awayText' | 'autoAway' | 'expiry' | 'backlog' | 'retention' | 'quota'>
    > & { password?: string },
  ): Promise<void>;
  addAccount(
    user: string,
    account: { jid: BareJid; password: string; label?: string; route?: string; pin?: string },
  ): Promise<void>;
  removeAccount(account: BareJid): Promise<void>;
  /** `route`, `pin`: empty text takes it away. */
  setAccount(
    account: BareJid,
    change: { password?: string; label?: string; enabled?: boolean; route?: string; pin?: string; refused?: boolean },
  ): Promise<void>;
  readonly components: readonly Readonly<ComponentRecord>[];
  /** A component's secret in clear. */
  componentSecret(host: BareJid): string;
  addComponent(component: ComponentRecord & { secret: string }): Promise<void>;
  removeComponent(host: BareJid): Promise<void>;
  readonly services: readonly Readonly<ServiceRecord>[];
  addService(service: ServiceRecord): Promise<void>;
  /** The whole record in place of the one of that address. */
  setService(service: ServiceRecord): Promise<void>;
  removeService(address: BareJid): Promise<void>;
  /** Would that name, label or address be free? Undefined if so, else why not, in words. One name space for all. */
  taken(
    what:
      | { user: string }
      | { account: BareJid; for: string }
      | { label: string; for: string }
      | { component: BareJid }
      | { service: BareJid },
  ): string | undefined;
  /** Writes what is still to be written and releases the lock. */
  close(): Promise<void>;
}
