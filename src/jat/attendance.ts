/** Who of a target is there: our subscriptions to its accounts, its resources, and what follows when they come and go. */
import type { Timer } from '../wire/clock.ts';
import { type BareJid, bare, type FullJid, isFull, type Jid } from '../wire/jid.ts';
import type { Stanza } from '../wire/stanza.ts';
import type { Announcements } from './announcements.ts';
import type { Health } from './health.ts';
import { conditionOf, type Place } from './place.ts';
import type { Presences } from './presences.ts';
import type { Requests } from './requests.ts';
import { Subscription } from './subscription.ts';
import type { Account, Resource } from './target.ts';
import type { NoticeKind, ResourcePresence, TargetAccount, Way } from './types.ts';

/** How long requests wait for a first resource after a start, or after the way to the target stands again: milliseconds. */
const grace = 5000;

interface Parts {
  requests: Requests;
  presences: Presences;
  announcements: Announcements;
  health: Health;
}

export class Attendance {
  readonly #place: Place;
  readonly #parts: Parts;
  readonly #subscriptions = new Map<BareJid, Subscription>();
  /** Runs while requests wait. */
  #starting: Timer | undefined;
  #wasEmpty = true;

  constructor(place: Place, parts: Parts) {
    this.#place = place;
    this.#parts = parts;
  }

  /** Do requests wait for a first resource? */
  get isStarting(): boolean {
    return this.#starting !== undefined;
  }

  setTargets(targets: readonly TargetAccount[]): void {
    const { added, removed } = this.#place.target.configure(targets);
    for (const account of removed) this.#dismiss(account);
    for (const account of added) this.#engage(account);
  }

