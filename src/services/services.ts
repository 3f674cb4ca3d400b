/** Joins service addresses to what they live by: the registry's records, component hosts, sessions here, root. */
import { tryComponent } from '../component/trial.ts';
import type { ComponentFailure, ComponentPlace, ComponentState, Log } from '../component/types.ts';
import type { AddressStatus, Notice, ServiceEngine, ServiceStore, World } from '../jat/types.ts';
import type { Registry } from '../registry/types.ts';
import type { ServiceDesk } from '../session/desk.ts';
import { type BareJid, bare, domainOf, type FullJid, isAt, isFull, type Jid, resourceOf } from '../wire/jid.ts';
import type { Stanza } from '../wire/stanza.ts';
import { Desk } from './desk.ts';
import { Hosts } from './hosts.ts';
import { placeOf, settingsOf } from './records.ts';
import type { HostState, ServiceControl } from './types.ts';

export interface ServiceOptions {
  /** Our own domain. */
  domain: BareJid;
  registry: Pick<Registry, 'components' | 'componentSecret' | 'keyFor' | 'ownerOf' | 'services'>;
  /** Component hosts of the configuration; they go before those of the registry. */
  configured: readonly ComponentPlace[];
  /** PEM text of additional CAs. */
  ca: string | undefined;
  /** May a component's stream be neither on loopback nor in TLS? */
  allowClear: boolean;
  translation(world: World): ServiceEngine;
  store: ServiceStore;
  log: Log;
  /** Once it is open: these accounts answer for an address now, or did before. */
  targets(accounts: ReadonlySet<BareJid>): void;
  /** Once per change. */
  notice(notice: Notice): void;
  state(state: ComponentState): void;
}

export interface ServiceHall extends ServiceControl {
  readonly desk: ServiceDesk;
  /** Resolves when all addresses are known; components are connecting then. */
  open(): Promise<void>;
  /** Where that account answers. */
  addressesOf(account: BareJid): BareJid[];
  /** Everybody is told that we are away, streams are closed: for at most `within` milliseconds. */
  stop(within: number): Promise<void>;
}

/** Nothing happens before it is opened. */
export const createServices = (options: ServiceOptions): ServiceHall => new Hall(options);

class Hall implements ServiceHall {
  readonly desk: Desk;
  readonly #options: ServiceOptions;
  #engine!: ServiceEngine;
  #hosts!: Hosts;
  /** Addresses, by the accounts behind them. */
  #targets = new Map<BareJid, Set<BareJid>>();
  #domains: ReadonlySet<string> = new Set();
  #own: readonly BareJid[] = [];
  #known = new Set<BareJid>();
  #isOpen = false;
  #turn: Promise<void> = Promise.resolve();

  constructor(options: ServiceOptions) {
    this.#options = options;
    this.desk = new Desk({
      domain: options.domain,
      hosts: () => this.#domains,
      isTarget: (account, address) => {
        const addresses = this.#targets.get(account);
        return addresses !== undefined && (address === undefined || addresses.has(address));
      },
      own: () => this.#own,
      component: (address) => this.#hosts.way(address),
    });
  }

