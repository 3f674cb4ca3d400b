/** A unit: one user's hubs, views, core sessions and database. Lives in the main thread or in a worker, and does not know which. */
import type { Store } from '../archive/types.ts';
import type { HubSettings, Log } from '../hub/context.ts';
import type { Hub } from '../hub/hub.ts';
import type { Answer, Ask, EdgeLink, Past, SessionFacts, UnitLink, UnitQuestions, UnitSettings } from '../link/link.ts';
import { ViewOutlet } from '../view/outlet.ts';
import { type TranslatedParts, TranslatedView } from '../view/translated.ts';
import { openView, type View } from '../view/view.ts';
import type { BareJid } from '../wire/jid.ts';
import type { Stanza } from '../wire/stanza.ts';
import { Account, type AccountOptions, type OpenCore } from './account.ts';
import { Alarm, type AlarmParts } from './alarm.ts';
import { exportHistory } from './export.ts';
import { forgetHistory, peers, reach, search } from './history.ts';
import { Merged } from './merged.ts';
import { type Limits, Retention } from './retention.ts';
import { Streams } from './streams.ts';

export interface UnitServices {
  edge: EdgeLink;
  openStore(folder: string, user: string): Promise<Store>;
  openCore: OpenCore;
  /** It may die without its edge: of all it is told it keeps how far it has got. */
  isMortal: boolean;
  version: string;
  log: Log;
}

export class Unit implements UnitLink {
  readonly #services: UnitServices;
  readonly #store: Store;
  readonly #accounts = new Map<BareJid, Account>();
  readonly #views = new Map<number, { view: View; account: BareJid | undefined; login: BareJid }>();
  /** From an account's hub to its views. */
  readonly #outlets = new Map<BareJid, ViewOutlet>();
  #settings: UnitSettings;
  readonly #merged: Merged;
  readonly #streams: Streams;
  readonly #alarm: Alarm;
  readonly #retention: Retention;
  /** Changes of settings happen one after the other. */
  #turn: Promise<unknown> = Promise.resolve();

  static async open(settings: UnitSettings, services: UnitServices): Promise<Unit> {
    const store = await services.openStore(settings.archiveDir, settings.user);
    const unit = new Unit(settings, services, store);
    try {
      await unit.#streams.load([unit.#merged.account, ...settings.accounts.map(({ jid }) => jid)]);
      await unit.#configure(settings);
      unit.#alarm.begin();
      return unit;
    } catch (error) {
      await unit.#stop(0);
      throw error;
    }
  }

