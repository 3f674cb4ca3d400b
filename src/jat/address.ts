/** One service address: what comes to it goes to the part whose matter it is; its target's resources come and go here. */
import { type BareJid, bare, type FullJid, isFull, type Jid } from '../wire/jid.ts';
import { NS } from '../wire/ns.ts';
import { isRequest, resultOf, type Stanza } from '../wire/stanza.ts';
import { firstElement, hasChild } from '../wire/xml.ts';
import { Choice } from './choice.ts';
import { Contacts } from './contacts.ts';
import { Health } from './health.ts';
import { Identity, questionOf } from './identity.ts';
import { Initiative } from './initiative.ts';
import { Limits } from './limits.ts';
import { Messages } from './messages.ts';
import { conditionOf, type Place, refuse } from './place.ts';
import { Presences } from './presences.ts';
import { Requests } from './requests.ts';
import { Statistics } from './statistics.ts';
import { Sticky } from './sticky.ts';
import { Subscription } from './subscription.ts';
import { type Account, isShut, type Resource, Target } from './target.ts';
import type {
  AccountStatus,
  AddressSettings,
  AddressStatus,
  NoticeKind,
  ResourcePresence,
  ResourceStatus,
  Timer,
  Way,
} from './types.ts';
import { Users } from './users.ts';

/** How long requests wait for a first resource after a start, or after the way to the target stands again: milliseconds. */
const grace = 5000;

type Shared = Pick<Place, 'world' | 'ways' | 'open' | 'serves'>;

export class ServiceAddress {
  readonly #place: Place;
  readonly #presences: Presences;
  readonly #requests: Requests;
  readonly #initiative: Initiative;
  readonly #messages: Messages;
  readonly #health: Health;
  readonly #subscriptions = new Map<BareJid, Subscription>();
  /** Runs while requests wait. */
  #starting: Timer | undefined;
  #wasEmpty = true;

  static async open(settings: AddressSettings, shared: Shared): Promise<ServiceAddress> {
    const { world } = shared;
    const { address } = settings;
    const users = await Users.open(settings, world.key, world.store);
    const failed = (reason: unknown) => world.log.error('contact not kept', { address, reason: String(reason) });
    return new ServiceAddress(settings, shared, users, await Contacts.open(address, world.store, failed));
  }