  #engage(account: Account): void {
    const { address, world, ways } = this.#place;
    if (world.isDirect(account.jid)) {
      account.subscription = 'direct';
      return;
    }
    const way = () => world.way(address, account.jid);
    const subscription = new Subscription(account, {
      address,
      clock: world.clock,
      random: world.random,
      send: (stanza) => ways.send(way(), stanza),
      notice: (notice) => world.notice({ ...notice, address }),
    });
    this.#subscriptions.set(account.jid, subscription);
    account.subscription = 'none';
    if (ways.isOpen(way())) subscription.ask();
  }

  #dismiss(account: Account): void {
    this.#subscriptions.get(account.jid)?.end();
    this.#subscriptions.delete(account.jid);
    for (const resource of [...account.resources.values()]) this.#leave(resource);
  }

  /** An account of ours or not: the other way of knowing its resources begins. */
  directness(jid: BareJid): void {
    const account = this.#place.target.accounts.get(jid);
    if (account === undefined || this.#place.world.isDirect(jid) === (account.subscription === 'direct')) return;
    this.#dismiss(account);
    this.#engage(account);
  }

  /** Whoever asks now may wait for the first. */
  start(): void {
    this.#starting?.cancel();
    this.#starting = this.#place.world.clock.after(grace, () => {
      this.#starting = undefined;
      this.#parts.requests.giveUp();
      this.#parts.announcements.announce();
      const [account] = this.#place.target.accounts.keys();
      if (account !== undefined) this.#noteEmpty(account);
    });
  }

  #started(): void {
    this.#starting?.cancel();
    this.#starting = undefined;
    this.#parts.requests.flush();
  }

  opened(way: Way): void {
    const { address, world } = this.#place;
    let concerns = false;
    for (const subscription of this.#subscriptions.values()) {
      if (world.way(address, subscription.account.jid) !== way) continue;
      subscription.ask();
      concerns = true;
    }
    if (concerns && this.#place.target.size === 0) this.start();
    if (this.#starting === undefined) this.#parts.announcements.announceBy(way);
    else this.#parts.announcements.unsaid();
  }

  closed(way: Way): void {
    const { address, target, world } = this.#place;
    for (const subscription of this.#subscriptions.values())
      if (world.way(address, subscription.account.jid) === way) subscription.pause();
    const lost = [...target.resources()].filter((resource) => resource.way === way);
    if (lost.length === 0) return;
    for (const resource of lost) target.leave(resource);
    if (target.size === 0) this.start();
    for (const resource of lost) this.#bereave(resource);
    this.#parts.announcements.announce();
  }

  /** Presence of a target to the address. */
  take(presence: Stanza, from: Jid, to: Jid, way: Way): void {
    const subscription = this.#subscriptions.get(bare(from));
    switch (presence.type) {
      case undefined:
        if (isFull(from)) this.seen(from, presenceOf(presence), way);
        return;
      case 'unavailable':
        return this.#unavailable(from);
      case 'subscribed':
        return subscription?.accepted();
      case 'unsubscribed':
        this.#unavailable(bare(from));
        return subscription?.refused();
      case 'error':
        if (isFull(from)) return this.#unavailable(from);
        this.#unavailable(from);
        return subscription?.refused(conditionOf(presence));
      default: // it may have its own address in its roster, as everybody
        return this.#parts.presences.fromUser(presence, from, to, way);
    }
  }

  #unavailable(from: Jid): void {
    const { target } = this.#place;
    const all = target.accounts.get(from as BareJid)?.resources.values() ?? [];
    const resources = isFull(from) ? [target.resource(from)] : [...all];
    for (const resource of resources) if (resource !== undefined) this.#leave(resource);
  }

  /** A resource of a target is there; undefined: it is not. */
  seen(jid: FullJid, presence: ResourcePresence | undefined, way: Way): void {
    const { identity, target, world } = this.#place;
    const account = target.accounts.get(bare(jid));
    if (account === undefined) return;
    if (presence === undefined) return this.#unavailable(jid);
    const isNew = target.resource(jid) === undefined;
    const resource = target.seen(account, jid, presence, way, world.clock.now());
    if (resource === undefined || !isNew) return;
    identity.forget();
    this.#parts.health.watch();
    if (this.#wasEmpty) this.notice('available', account.jid, jid);
    this.#wasEmpty = false;
    this.#started();
    this.#parts.announcements.announce();
  }

  #leave(resource: Resource): void {
    this.#place.target.leave(resource);
    this.#noteEmpty(resource.account.jid, resource.jid);
    this.#bereave(resource);
    this.#parts.announcements.announce();
  }

  #noteEmpty(account: BareJid, resource?: FullJid): void {
    if (this.#place.target.size > 0 || this.#wasEmpty) return;
    this.#wasEmpty = true;
    this.notice('empty', account, resource);
  }

  /** Whoever had to do with it is told. */
  #bereave(resource: Resource): void {
    this.#place.identity.forget();
    this.#parts.presences.gone(resource);
    this.#parts.requests.gone(resource);
  }

  notice(kind: NoticeKind, account: BareJid, resource?: FullJid): void {
    this.#place.world.notice({ kind, address: this.#place.address, account, resource });
  }

  drain(whom: BareJid | FullJid, drained: boolean): boolean {
    const { target } = this.#place;
    const found = isFull(whom) ? target.resource(whom) : target.accounts.get(whom);
    if (found === undefined) return false;
    found.drained = drained;
    target.changed();
    return true;
  }

  /** Somebody has reason to think that not all are there that seem to be. */
  verify(account: BareJid): void {
    this.#subscriptions.get(account)?.verify((gone) => this.#leave(gone));
  }

  /** `gone`: the address is there no more; else the program ends. */
  end(gone: boolean): void {
    this.#starting?.cancel();
    this.#starting = undefined;
    for (const subscription of this.#subscriptions.values()) {
      if (gone) subscription.end();
      else subscription.pause();
    }
    this.#subscriptions.clear();
  }
}

const shows = ['away', 'chat', 'dnd', 'xa'] as const;

/** RFC 6121 §4.7.2 */
function presenceOf({ tree }: Stanza): ResourcePresence {
  const priority = Number.parseInt(tree.getChildText('priority') ?? '0', 10);
  const show = tree.getChildText('show');
  return {
    priority: Number.isNaN(priority) ? 0 : Math.max(-128, Math.min(127, priority)),
    show: shows.find((each) => each === show),
  };
}
