/** One account of a unit: its hub and its core session, started and stopped together. */
import type { Store } from '../archive/types.ts';
import type { HubSettings, Log, Outlet } from '../hub/context.ts';
import { Hub } from '../hub/hub.ts';
import type { AccountSettings, AccountState, RoomState, UpstreamSettings } from '../link/link.ts';
import type { CoreEvents, CoreSession } from '../upstream/types.ts';
import type { BareJid } from '../wire/jid.ts';

export type OpenCore = (account: AccountSettings, upstream: UpstreamSettings, events: CoreEvents) => CoreSession;

export interface AccountOptions {
  settings: AccountSettings;
  upstream: UpstreamSettings;
  hub: HubSettings;
  store: Store;
  outlet: Outlet;
  openCore: OpenCore;
  changed(state: AccountState): void;
  passwordChanged(account: BareJid, password: string): void;
  /** Root says it to who has that account. */
  tell(account: BareJid, text: string): void;
  log: Log;
}

export class Account {
  readonly hub: Hub;
  readonly #options: AccountOptions;
  #settings: AccountSettings;
  #core: CoreSession | undefined;
  /** Nobody looks before the first client comes. */
  #inactive = true;
  #status: Pick<AccountState, 'status' | 'since' | 'failure'> = {
    status: 'off',
    since: Date.now(),
    failure: undefined,
  };

  static async open(options: AccountOptions): Promise<Account> {
    let account: Account | undefined;
    const { settings, hub: hubSettings, store, outlet, log } = options;
    const hub = await Hub.open({
      account: settings.jid,
      settings: hubSettings,
      store,
      outlet,
      log,
      send: (text) => account?.send(text) ?? false,
      setInactive: (inactive) => account?.setInactive(inactive),
      acknowledged: () => account?.acknowledged() ?? Promise.resolve(),
      passwordChanged: (password) => options.passwordChanged(settings.jid, password),
      tell: (text) => options.tell(settings.jid, text),
    });
    account = new Account(options, hub);
    if (settings.enabled) account.#start();
    return account;
  }

  private constructor(options: AccountOptions, hub: Hub) {
    this.#options = options;
    this.#settings = options.settings;
    this.hub = hub;
  }

  send(text: string): boolean {
    return this.#core?.send(text) ?? false;
  }

  acknowledged(): Promise<void> {
    return this.#core?.acknowledged() ?? Promise.resolve();
  }

  setInactive(inactive: boolean): void {
    this.#inactive = inactive;
    this.#core?.setInactive(inactive);
  }

  get state(): AccountState {
    const { jid } = this.#settings;
    return { jid, ...this.#status, contacts: this.hub.contacts, clients: this.hub.clientCount };
  }

  get rooms(): RoomState[] {
    return this.hub.rooms().map((room) => ({ account: this.#settings.jid, ...room }));
  }

  #start(): void {
    const core: CoreSession = this.#options.openCore(this.#settings, this.#options.upstream, {
      online: (address, resumed) => this.hub.online(address, resumed),
      offline: () => this.hub.offline(),
      stanza: (stanza) => this.hub.stanza(stanza),
      unacknowledged: (stanzas) => this.hub.unacknowledged(stanzas),
      status: (status, failure) => {
        if (this.#core !== core) return;
        this.#status = { status, since: Date.now(), failure };
        this.#options.changed(this.state);
      },
    });
    this.#core = core;
    core.setInactive(this.#inactive);
    core.start();
  }

  /** New settings: the core session starts anew where they matter to it, or where it had given up. */
  async configure(settings: AccountSettings, hub: HubSettings): Promise<void> {
    this.hub.settings = hub;
    const before = this.#settings;
    this.#settings = settings;
    const same =
      before.enabled === settings.enabled &&
      before.password === settings.password &&
      before.route === settings.route &&
      before.pin === settings.pin;
    if (same && this.#status.status !== 'stopped') return;
    await this.#stopCore(1000);
    if (settings.enabled) this.#start();
  }

  async #stopCore(within: number): Promise<void> {
    const core = this.#core;
    this.#core = undefined;
    this.hub.offline();
    await core?.stop(within);
    this.#status = { status: 'off', since: Date.now(), failure: undefined };
    if (core !== undefined) this.#options.changed(this.state);
  }

  async close(within: number): Promise<void> {
    await this.#stopCore(within);
    this.hub.close();
  }
}