  private constructor(settings: AddressSettings, shared: Shared, users: Users, contacts: Contacts) {
    const target = new Target();
    this.#place = {
      ...shared,
      address: settings.address,
      settings,
      users,
      contacts,
      target,
      choice: new Choice(target, shared.world.random),
      sticky: new Sticky(),
      limits: new Limits(settings),
      identity: new Identity(settings),
      statistics: new Statistics(),
      isStarting: () => this.#starting !== undefined,
    };
    this.#presences = new Presences(this.#place);
    this.#health = new Health(this.#place, {
      notice: (kind, resource) => this.#notice(kind, resource.account.jid, resource.jid),
      doubt: ({ account }) => this.#subscriptions.get(account.jid)?.verify((gone) => this.#leave(gone)),
    });
    this.#requests = new Requests(this.#place, this.#health, this.#presences);
    this.#initiative = new Initiative(this.#place);
    this.#messages = new Messages(this.#place, this.#presences);
  }

  /** It is among the addresses now. */
  begin(): void {
    this.#start();
    this.#setTargets(this.settings);
  }

  get settings(): AddressSettings {
    return this.#place.settings;
  }

  configure(settings: AddressSettings): void {
    const { identity, limits, users } = this.#place;
    const before = identity.presence().toString();
    this.#place.settings = settings;
    users.configure(settings);
    limits.configure(settings);
    identity.configure(settings);
    this.#setTargets(settings);
    if (!settings.enabled) this.#requests.giveUp();
    if (!this.#presences.announce() && identity.presence().toString() !== before) this.#presences.renew();
  }

  #setTargets({ targets }: AddressSettings): void {
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

  /** Is that a user as our targets see them? */
  knowsUser(seen: Jid): boolean {
    return this.#place.users.userOf(seen) !== undefined;
  }

  isTarget(whom: Jid): boolean {
    return this.#place.target.accounts.has(bare(whom));
  }

  #start(): void {
    this.#starting?.cancel();
    this.#starting = this.#place.world.clock.after(grace, () => {
      this.#starting = undefined;
      this.#requests.giveUp();
      this.#presences.announce();
    });
  }

  #started(): void {
    this.#starting?.cancel();
    this.#starting = undefined;
    this.#requests.flush();
  }

  opened(way: Way): void {
    const { address, world } = this.#place;
    let concerns = false;
    for (const subscription of this.#subscriptions.values()) {
      if (world.way(address, subscription.account.jid) !== way) continue;
      subscription.ask();
      concerns = true;
    }
    if (concerns && this.#place.target.size === 0) this.#start();
    if (this.#starting === undefined) this.#presences.announceBy(way);
    else this.#presences.unsaid();
  }

  closed(way: Way): void {
    const { address, target, world } = this.#place;
    this.#initiative.closed(way);
    for (const subscription of this.#subscriptions.values())
      if (world.way(address, subscription.account.jid) === way) subscription.pause();
    const lost = [...target.resources()].filter((resource) => resource.way === way);
    if (lost.length === 0) return;
    for (const resource of lost) target.leave(resource);
    if (target.size === 0) this.#start();
    for (const resource of lost) this.#bereave(resource);
    this.#presences.announce();
  }

  /** `asked`: the address as it was written to. */
  fromUser(stanza: Stanza, user: Jid, asked: Jid, way: Way): void {
    if (stanza.name === 'message') this.#messages.fromUser(stanza, user, asked, way);
    else if (stanza.name === 'presence') this.#presences.fromUser(stanza, user, asked, way);
    else this.#requests.take(stanza, user, asked, way);
  }

  /** From a target's account; `to` is ours. */
  fromTarget(stanza: Stanza, from: Jid, to: Jid, way: Way): void {
    this.#heard(from);
    const { address, settings } = this.#place;
    const isToUs = settings.encoding === 'resource' ? !isFull(to) || bare(to) !== address : bare(to) === address;
    if (isToUs) return this.#toUs(stanza, from, to, way);
    const user = this.#place.users.userOf(to);
    if (user === undefined)
      return refuse(this.#place, stanza, way, 'item-not-found', 'malformed', 'Nobody has that address');
    if (stanza.name === 'message') this.#messages.fromTarget(stanza, from, user, way);
    else if (stanza.name === 'presence') this.#presences.fromTarget(stanza, from, user, way);
    else this.#initiative.take(stanza, from, user, way);
  }

  #heard(from: Jid): void {
    const resource = isFull(from) ? this.#place.target.resource(from) : undefined;
    if (resource !== undefined) resource.heard = this.#place.world.clock.now();
  }

  /** A target to the address itself: its presence, and what everybody may ask. It is no user of itself. */
  #toUs(stanza: Stanza, from: Jid, to: Jid, way: Way): void {
    const { identity, ways } = this.#place;
    if (stanza.name === 'presence') return this.#targetPresence(stanza, from, to, way);
    const payload = stanza.type === 'get' && isRequest(stanza) ? firstElement(stanza.tree) : undefined;
    if (payload !== undefined && questionOf(payload) === 'info')
      return ways.answer(way, resultOf(stanza, identity.own()));
    if (payload !== undefined && hasChild(stanza.tree, 'ping', NS.ping)) return ways.answer(way, resultOf(stanza));
    refuse(
      this.#place,
      stanza,
      way,
      'bad-request',
      'undeliverable',
      'A target writes to its users, not to its address',
    );
  }

  #targetPresence(presence: Stanza, from: Jid, to: Jid, way: Way): void {
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
        return this.#presences.fromUser(presence, from, to, way);
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
    this.#health.watch();
    if (this.#wasEmpty) this.#notice('available', account.jid, jid);
    this.#wasEmpty = false;
    this.#started();
    this.#presences.announce();
  }

  #leave(resource: Resource): void {
    this.#place.target.leave(resource);
    if (this.#place.target.size === 0 && !this.#wasEmpty) {
      this.#wasEmpty = true;
      this.#notice('empty', resource.account.jid, resource.jid);
    }
    this.#bereave(resource);
    this.#presences.announce();
  }

  /** Whoever had to do with it is told. */
  #bereave(resource: Resource): void {
    this.#place.identity.forget();
    this.#presences.gone(resource);
    this.#requests.gone(resource);
  }

  #notice(kind: NoticeKind, account: BareJid, resource?: FullJid): void {
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

  status(): AddressStatus {
    const { address, contacts, open, settings, statistics, target, world } = this.#place;
    const mine = open.all().filter(({ owner }) => owner === this.#requests || owner === this.#initiative);
    return {
      address,
      settings,
      available: this.#presences.available,
      accounts: [...target.accounts.values()].map(accountStatus),
      open: mine.length,
      waiting: this.#requests.waiting,
      subscribers: contacts.subscribers,
      ...statistics.status(world.clock.now()),
    };
  }

  dropped(reason: Parameters<Statistics['dropped']>[0]): void {
    this.#place.statistics.dropped(reason);
  }

  /** `gone`: the address is there no more; else the program ends. */
  end(gone: boolean): void {
    this.#starting?.cancel();
    this.#starting = undefined;
    this.#health.stop();
    this.#requests.end();
    this.#initiative.end();
    this.#presences.end('unavailable');
    if (gone) this.#presences.end('unsubscribed');
    for (const subscription of this.#subscriptions.values()) {
      if (gone) subscription.end();
      else subscription.pause();
    }
    this.#subscriptions.clear();
  }
}

const accountStatus = ({
  jid,
  weight,
  drained,
  subscription,
  condition,
  retryAt,
  resources,
}: Account): AccountStatus => ({
  account: jid,
  weight,
  drained,
  subscription,
  condition,
  retryAt,
  resources: [...resources.values()].map(resourceStatus),
});

const resourceStatus = (resource: Resource): ResourceStatus => ({
  resource: resource.jid,
  presence: resource.presence,
  health: resource.silent === undefined ? 'well' : 'silent',
  draining: resource.drained || resource.account.drained ? 'drained' : isShut(resource) ? 'presence' : 'no',
  open: resource.open,
  timeouts: resource.timeouts,
  answered: resource.answered,
});

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
