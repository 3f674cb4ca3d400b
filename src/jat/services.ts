/** All service addresses: whose each stanza is, and what they share. `translation.md` is the specification. */
import { randomBytes } from 'node:crypto';
import {
  type BareJid,
  domainOf,
  type FullJid,
  isFull,
  type Jid,
  knownBare,
  localOf,
  readJid,
  resourceOf,
  unescapeLocal,
} from '../wire/jid.ts';
import { errorOf, isResponse, type Stanza } from '../wire/stanza.ts';
import { ServiceAddress } from './address.ts';
import { isServiceName } from './encoding.ts';
import { answerAsHost } from './host.ts';
import { OpenTable } from './open.ts';
import { Pending } from './pending.ts';
import { isAnswerable } from './place.ts';
import { Shut } from './shut.ts';
import type { AddressSettings, AddressStatus, Drop, ResourcePresence, ServiceEngine, Way, World } from './types.ts';
import { Ways } from './ways.ts';

/** An address that cannot be beside the others, or such a target; the message is for an administrator. */
export class ConflictError extends Error {
  override name = 'ConflictError';
}

/** Addresses within one that are looked at. */
const mostHops = 20;

export class Services implements ServiceEngine {
  readonly #world: World;
  readonly #store: Pending;
  readonly #ways: Ways;
  readonly #table: OpenTable;
  readonly #addresses = new Map<BareJid, ServiceAddress>();
  readonly #shut = new Shut();
  /** Of service addresses: their domains. */
  #hosts: readonly string[] = [];
  /** Changes of addresses go one after the other. */
  #changing: Promise<void> = Promise.resolve();
  /** What no address has to do with. */
  readonly dropped: Partial<Record<Drop, number>> = {};
  readonly #opened = new Set<Way>();