  private constructor(settings: UnitSettings, services: UnitServices, store: Store) {
    this.#settings = settings;
    this.#services = services;
    this.#store = store;
    const { edge, isMortal, log } = services;
    const changed: AlarmParts['changed'] = (trouble) => {
      for (const account of this.#accounts.values()) account.trouble = trouble;
    };
    this.#alarm = new Alarm({ user: settings.user, store, edge, log, changed });
    const trimmed = (account: BareJid) => this.#accounts.get(account)?.hub.trimmed();
    this.#retention = new Retention(store, limitsOf(settings), log, trimmed);
    this.#streams = new Streams({ store, isMortal, stored: (sid, position) => edge.stored(sid, position) });
    this.#merged = new Merged({
      account: `${settings.user}@${settings.domain}` as BareJid,
      settings: this.#hubSettings(),
      store,
      outlet: edge,
      log,
      refuse: (sid) => edge.close(sid, 'internal-server-error', 'This login cannot be opened now'),
    });
  }

  #hubSettings(): HubSettings {
    const { domain, root, mirror, awayText, autoAway, services = {}, expiry } = this.#settings;
    const { backlog = 0, backfillDays = 0 } = this.#settings;
    const { version } = this.#services;
    return { domain, root, mirror, awayText, autoAway, backlog, backfillDays, services, expiry, version };
  }

  async #configure(settings: UnitSettings): Promise<void> {
    const known = new Set(this.#settings.accounts.map(({ jid }) => jid));
    this.#settings = settings;
    const hub = this.#hubSettings();
    this.#merged.settings = hub;
    this.#retention.limits = limitsOf(settings);
    const wanted = new Map(settings.accounts.map((account) => [account.jid, account]));
    for (const jid of [...this.#accounts.keys()]) if (!wanted.has(jid)) await this.#closeAccount(jid, 1000);
    for (const [jid, account] of wanted) {
      const open = this.#accounts.get(jid);
      if (!known.has(jid)) await this.#clear(jid);
      if (open !== undefined) await open.configure(account, hub);
      else this.#accounts.set(jid, await Account.open(this.#accountOptions(account, hub)));
    }
    this.#endRenamed();
  }

  /** Of an account that is new: it may have been here before, and the program ended before all of it was deleted. */
  async #clear(account: BareJid): Promise<void> {
    const { messages } = this.#store;
    const [meta, outbox, extent] = await Promise.all([
      this.#store.read(account, 'meta'),
      this.#store.read(account, 'outbox'),
      messages.extent(account),
    ]);
    if (meta.length > 0 || outbox.length > 0 || extent !== undefined) await this.#forget(account);
  }

  /** A login by a label that is another account's now, or nobody's, would not be the same after a reconnect. */
  #endRenamed(): void {
    for (const [sid, { account, login }] of this.#views)
      if (account !== undefined && this.#isRenamed(login, account)) this.#closeRenamed(sid);
  }

  #isRenamed(login: BareJid, account: BareJid): boolean {
    const { accounts, user, domain } = this.#settings;
    const label = accounts.find(({ jid }) => jid === account)?.label;
    return login !== account && login !== `${user}+${label}@${domain}`;
  }

  #closeRenamed(sid: number): void {
    this.#services.edge.close(sid, 'not-authorized', 'This account has another label now');
  }

  #accountOptions(settings: UnitSettings['accounts'][number], hub: HubSettings): AccountOptions {
    const { edge, openCore, log } = this.#services;
    const outlet = new ViewOutlet(edge);
    this.#outlets.set(settings.jid, outlet);
    return {
      settings,
      hub,
      upstream: this.#settings.upstream,
      store: this.#store,
      outlet,
      openCore,
      changed: (state) => edge.account(this.#settings.user, state),
      passwordChanged: (account, password) =>
        void edge
          .ask('rememberPassword', { account, password })
          .catch((error: unknown) => log.error('password not remembered', { account, error: String(error) })),
      tell: (account, text) =>
        void edge
          .ask('tell', { user: this.#settings.user, account, text })
          .catch((error: unknown) => log.error('root could not be told', { account, error: String(error) })),
      log,
    };
  }

  async #closeAccount(jid: BareJid, within: number): Promise<void> {
    const account = this.#accounts.get(jid);
    this.#accounts.delete(jid);
    this.#outlets.delete(jid);
    for (const [sid, { account: shown }] of [...this.#views]) {
      if (shown !== jid) continue;
      this.#views.delete(sid);
      this.#services.edge.close(sid, 'not-authorized', 'This account was removed from the proxy');
    }
    await account?.close(within);
  }

  attach(sid: number, facts: SessionFacts): void {
    this.#streams.attach(sid, facts);
    const account = facts.view === 'identity' ? facts.bare : facts.account;
    const view = account === undefined ? this.#merged.open(sid, facts) : this.#openView(account, sid, facts);
    if (view !== undefined) this.#views.set(sid, { view, account, login: facts.bare });
    else this.#services.edge.close(sid, 'not-authorized', 'That account is not here any more');
    // its label may have changed since it logged in
    if (view !== undefined && account !== undefined && this.#isRenamed(facts.bare, account)) this.#closeRenamed(sid);
  }

  #openView(account: BareJid, sid: number, facts: SessionFacts): View | undefined {
    const hub = this.#accounts.get(account)?.hub;
    if (hub === undefined) return undefined;
    return facts.view === 'single' ? this.#openTranslated(hub, account, sid, facts) : openView(hub, sid, facts);
  }

  #openTranslated(hub: Hub, account: BareJid, sid: number, facts: SessionFacts): View {
    const { edge } = this.#services;
    const { user } = this.#settings;
    const parts: TranslatedParts = {
      hub,
      account,
      outlet: this.#outlets.get(account)!,
      tell: (stanza) => edge.deliver([sid], stanza),
      setPassword: (password) => edge.ask('setProxyPassword', { user, password, by: sid }),
    };
    return new TranslatedView(parts, sid, facts);
  }

  resumable(sid: number, from: number): void {
    this.#streams.resumable(sid, from);
  }

  detach(sid: number, isClean: boolean): void {
    const open = this.#views.get(sid);
    this.#views.delete(sid);
    try {
      open?.view.detach(isClean);
    } finally {
      this.#streams.detach(sid, isClean);
    }
  }

  stanza(sid: number, stanza: Stanza, position: number, order?: number, past?: Past): void {
    const isMessage = stanza.name === 'message';
    const took = () => this.#streams.took(sid, position, isMessage);
    if (isMessage && this.#streams.isDone(sid, position)) return took();
    let waits: Promise<unknown> | undefined;
    try {
      waits = this.#views.get(sid)?.view.stanza(stanza, order, past);
    } finally {
      if (waits === undefined) took();
      else void waits.then(took, took);
    }
  }

  passed(sid: number, position: number): void {
    this.#streams.took(sid, position, false);
  }

  acknowledged(sid: number, place: number): void {
    this.#views.get(sid)?.view.acknowledged(place);
  }

  flow(sid: number, isOpen: boolean): void {
    this.#views.get(sid)?.view.flow(isOpen);
  }

  activity(sid: number, inactive: boolean): void {
    this.#views.get(sid)?.view.activity(inactive);
  }

  ask<K extends keyof UnitQuestions>(what: K, ask: Ask<UnitQuestions, K>): Promise<Answer<UnitQuestions, K>> {
    const answers: { [Q in keyof UnitQuestions]: (ask: Ask<UnitQuestions, Q>) => Promise<Answer<UnitQuestions, Q>> } = {
      configure: ({ settings }) => this.#inTurn(() => this.#configure(settings)),
      status: async () => [...this.#accounts.values()].map(({ state }) => state),
      rooms: async () => [...this.#accounts.values()].flatMap(({ rooms }) => rooms),
      room: async ({ account, room, action }) => this.#accounts.get(account)?.hub.room(room, action) ?? false,
      handled: ({ account, bare, id }) => this.#streams.handled(account, bare, id),
      recall: async ({ messages }) => {
        await Promise.all(messages.map((one) => this.#accounts.get(one.account)?.hub.recall(one.text, one.place)));
        return null;
      },
      search: (ask) => search(this.#store, ask),
      forgetHistory: (ask) => {
        for (const account of ask.accounts) this.#accounts.get(account)?.hub.forgetting(ask.peer);
        return forgetHistory(this.#store, ask);
      },
      exportHistory: (ask) => exportHistory(this.#store, ask),
      reach: (ask) => reach(this.#store, ask),
      peers: ({ accounts, start }) => peers(this.#store, accounts, start),
      forget: ({ account }) => this.#inTurn(() => this.#forget(account)),
      stop: ({ within }) => this.#inTurn(() => this.#stop(within)),
    };
    return answers[what](ask);
  }

  #forget(account: BareJid): Promise<void> {
    this.#streams.forgotten(account);
    return this.#store.forget(account);
  }

  #inTurn(act: () => Promise<void>): Promise<null> {
    const done = this.#turn.then(act).then(() => null);
    this.#turn = done.catch(() => {});
    return done;
  }

  async #stop(within: number): Promise<void> {
    const accounts = [...this.#accounts.values()];
    this.#accounts.clear();
    this.#views.clear();
    this.#streams.close();
    this.#retention.close();
    await Promise.all(accounts.map((account) => account.close(within)));
    await this.#merged.close();
    await this.#store.close();
  }
}

const limitsOf = ({ user, accounts, retention = 0, quota = 0 }: UnitSettings): Limits => ({
  user,
  accounts: accounts.map(({ jid }) => jid),
  retention,
  quota,
});
