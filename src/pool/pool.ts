/** Which unit lives where. Units start when somebody needs them; all enabled accounts need theirs from the start. */
import { Worker } from 'node:worker_threads';
import type { Log } from '../hub/context.ts';
import type { Port } from '../link/batch.ts';
import { RemoteHost } from '../link/edge-port.ts';
import type {
  AccountSettings,
  AccountState,
  EdgeLink,
  LoginTrial,
  UnitHost,
  UnitLink,
  UnitSettings,
} from '../link/link.ts';
import type { BareJid } from '../wire/jid.ts';
import { createHost } from './host.ts';
import type { PoolControl } from './types.ts';
import type { WorkerData } from './worker.ts';

export interface PoolOptions {
  /** 0: units in the main thread; 1: in one worker. */
  workers: number;
  edge: EdgeLink;
  /** A user's settings as they are now; undefined for an unknown user. */
  settings(user: string): UnitSettings | undefined;
  upstream: UnitSettings['upstream'];
  version: string;
  logLevel: string;
  log: Log;
  /** A worker ended by itself: nothing of its units works any more. */
  failed(reason: Error): void;
}

export class Pool implements PoolControl {
  readonly #options: PoolOptions;
  readonly #host: UnitHost;
  readonly #units = new Map<string, Promise<UnitLink>>();
  #isStopping = false;

  constructor(options: PoolOptions) {
    this.#options = options;
    const { edge, version, log } = options;
    this.#host = options.workers === 0 ? createHost(edge, version, log) : this.#startWorker();
  }

  #startWorker(): UnitHost {
    const { edge, version, log, logLevel } = this.#options;
    const data: WorkerData = { version, logLevel };
    const worker = new Worker(new URL('./worker.js', import.meta.url), { workerData: data });
    worker.on('error', (error) => this.#options.failed(error));
    worker.on('exit', (code) => {
      if (!this.#isStopping) this.#options.failed(new Error(`a worker ended with code ${code}`));
    });
    const port: Port = {
      postMessage: (message) => worker.postMessage(message),
      on: (_event, listener) =>
        worker.on('message', (message: unknown) => {
          if (Array.isArray(message)) listener(message);
          else if (isLine(message)) log[message.level](message.message, message.fields);
        }),
    };
    return new RemoteHost(port, edge, () => worker.terminate());
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

  async status(user: string): Promise<AccountState[]> {
    return (await this.unit(user)).ask('status', null);
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

interface Line {
  level: 'error' | 'warn' | 'info' | 'debug';
  message: string;
  fields?: object;
}
const isLine = (message: unknown): message is Line =>
  typeof message === 'object' && message !== null && 'level' in message && 'message' in message;
