/** Which unit lives where. Units start when somebody needs them; all enabled accounts need theirs from the start. */
import { removeStore } from '../archive/store.ts';
import type { Log } from '../hub/context.ts';
import type {
  AccountSettings,
  AccountState,
  Ask,
  EdgeLink,
  ExportFormat,
  Hits,
  LoginTrial,
  Reach,
  RoomState,
  Sought,
  UnitHost,
  UnitLink,
  UnitQuestions,
  UnitSettings,
} from '../link/link.ts';
import type { BareJid } from '../wire/jid.ts';
import { newExport, removeExports } from './exports.ts';
import { createHost } from './host.ts';
import { StandIn, UnopenedError } from './standin.ts';
import type { PoolControl } from './types.ts';
import { patience, type StartThread, type Suspicion, Workers } from './workers.ts';

export interface PoolOptions {
  /** Worker threads; 0: units live in the main thread. */
  workers: number;
  edge: EdgeLink;
  /** A user's settings as they are now; undefined for an unknown user. */
  settings(user: string): UnitSettings | undefined;
  upstream: UnitSettings['upstream'];
  version: string;
  logLevel: string;
  log: Log;
  /** That user's unit is not started any more. */
  switchedOff(user: string, reason: string): void;
  /** How long until a unit that could not be opened is tried again: milliseconds. */
  patience?: number;
  /** A user's unit cannot start, for that reason; one that has says so itself (`EdgeQuestions.archive`). */
  unopened?(user: string, reason: string): void;
  /** Its unit is stopped, and was not wanted any more. */
  dropped?(user: string): void;
  startThread?: StartThread | undefined;
  suspicion?: Suspicion | undefined;
}

export class Pool implements PoolControl {
  readonly #options: PoolOptions;
  readonly #workers: Workers | undefined;
  readonly #host: UnitHost;
  readonly #units = new Map<string, Promise<UnitLink>>();
  /** Where a user's things are. */
  readonly #folders = new Map<string, string>();
  /** Units that could not be opened and are tried again. */
  readonly #tries = new Map<string, NodeJS.Timeout>();
  /** What speaks for them meanwhile. */
  readonly #standIns = new Map<string, StandIn>();
  #isStopping = false;

  constructor(options: PoolOptions) {
    this.#options = options;
    const { workers, edge, version, log } = options;
    this.#workers = workers === 0 ? undefined : new Workers({ ...options, count: workers });
    this.#host = this.#workers ?? createHost(edge, version, log);
  }