  async open(): Promise<void> {
    const { ca, allowClear, log, registry, state, store, translation, notice } = this.#options;
    this.#engine = translation({
      clock: { now: () => origin + performance.now(), after },
      random: Math.random,
      log,
      store,
      key: registry.keyFor('services'),
      way: (from, to) => this.#way(from, to),
      isDirect: (account) => this.#isDirect(account),
      notice: (one) => {
        // on our own domain there are but clients of ours, and nothing to subscribe to
        if (domainOf(one.address) !== this.#options.domain || one.kind === 'silent' || one.kind === 'answers')
          notice(one);
      },
    });
    this.#hosts = new Hosts({
      options: { ca, allowClear, log },
      engine: this.#engine,
      ignores: (stanza) => this.#isForged(stanza) || this.#isCoreSession(stanza),
      state,
    });
    this.desk.open(this.#engine);
    // one address that cannot be must not keep the others from being
    await this.refresh().catch((reason: unknown) => log.error('service address refused', { reason: String(reason) }));
    this.#isOpen = true;
  }

  refresh(): Promise<void> {
    // one after the other, for each asks the registry what there is
    const done = this.#turn.then(() => this.#configure());
    this.#turn = done.catch(() => {});
    return done;
  }

  hosts(): readonly HostState[] {
    const { configured } = this.#options;
    return this.#hosts.all().map(({ place: { secret: _, ...place }, component }) => {
      return { ...component.state, place, configured: configured.some(({ host }) => host === place.host) };
    });
  }

  tryHost(place: ComponentPlace): Promise<ComponentFailure | undefined> {
    const { allowClear, ca, log } = this.#options;
    return tryComponent(place, { ca, allowClear, log });
  }

  status(address: BareJid): AddressStatus | undefined {
    return this.#engine.status(address);
  }

  drain(address: BareJid, account: BareJid | FullJid, drained: boolean): boolean {
    return this.#engine.drain(address, account, drained);
  }

  addressesOf(account: BareJid): BareJid[] {
    return [...(this.#targets.get(account) ?? [])];
  }

  async stop(within: number): Promise<void> {
    await this.#turn;
    // not open: the start has failed before
    await this.#engine?.stop();
    this.desk.close();
    await this.#hosts?.stop(within);
  }

  async #configure(): Promise<void> {
    const { configured, domain, registry } = this.#options;
    const { services } = registry;
    const further = registry.components
      .filter(({ host }) => !configured.some((place) => place.host === host))
      .map((component) => placeOf(component, registry.componentSecret(component.host)));
    const places = [...configured, ...further];
    this.#own = services.map(({ address }) => address).filter((address) => domainOf(address) === domain);
    this.#domains = new Set([...places.map(({ host }) => host), ...(this.#own.length > 0 ? [domain] : [])]);
    const before = this.#targets;
    this.#targets = new Map();
    for (const { address, targets } of services)
      for (const { account } of targets) {
        const addresses = this.#targets.get(account) ?? new Set();
        this.#targets.set(account, addresses.add(address));
      }
    if (this.#isOpen) this.#options.targets(new Set([...before.keys(), ...this.#targets.keys()]));
    const gone = [...this.#known].filter((address) => !services.some((service) => service.address === address));
    for (const address of gone) await this.#engine.remove(address);
    this.#known = new Set(services.map(({ address }) => address));
    const refusals: unknown[] = [];
    for (const service of services)
      await this.#engine.configure(settingsOf(service)).catch((reason) => refusals.push(reason));
    this.desk.review(this.#targets.keys());
    await this.#hosts.configure(places);
    if (refusals.length > 0) throw refusals[0];
  }

  #way(from: BareJid, to: Jid) {
    const component = this.#hosts.way(from);
    if (component === undefined || domainOf(to) === this.#options.domain) return this.desk;
    if (isFull(to)) return this.desk.has(to) ? this.desk : component;
    return this.#targets.has(to) && this.desk.isPresent(to) ? this.desk : component;
  }

  /** Its apps here are its resources; else we ask its server for those that are elsewhere, where we can. */
  #isDirect(account: BareJid): boolean {
    if (this.desk.isPresent(account) || domainOf(account) === this.#options.domain) return true;
    return [...(this.#targets.get(account) ?? [])].every((address) => domainOf(address) === this.#options.domain);
  }

  /** Nobody outside may speak as somebody of our own domain (RULES 0). */
  #isForged({ from }: Stanza): boolean {
    const { domain, log } = this.#options;
    if (from === undefined || !isAt(from as Jid, domain)) return false;
    log.warn('stanza with an address of ours dropped', { from });
    return true;
  }

  /** What we ourselves are towards a target's server has no hands: its apps have, and they are told by the desk. */
  #isCoreSession({ from, name }: Stanza): boolean {
    if (name !== 'presence' || from === undefined || !isFull(from as Jid)) return false;
    const account = this.#options.registry.ownerOf(bare(from as Jid))?.account;
    return account !== undefined && resourceOf(from as Jid).startsWith(account.resource);
  }
}

/** When the program started; it is worked out each time that it is asked for. */
const origin = performance.timeOrigin;

function after(milliseconds: number, run: () => void) {
  const timer = setTimeout(run, milliseconds);
  return { cancel: () => clearTimeout(timer) };
}