  constructor(world: World) {
    this.#store = new Pending(world.store);
    this.#world = { ...world, store: this.#store };
    this.#ways = new Ways({
      lost: (stanza) => this.#drop('closed', stanza),
      failed: (reason) => world.log.error('way failed', { reason: said(reason) }),
    });
    this.#table = new OpenTable(world.clock, randomBytes(4).toString('hex'));
  }

  configure(settings: AddressSettings): Promise<void> {
    return this.#change(async () => {
      this.#check(settings);
      const known = this.#addresses.get(settings.address);
      if (known !== undefined) return known.configure(settings);
      this.#shut.add(settings);
      const address = await ServiceAddress.open(settings, {
        world: this.#world,
        ways: this.#ways,
        open: this.#table,
        serves: (whom) => this.#isServed(whom),
      });
      this.#shut.delete(settings.address);
      this.#addresses.set(settings.address, address);
      this.#noteHosts();
      address.begin();
    });
  }

  remove(address: BareJid): Promise<void> {
    return this.#change(async () => {
      const found = this.#addresses.get(address);
      if (found === undefined && !this.#shut.delete(address)) return;
      this.#addresses.delete(address);
      this.#noteHosts();
      found?.end(true);
      await this.#world.store.forget(address);
    });
  }

  #change(act: () => Promise<void>): Promise<void> {
    const done = this.#changing.then(act);
    this.#changing = done.catch(() => {});
    return done;
  }

  #noteHosts(): void {
    this.#hosts = [...new Set([...this.#addresses.keys()].map(domainOf))];
  }

  #check({ address, encoding, targets }: AddressSettings): void {
    if (!isServiceName(localOf(address))) throw new ConflictError(`${address} looks like a user as targets see them.`);
    for (const { account } of targets) {
      if (this.#isServed(account) || isBelow(account, address))
        throw new ConflictError(`${account} is a service address itself.`);
      if (encoding === 'localpart') this.#checkAlone(address, account);
    }
    for (const { settings } of this.#addresses.values())
      for (const { account } of settings.targets)
        if (isBelow(account, address)) throw new ConflictError(`${account} is the target of ${settings.address}.`);
  }

  /** By who writes to `<user>@host` we know which address is meant. */
  #checkAlone(address: BareJid, account: BareJid): void {
    for (const { settings } of this.#addresses.values()) {
      if (settings.address === address || settings.encoding !== 'localpart') continue;
      if (domainOf(settings.address) === domainOf(address) && settings.targets.some((each) => each.account === account))
        throw new ConflictError(`${account} is the target of ${settings.address}, which has the same form of users.`);
    }
  }

  serves(to: Jid, from?: Jid): boolean {
    return this.#find(to, from) !== undefined || this.#shut.has(to, from);
  }

  /** Whose matter is it? `from` tells targets that write to users in localparts. */
  #find(to: Jid, from: Jid | undefined): ServiceAddress | undefined {
    const exact = this.#addresses.get(knownBare(to));
    if (exact !== undefined || localOf(to) === '') return exact;
    const host = domainOf(to);
    const whole = this.#addresses.get(host);
    if (from !== undefined)
      for (const [own, address] of this.#addresses)
        if (address.settings.encoding === 'localpart' && domainOf(own) === host && address.isTarget(from))
          if (whole === undefined || address.knowsUser(to)) return address;
    return whole;
  }

  /** Ours, or one of ours as it looks from elsewhere. */
  #isServed(whom: Jid): boolean {
    if (this.#find(whom, undefined) !== undefined) return true;
    const host = domainOf(whom);
    if (!this.#hosts.includes(host)) return false;
    for (const [own, address] of this.#addresses)
      if (domainOf(own) === host && address.settings.encoding === 'localpart' && address.knowsUser(whom)) return true;
    return false;
  }

  #namesHost(whom: Jid): boolean {
    for (const host of this.#hosts) if (whom.includes(host)) return true;
    return false;
  }

  /** Came it through us before? A gateway like ours puts who wrote into its resource or localpart, and so does the next one. */
  #isLoop(from: Jid): boolean {
    if (!this.#namesHost(from)) return false;
    const inside: Jid[] = [from];
    for (const whom of inside) {
      if (this.#isServed(whom)) return true;
      if (inside.length > mostHops) return false;
      const local = unescapeLocal(localOf(whom));
      for (const text of [resourceOf(whom), local.includes('@') ? local.replace(/^@/, '') : '']) {
        const inner = readJid(text);
        if (inner !== undefined) inside.push(inner);
      }
    }
    return false;
  }

  stanza(stanza: Stanza, way: Way): void {
    try {
      this.#route(stanza, way);
    } catch (reason) {
      this.#failed(stanza, way, reason);
    }
  }

  /** A fault of ours must not take others' stanzas with it; a request that is open already will have its time-out. */
  #failed(stanza: Stanza, way: Way, reason: unknown): void {
    this.#world.log.error('service address failed', { name: stanza.name, reason: said(reason) });
    if (!isAnswerable(stanza) || stanza.name === 'presence') return;
    if (this.#table.all().some(({ request }) => request === stanza)) return;
    this.#ways.answer(way, errorOf(stanza, 'internal-server-error'));
  }

  #route(stanza: Stanza, way: Way): void {
    const { from, id, to } = stanza;
    const response = isResponse(stanza);
    // who answers mostly writes the addresses as they were told: then nothing has to be read
    if (response && from !== undefined && to !== undefined && this.#answer(stanza, from, to, id)) return;
    const sender = readJid(from);
    const receiver = readJid(to);
    if (sender === undefined || receiver === undefined) return this.#malformed(stanza, sender, way);
    if (response) return this.#response(stanza, sender, receiver);
    if (stanza.name === 'iq' && stanza.type !== 'get' && stanza.type !== 'set') return this.#drop('malformed', stanza);
    const address = this.#find(receiver, sender);
    if (address === undefined) return this.#unknown(stanza, sender, receiver, way);
    if (address.isTarget(sender)) return address.fromTarget(stanza, sender, receiver, way);
    if (this.#isLoop(sender)) return this.#refuse(stanza, way, 'not-allowed', () => address.dropped('loop'));
    address.fromUser(stanza, sender, receiver, way);
  }

  #answer(response: Stanza, from: string, to: string, id = ''): boolean {
    const open = this.#table.take(from, to, id);
    open?.answered(response);
    return open !== undefined;
  }

  #response(response: Stanza, from: Jid, to: Jid): void {
    const { id = '' } = response;
    if (this.#answer(response, from, to, id)) return;
    const reason = this.#table.wasGiven(from, to, id) ? 'late answer' : 'unasked answer';
    const address = this.#find(to, from);
    if (address === undefined) this.#drop(reason, response);
    else address.dropped(reason);
  }

  #malformed(stanza: Stanza, sender: Jid | undefined, way: Way): void {
    if (sender === undefined) return this.#drop('malformed', stanza); // nobody to answer
    this.#refuse(stanza, way, 'jid-malformed', () => this.#drop('malformed', stanza));
  }

  #unknown(stanza: Stanza, from: Jid, to: Jid, way: Way): void {
    if (this.#shut.has(to, from)) return this.#shutOut(stanza, way);
    if (this.#isLoop(from)) return this.#refuse(stanza, way, 'not-allowed', () => this.#drop('loop', stanza));
    const listed = [...this.#addresses.values()]
      .map(({ settings }) => settings)
      .filter(({ address }) => domainOf(address) === to);
    const answer = answerAsHost(stanza, from, isFull(to) ? undefined : to, listed);
    if (answer === undefined) this.#drop('undeliverable', stanza);
    else this.#ways.answer(way, answer);
  }

  /** A subscription is refused for now as well; whoever is subscribed must not hear that they are not. */
  #shutOut(stanza: Stanza, way: Way): void {
    if (stanza.name === 'presence' && stanza.type === 'subscribe')
      return this.#ways.answer(way, errorOf(stanza, 'resource-constraint'));
    this.#refuse(stanza, way, 'resource-constraint', () => this.#drop('undeliverable', stanza));
  }

  #refuse(
    stanza: Stanza,
    way: Way,
    condition: 'resource-constraint' | 'jid-malformed' | 'not-allowed',
    drop: () => void,
  ): void {
    drop();
    if (isAnswerable(stanza) && stanza.name !== 'presence') this.#ways.answer(way, errorOf(stanza, condition));
  }

  #drop(reason: Drop, { name, type }: Stanza): void {
    this.dropped[reason] = (this.dropped[reason] ?? 0) + 1;
    this.#world.log.debug('stanza dropped', { reason, name, type });
  }

  resource(resource: FullJid, presence: ResourcePresence | undefined, way: Way): void {
    for (const address of this.#addresses.values())
      if (address.isTarget(resource)) address.seen(resource, presence, way);
  }

  directness(account: BareJid): void {
    for (const address of this.#addresses.values()) address.directness(account);
  }

  opened(way: Way): void {
    this.#opened.add(way);
    this.#ways.opened(way);
    for (const address of this.#addresses.values()) address.opened(way);
  }

  closed(way: Way): void {
    if (!this.#opened.delete(way)) return;
    this.#ways.closed(way);
    for (const address of this.#addresses.values()) address.closed(way);
  }

  drain(address: BareJid, whom: BareJid | FullJid, drained: boolean): boolean {
    return this.#addresses.get(address)?.drain(whom, drained) ?? false;
  }

  status(address: BareJid): AddressStatus | undefined {
    return this.#addresses.get(address)?.status();
  }

  async stop(): Promise<void> {
    await this.#changing;
    for (const address of this.#addresses.values()) address.end(false);
    this.#addresses.clear();
    this.#hosts = [];
    this.#table.stop();
    this.#ways.stop();
    await this.#store.settled();
  }
}

const said = (reason: unknown): string => (reason as Error | undefined)?.stack ?? String(reason);

/** Would that account be answered for by the address? */
function isBelow(account: BareJid, address: BareJid): boolean {
  return account === address || (localOf(address) === '' && domainOf(account) === address);
}