  /** A user's unit, started if need be. Rejects where there is no such user, and with an UnopenedError where it cannot start. */
  unit(user: string): Promise<UnitLink> {
    const running = this.#units.get(user);
    if (running !== undefined) return running;
    const settings = this.#options.settings(user);
    if (settings === undefined || this.#isStopping) return Promise.reject(new Error(`no unit for ${user}`));
    const opening = this.#host.open(settings).catch((error: unknown) => {
      throw new UnopenedError(user, error);
    });
    this.#units.set(user, opening);
    this.#folders.set(user, settings.archiveDir);
    this.#stopTrying(user);
    opening.then(
      () => this.#relieve(user),
      (error: UnopenedError) => this.#failed(settings, opening, error),
    );
    return opening;
  }

  #failed(settings: UnitSettings, opening: Promise<UnitLink>, error: UnopenedError): void {
    const { user } = settings;
    const { edge, log, unopened } = this.#options;
    log.error('unit failed to start', { user, error: String(error.cause) });
    if (this.#units.get(user) !== opening) return;
    this.#units.delete(user);
    unopened?.(user, error.message);
    if (this.#isStopping) return;
    const standIn = this.#standIns.get(user) ?? new StandIn(edge);
    this.#standIns.set(user, standIn);
    standIn.configure(settings, error);
    this.#tryLater(user);
  }

  /** Nothing stands in for that user's unit any more. */
  #relieve(user: string): void {
    this.#standIns.get(user)?.end();
    this.#standIns.delete(user);
  }

  /** The same for sessions: where the unit cannot be opened now, what stands in for it until it is. */
  async serving(user: string): Promise<UnitLink> {
    try {
      return await this.unit(user);
    } catch (reason) {
      const standIn = this.#standIns.get(user);
      if (standIn === undefined) throw reason;
      return standIn;
    }
  }

  /** What is in the way, a disk or a damaged file, may be gone then. */
  #tryLater(user: string): void {
    const again = (): void => {
      this.#tries.delete(user);
      this.unit(user).catch(() => {}); // it is logged, and tried again
    };
    this.#stopTrying(user);
    this.#tries.set(user, setTimeout(again, this.#options.patience ?? patience));
  }

  #stopTrying(user: string): void {
    clearTimeout(this.#tries.get(user));
    this.#tries.delete(user);
  }

  tryLogin(_user: string, account: AccountSettings): Promise<LoginTrial> {
    return this.#host.tryLogin(account, this.#options.upstream);
  }

  async refresh(user: string): Promise<void> {
    const settings = this.#options.settings(user);
    if (settings === undefined) return this.drop(user);
    const running = this.#units.get(user);
    if (running === undefined)
      await this.serving(user); // with these, whenever it starts
    else await (await running).ask('configure', { settings });
  }

  async drop(user: string): Promise<void> {
    const running = this.#units.get(user);
    this.#units.delete(user);
    this.#stopTrying(user);
    this.#relieve(user);
    const unit = await running?.catch(() => undefined);
    await unit?.ask('stop', { within: 1000 });
    this.#options.dropped?.(user);
    const folder = this.#folders.get(user);
    if (folder === undefined || this.#options.settings(user) !== undefined) return;
    this.#folders.delete(user);
    await removeStore(folder, user);
    await removeExports(folder, user);
  }

  async search(user: string, ask: Ask<UnitQuestions, 'search'>): Promise<Hits> {
    return (await this.unit(user)).ask('search', ask);
  }

  async forgetHistory(user: string, ask: Sought): Promise<number> {
    return (await this.unit(user)).ask('forgetHistory', ask);
  }

  async exportHistory(
    user: string,
    ask: Sought & { format: ExportFormat },
  ): Promise<{ file: string; messages: number }> {
    const unit = await this.unit(user);
    const file = await newExport(this.#folders.get(user)!, user, ask.format);
    return { file, messages: await unit.ask('exportHistory', { ...ask, file }) };
  }

  async reach(user: string, ask: Sought): Promise<Reach> {
    return (await this.unit(user)).ask('reach', ask);
  }

  async peers(user: string, accounts: BareJid[], start: string): Promise<string[]> {
    return (await this.unit(user)).ask('peers', { accounts, start });
  }

  async forget(user: string, account: BareJid): Promise<void> {
    await (await this.unit(user)).ask('forget', { account });
  }

  async rooms(user: string): Promise<RoomState[]> {
    return (await this.unit(user)).ask('rooms', null);
  }

  async room(
    user: string,
    account: BareJid,
    room: BareJid,
    action: Ask<UnitQuestions, 'room'>['action'],
  ): Promise<boolean> {
    return (await this.unit(user)).ask('room', { account, room, action });
  }

  async status(user: string): Promise<AccountState[]> {
    return (await this.serving(user)).ask('status', null);
  }

  workers(): { count: number; restarts: number } {
    return { count: this.#workers?.count ?? 0, restarts: this.#workers?.restarts ?? 0 };
  }

  /** Every unit says goodbye upstream, for at most `within` milliseconds. */
  async stop(within: number): Promise<void> {
    this.#isStopping = true;
    for (const user of [...this.#tries.keys()]) this.#stopTrying(user);
    const units = await Promise.allSettled(this.#units.values());
    this.#units.clear();
    await Promise.allSettled(
      units.map((unit) => (unit.status === 'fulfilled' ? unit.value.ask('stop', { within }) : undefined)),
    );
    await this.#host.close();
  }
}
