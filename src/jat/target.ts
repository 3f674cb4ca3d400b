/** What stands behind an address: accounts, the resources of each, and which of them can be given work. */
import { type BareJid, bare, type FullJid } from '../wire/jid.ts';
import type { AccountStatus, ResourcePresence, TargetAccount, Way } from './types.ts';

/** A bound resource of a target account. */
export interface Resource {
  readonly jid: FullJid;
  readonly account: Account;
  presence: ResourcePresence;
  /** By which its presence came, and stanzas go. */
  way: Way;
  /** Shut by an administrator. */
  drained: boolean;
  gone: boolean;
  /** Requests that it has now. */
  open: number;
  /** Requests that it left unanswered, in a row. */
  timeouts: number;
  answered: number;
  /** Last time it was heard of. */
  heard: number;
  /** Last time its presence came. */
  shown: number;
  /** When it was pinged, while there is no answer. */
  pinged: number | undefined;
  /** It does not answer: since when. */
  silent: number | undefined;
  /** For round-robin. */
  turn: number;
}

export interface Account {
  readonly jid: BareJid;
  weight: number;
  drained: boolean;
  readonly resources: Map<FullJid, Resource>;
  subscription: AccountStatus['subscription'];
  condition: AccountStatus['condition'];
  retryAt: number | undefined;
}

/** More of one account are not taken in: a flood of presence shall not fill us. */
const mostResources = 1000;

export class Target {
  readonly accounts = new Map<BareJid, Account>();
  /** Those that are best suited now; each change makes it anew. */
  #candidates: readonly Resource[] | undefined;

  /** Resources of accounts that are no target any more come back: they are gone. */
  configure(wanted: readonly TargetAccount[]): { added: Account[]; removed: Account[] } {
    const added: Account[] = [];
    for (const { account: jid, weight } of wanted) {
      const account = this.accounts.get(jid);
      if (account !== undefined) account.weight = weight;
      else added.push(this.#add(jid, weight));
    }
    const removed = [...this.accounts.values()].filter(({ jid }) => !wanted.some(({ account }) => account === jid));
    for (const { jid } of removed) this.accounts.delete(jid);
    this.changed();
    return { added, removed };
  }

  #add(jid: BareJid, weight: number): Account {
    const account: Account = {
      jid,
      weight,
      drained: false,
      resources: new Map(),
      subscription: 'none',
      condition: undefined,
      retryAt: undefined,
    };
    this.accounts.set(jid, account);
    return account;
  }

  resource(jid: FullJid): Resource | undefined {
    return this.accounts.get(bare(jid))?.resources.get(jid);
  }

  *resources(): IterableIterator<Resource> {
    for (const { resources } of this.accounts.values()) yield* resources.values();
  }

  get size(): number {
    let size = 0;
    for (const { resources } of this.accounts.values()) size += resources.size;
    return size;
  }

  /** A resource came or changed; undefined if there are too many. */
  seen(account: Account, jid: FullJid, presence: ResourcePresence, way: Way, now: number): Resource | undefined {
    let resource = account.resources.get(jid);
    if (resource === undefined) {
      if (account.resources.size >= mostResources) return undefined;
      resource = newResource(account, jid, presence, way, now);
      account.resources.set(jid, resource);
    }
    Object.assign(resource, { presence, way, heard: now, shown: now });
    this.changed();
    return resource;
  }

  leave(resource: Resource): void {
    resource.gone = true;
    resource.account.resources.delete(resource.jid);
    this.changed();
  }

  /** Weights, presence, health or draining are others now. */
  changed(): void {
    this.#candidates = undefined;
  }

  /**
   * Whom new work may go to: those that are well, else those that their presence shuts, else those that are silent (it is
   * better to try them than to refuse). Never those that an administrator has shut.
   */
  get candidates(): readonly Resource[] {
    if (this.#candidates !== undefined) return this.#candidates;
    const open = [...this.resources()].filter(({ drained, account }) => !drained && !account.drained);
    const speaking = open.filter(({ silent }) => silent === undefined);
    const well = speaking.filter((resource) => !isShut(resource));
    this.#candidates = well.length > 0 ? well : speaking.length > 0 ? speaking : open;
    for (const resource of this.#candidates) resource.turn = 0; // what they owed each other was among others
    return this.#candidates;
  }
}

/** RFC 6121 §4.7.2.1: away for a longer time, not to be disturbed; §4.7.2.3: not to be chosen. */
export const isShut = ({ presence: { priority, show } }: Resource): boolean =>
  priority < 0 || show === 'dnd' || show === 'xa';

const newResource = (account: Account, jid: FullJid, presence: ResourcePresence, way: Way, now: number): Resource => ({
  jid,
  account,
  presence,
  way,
  drained: false,
  gone: false,
  open: 0,
  timeouts: 0,
  answered: 0,
  heard: now,
  shown: now,
  pinged: undefined,
  silent: undefined,
  turn: 0,
});
