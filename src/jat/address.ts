/** One service address: what comes to it goes to the part whose matter it is. */
import { type BareJid, bare, type FullJid, isFull, type Jid, knownBare } from '../wire/jid.ts';
import { NS } from '../wire/ns.ts';
import { isRequest, resultOf, type Stanza } from '../wire/stanza.ts';
import { firstElement, hasChild } from '../wire/xml.ts';
import { Announcements } from './announcements.ts';
import { Attendance } from './attendance.ts';
import { Choice } from './choice.ts';
import { Contacts } from './contacts.ts';
import { Health } from './health.ts';
import { Identity, questionOf } from './identity.ts';
import { Initiative } from './initiative.ts';
import { Limits } from './limits.ts';
import { Messages } from './messages.ts';
import { type Place, refuse } from './place.ts';
import { Presences } from './presences.ts';
import { Requests } from './requests.ts';
import { Statistics } from './statistics.ts';
import { Sticky } from './sticky.ts';
import { Target } from './target.ts';
import { accountStatus } from './target-status.ts';
import type { AddressSettings, AddressStatus, ResourcePresence, Way } from './types.ts';
import { Users } from './users.ts';

type Shared = Pick<Place, 'world' | 'ways' | 'open' | 'serves'>;

export class ServiceAddress {
  readonly #place: Place;
  readonly #presences: Presences;
  readonly #requests: Requests;
  readonly #initiative: Initiative;
  readonly #messages: Messages;
  readonly #health: Health;
  readonly #announcements: Announcements;
  readonly #attendance: Attendance;

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
      isStarting: () => this.#attendance.isStarting,
    };
    this.#announcements = new Announcements(this.#place);
    this.#presences = new Presences(this.#place, this.#announcements);
    this.#health = new Health(this.#place, {
      notice: (kind, resource) => this.#attendance.notice(kind, resource.account.jid, resource.jid),
      doubt: (resource) => this.#attendance.verify(resource.account.jid),
    });
    this.#requests = new Requests(this.#place, this.#health, this.#presences);
    this.#initiative = new Initiative(this.#place);
    this.#messages = new Messages(this.#place, this.#presences);
    this.#attendance = new Attendance(this.#place, {
      requests: this.#requests,
      presences: this.#presences,
      announcements: this.#announcements,
      health: this.#health,
    });
  }

  /** It is among the addresses now. */
  begin(): void {
    this.#attendance.start();
    this.#attendance.setTargets(this.settings.targets);
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
    this.#announcements.dismiss();
    this.#attendance.setTargets(settings.targets);
    if (!settings.enabled) this.#requests.giveUp();
    if (!this.#announcements.announce() && identity.presence().toString() !== before) this.#announcements.renew();
  }

  /** Is that a user as our targets see them? */
  knowsUser(seen: Jid): boolean {
    return this.#place.users.userOf(seen) !== undefined;
  }

  isTarget(whom: Jid): boolean {
    return this.#place.target.accounts.has(knownBare(whom));
  }

  directness(account: BareJid): void {
    this.#attendance.directness(account);
  }

  opened(way: Way): void {
    this.#attendance.opened(way);
  }

  closed(way: Way): void {
    this.#initiative.closed(way);
    this.#attendance.closed(way);
  }

  seen(resource: FullJid, presence: ResourcePresence | undefined, way: Way): void {
    this.#attendance.seen(resource, presence, way);
  }

  drain(whom: BareJid | FullJid, drained: boolean): boolean {
    return this.#attendance.drain(whom, drained);
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
    if (stanza.name === 'presence') return this.#attendance.take(stanza, from, to, way);
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

  status(): AddressStatus {
    const { address, contacts, open, settings, statistics, target, world } = this.#place;
    const mine = open.all().filter(({ owner }) => owner === this.#requests || owner === this.#initiative);
    return {
      address,
      settings,
      available: this.#announcements.available,
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
    this.#health.stop();
    this.#requests.end();
    this.#initiative.end();
    this.#announcements.end('unavailable');
    if (gone) this.#announcements.end('unsubscribed');
    this.#attendance.end(gone);
  }
}
