/** Keeps an account's one session: logs in, resumes, waits, tries again, and stops where only a person can help. */
import type { FailureKind } from '../wire/failure.ts';
import { domainOf, type FullJid } from '../wire/jid.ts';
import { attempt } from './attempt.ts';
import { Failed } from './failed.ts';
import type { DomainGate } from './gate.ts';
import { History } from './history.ts';
import { LiveStream } from './live.ts';
import type { Login, Resumable } from './login.ts';
import type { SaltCache } from './scram.ts';
import { type Environment, environment } from './timing.ts';
import type { Account, CoreEvents, CoreSession, Log, Status, UpstreamOptions } from './types.ts';

/** Trying again would change nothing, and might lock the account. */
const hopeless: readonly FailureKind[] = ['refused', 'certificate', 'pin'];

/** A core session that does nothing until start(). `env`: for tests. */
export function openCoreSession(
  account: Account,
  options: UpstreamOptions,
  gate: DomainGate,
  events: CoreEvents,
  log: Log,
  env: Environment = environment,
): CoreSession {
  return new Supervisor(account, options, gate, events, log, env);
}

class Supervisor implements CoreSession {
  readonly #account: Account;
  readonly #options: UpstreamOptions;
  readonly #gate: DomainGate;
  readonly #events: CoreEvents;
  readonly #log: Log;
  readonly #env: Environment;
  readonly #history: History;
  readonly #cache: SaltCache = { key: '', salted: Buffer.alloc(0) };
  #status: Status = 'off';
  #address: FullJid | undefined;
  #live: LiveStream | undefined;
  #inactive = false;
  #session: Resumable | undefined;
  /** Set while the loop is to run. */
  #running: AbortController | undefined;
  /** The loop, or the last one. */
  #loop: Promise<void> = Promise.resolve();
  #wake: () => void = () => {};

  constructor(
    account: Account,
    options: UpstreamOptions,
    gate: DomainGate,
    events: CoreEvents,
    log: Log,
    env: Environment,
  ) {
    this.#account = account;
    this.#options = options;
    this.#gate = gate;
    this.#events = events;
    this.#log = log;
    this.#env = env;
    this.#history = new History(account.resource, env);
  }

  get status(): Status {
    return this.#status;
  }
  get address(): FullJid | undefined {
    return this.#address;
  }

  start(): void {
    if (this.#running !== undefined) return this.#wake();
    const running = new AbortController();
    this.#running = running;
    this.#history.forgive();
    this.#loop = this.#loop.then(() => this.#keep(running.signal));
  }

  send(stanza: string): boolean {
    return this.#live?.send(stanza) ?? false;
  }

  setInactive(inactive: boolean): void {
    if (this.#inactive === inactive) return;
    this.#inactive = inactive;
    this.#live?.setInactive(inactive);
  }

  acknowledged(): Promise<void> {
    // without XEP-0198 nobody can know more than that it was written
    return this.#session?.management.settled() ?? new Promise((resolve) => setImmediate(resolve));
  }

  async stop(within: number): Promise<void> {
    const loop = this.#loop;
    this.#running?.abort(new Failed('lost', 'stopped'));
    this.#running = undefined;
    await this.#live?.close(within);
    await loop;
    if (this.#status === 'stopped' && this.#running === undefined) this.#rest();
  }

  async #keep(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const failed = await this.#round(signal);
      if (signal.aborted) break;
      if (hopeless.includes(failed.failure.kind)) {
        this.#running = undefined;
        this.#report('stopped', failed);
        return;
      }
      const wait = this.#history.delay(failed);
      this.#report('waiting', failed, { seconds: Math.round(wait / 1000) });
      await this.#pause(wait, signal);
    }
    this.#rest();
  }

  /** One attempt, and the session if one comes of it: how it ended. */
  async #round(signal: AbortSignal): Promise<Failed> {
    this.#report('connecting');
    try {
      const login = await this.#logIn(signal);
      return await this.#hold(login, signal);
    } catch (reason) {
      const failed = reason instanceof Failed ? reason : new Failed('lost', 'internal error');
      if (failed !== reason)
        this.#log.error('upstream attempt broke', { account: this.#account.jid, reason: String(reason) });
      this.#history.failed(failed);
      return failed;
    }
  }

  async #logIn(signal: AbortSignal): Promise<Login> {
    const leave = await this.#gate.enter(domainOf(this.#account.jid), signal);
    try {
      const login = await attempt({
        account: this.#account,
        options: this.#options,
        environment: this.#env,
        log: this.#log,
        signal,
        resource: this.#history.resource,
        resumable: this.#history.mayResume ? this.#session : undefined,
        seeOther: this.#history.seeOther,
        cache: this.#cache,
      });
      leave('ok');
      return login;
    } catch (reason) {
      leave(signal.aborted ? undefined : 'failed');
      throw reason;
    } finally {
      this.#history.seeOther = undefined;
    }
  }

  async #hold(login: Login, signal: AbortSignal): Promise<Failed> {
    const began = Date.now();
    const live = new LiveStream(login, this.#env.timing, this.#log, (stanza) => this.#events.stanza(stanza));
    if (signal.aborted) {
      await live.close(0);
      return live.ended;
    }
    if (!login.resumed) this.#begin(login);
    this.#live = live;
    this.#address = login.address;
    this.#report('online', undefined, { address: login.address, resumed: login.resumed });
    this.#tell(() => this.#events.online(login.address, login.resumed));
    if (this.#inactive) live.setInactive(true);
    live.start();
    const failed = await live.ended;
    this.#live = undefined;
    this.#history.ended(failed, Date.now() - began);
    this.#tell(() => this.#events.offline());
    return failed;
  }

  /** A new session upstream: what the last one did not acknowledge is the hub's again. */
  #begin({ management, address }: Login): void {
    this.#giveBack();
    this.#session = management === undefined ? undefined : { management, address };
    this.#history.mayResume = true;
  }

  #giveBack(): void {
    const management = this.#session?.management;
    const left = management?.unacknowledged ?? [];
    this.#session = undefined;
    if (left.length > 0) this.#tell(() => this.#events.unacknowledged([...left]));
    management?.giveUp();
  }

  #pause(time: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        clearTimeout(timer);
        signal.removeEventListener('abort', done);
        this.#wake = () => {};
        resolve();
      };
      const timer = setTimeout(done, time);
      signal.addEventListener('abort', done);
      this.#wake = done;
    });
  }

  /** After stop(). The stream was closed for good: the server keeps no session. */
  #rest(): void {
    this.#giveBack();
    this.#report('off');
  }

  #report(status: Status, failed?: Failed, fields?: object): void {
    this.#status = status;
    const level = status === 'stopped' ? 'warn' : 'info';
    this.#log[level](`upstream ${status}`, { account: this.#account.jid, ...failed?.failure, ...fields });
    this.#tell(() => this.#events.status(status, failed?.failure));
  }

  /** What a listener gets wrong must not end the session. */
  #tell(event: () => void): void {
    try {
      event();
    } catch (reason) {
      this.#log.error('upstream event not handled', { account: this.#account.jid, reason: String(reason) });
    }
  }
}
