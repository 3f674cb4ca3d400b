/** One account of a unit: its hub and its core session, started and stopped together. */
import type { Store, Trouble } from '../archive/types.ts';
import type { HubSettings, Log, Outlet } from '../hub/context.ts';
import { Hub } from '../hub/hub.ts';
import type { AccountSettings, AccountState, RoomState, UpstreamSettings } from '../link/link.ts';
import type { CoreEvents, CoreSession, SessionLedger, SessionState } from '../upstream/types.ts';
import type { BareJid } from '../wire/jid.ts';

export type OpenCore = (
  account: AccountSettings,
  upstream: UpstreamSettings,
  events: CoreEvents,
  ledger: SessionLedger,
) => CoreSession;

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
      send: (text) => account?.send(text),
      setInactive: (inactive) => account?.setInactive(inactive),
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

  send(text: string): number | undefined {
    return this.#core?.send(text);
  }

  /** While nothing can be kept nothing more is taken from the server. */
  set trouble(trouble: Trouble | undefined) {
    this.#core?.setPaused(trouble !== undefined);
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
    const { openCore, upstream, store, tell, changed } = this.#options;
    const { jid } = this.#settings;
    const events: CoreEvents = {
      online: (...words) => this.hub.online(...words),
      offline: () => this.hub.offline(),
      stanza: (stanza) => this.hub.stanza(stanza),
      handled: (first, last) => this.hub.handled(first, last),
      unacknowledged: (stanzas) => this.hub.unacknowledged(stanzas),
      skipped: () => tell(jid, skipped(jid)),
      status: (status, failure) => {
        if (this.#core !== core) return;
        this.#status = { status, since: Date.now(), failure };
        changed(this.state);
      },
    };
    const core: CoreSession = openCore(this.#settings, upstream, events, ledgerOf(store, jid));
    this.#core = core;
    core.setInactive(this.#inactive);
    core.setPaused(store.trouble !== undefined);
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

const skipped = (jid: BareJid): string =>
  `What the server of ${jid} sent broke the connection twice at the same place. It was left out, so that the rest gets through; ` +
  'if a message is missing, an app that is logged in there directly may show it.';

/** The account's place in the store for its core session. */
function ledgerOf(store: Store, jid: BareJid): SessionLedger {
  return {
    read: async () => {
      const [kept] = await store.read(jid, 'upstream');
      return kept && (JSON.parse(kept.value) as SessionState);
    },
    note: (state) => store.note(jid, 'upstream', '', () => JSON.stringify(state())),
    settled: () => store.settled(),
  };
}
