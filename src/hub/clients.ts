/** The clients of one account, and lists of who gets what: kept on change, never computed for a message. */
import type { FullJid } from '../wire/jid.ts';
import type { Stanza } from '../wire/stanza.ts';

/** One app's bound resource, as the hub sees it. */
export interface Client {
  readonly sid: number;
  /** In the account's own address space: account/resource. */
  readonly address: FullJid;
  carbons: boolean;
  interested: boolean;
  blocklist: boolean;
  inactive: boolean;
  /** Last available presence broadcast. */
  presence: Stanza | undefined;
  priority: number;
  /** When it became available first, milliseconds; what waits for it (mirror) counts from there. */
  availableAt: number;
  /** It is being given what it missed (replay), or waits for it: what is archived comes to it that way. */
  isBehind: boolean;
  /** Between these places in the archive stands what its app may send once more, not knowing that we took it. */
  mayRepeat: { since: number; until: number };
  /** When it last did something a person would do. */
  activeAt: number;
  /** Enabled carbons in this session, or in its last one: never gets inline copies. */
  knowsCarbons: boolean;
  /** Known from an earlier session to go without carbons, and without the archive. */
  readonly isPlain: boolean;
  /** Of a client's features those that are of use in its view; the same set gives the same one. */
  readonly usable: (features: ReadonlySet<string>) => ReadonlySet<string>;
  /** Features from its disco#info (XEP-0115), once known. */
  features: ReadonlySet<string>;
  /** PEP events it has been given: owner and node → the event's text. */
  readonly notified: Map<string, string>;
}

/** A message to the bare address goes by priority, one to a full address does not (RULES 1). */
export class Clients {
  readonly #bySid = new Map<number, Client>();
  readonly #byAddress = new Map<FullJid, Client>();
  /** Who has sent available presence. */
  available: readonly number[] = [];
  /** Of these, those that get messages as they come; and those of them with a priority of at least 0. */
  taking: readonly number[] = [];
  reachable: readonly number[] = [];
  /** Those that are behind; their priority is at least 0. */
  behind: readonly number[] = [];
  /** Who has asked for the roster. */
  interested: readonly number[] = [];

  add(client: Client): void {
    this.#bySid.set(client.sid, client);
    this.#byAddress.set(client.address, client);
    this.changed();
  }

  remove(sid: number): Client | undefined {
    const client = this.#bySid.get(sid);
    if (client === undefined) return undefined;
    this.#bySid.delete(sid);
    if (this.#byAddress.get(client.address) === client) this.#byAddress.delete(client.address);
    this.changed();
    return client;
  }

  /** To be called when presence, priority, interest or `isBehind` of one has changed. */
  changed(): void {
    const all = [...this.#bySid.values()];
    const present = all.filter(({ presence }) => presence !== undefined);
    this.available = present.map(({ sid }) => sid);
    const taking = present.filter(({ isBehind }) => !isBehind);
    this.taking = taking.map(({ sid }) => sid);
    this.reachable = taking.filter(({ priority }) => priority >= 0).map(({ sid }) => sid);
    this.behind = present.filter(({ isBehind }) => isBehind).map(({ sid }) => sid);
    this.interested = all.filter(({ interested }) => interested).map(({ sid }) => sid);
  }

  get(sid: number): Client | undefined {
    return this.#bySid.get(sid);
  }
  at(address: string): Client | undefined {
    return this.#byAddress.get(address as FullJid);
  }
  all(): IterableIterator<Client> {
    return this.#bySid.values();
  }
  get size(): number {
    return this.#bySid.size;
  }
  /** The available clients but one, as sids. */
  others(sid: number): Client[] {
    return [...this.#bySid.values()].filter((client) => client.sid !== sid && client.presence !== undefined);
  }
  /** Whoever is available and was used last; inactive ones (XEP-0352) only if there is nobody else. */
  best(has: (client: Client) => boolean = () => true): Client | undefined {
    return [...this.#bySid.values()]
      .filter((client) => client.presence !== undefined && has(client))
      .sort((a, b) => Number(a.inactive) - Number(b.inactive) || b.activeAt - a.activeAt)[0];
  }
}
