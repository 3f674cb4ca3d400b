/** Which unit lives where. Units start when somebody needs them; all enabled accounts need theirs from the start. */
import type { Log } from '../hub/context.ts';
import type {
  AccountSettings,
  AccountState,
  Ask,
  EdgeLink,
  LoginTrial,
  RoomState,
  UnitHost,
  UnitLink,
  UnitQuestions,
  UnitSettings,
} from '../link/link.ts';
import type { BareJid } from '../wire/jid.ts';
import { createHost } from './host.ts';
import type { PoolControl } from './types.ts';
import { type StartThread, type Suspicion, Workers } from './workers.ts';

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
  startThread?: StartThread | undefined;
  suspicion?: Suspicion | undefined;
}

export class Pool implements PoolControl {
  readonly #options: PoolOptions;
  readonly #workers: Workers | undefined;
  readonly #host: UnitHost;
  readonly #units = new Map<string, Promise<UnitLink>>();
  #isStopping = false;

  constructor(options: PoolOptions) {
    this.#options = options;
    const { workers, edge, version, log } = options;
    this.#workers = workers === 0 ? undefined : new Workers({ ...options, count: workers });
    this.#host = this.#workers ?? createHost(edge, version, log);
  }

  /** A user's unit, started if need be. Rejects where there is no such user. */
  unit(user: string): Promise<UnitLink> {
    const running = this.#units.get(user);
    if (running !== undefined) return running;
    const settings = this.#options.settings(user);
    if (settings === undefined || this.#isStopping) return Promise.reject(new Error(`no unit for ${user}`));
    const opening = this.#host.open(settings);
    this.#units.set(user, opening);
    opening.catch((error: unknown) => {
      this.#units.delete(user);
      this.#options.log.error('unit failed to start', { user, error: String(error) });
    });
    return opening;
  }

  tryLogin(_user: string, account: AccountSettings): Promise<LoginTrial> {
    return this.#host.tryLogin(account, this.#options.upstream);
  }

  async refresh(user: string): Promise<void> {
    const settings = this.#options.settings(user);
    if (settings === undefined) return this.drop(user);
    const running = this.#units.get(user);
    if (running === undefined) await this.unit(user);
    else await (await running).ask('configure', { settings });
  }

  async drop(user: string): Promise<void> {
    const running = this.#units.get(user);
    this.#units.delete(user);
    if (running !== undefined) await (await running).ask('stop', { within: 1000 });
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
    return (await this.unit(user)).ask('status', null);
  }

  workers(): { count: number; restarts: number } {
    return { count: this.#workers?.count ?? 0, restarts: this.#workers?.restarts ?? 0 };
  }

  /** Every unit says goodbye upstream, for at most `within` milliseconds. */
  async stop(within: number): Promise<void> {
    this.#isStopping = true;
    const units = await Promise.allSettled(this.#units.values());
    this.#units.clear();
    await Promise.allSettled(
      units.map((unit) => (unit.status === 'fulfilled' ? unit.value.ask('stop', { within }) : undefined)),
    );
    await this.#host.close();
  }
}
