/** Keeps an account's one session: logs in, resumes, waits, tries again, and stops where only a person can help. */
import type { FailureKind } from '../wire/failure.ts';
import { domainOf, type FullJid } from '../wire/jid.ts';
import { attempt } from './attempt.ts';
import { retryAfter, retryAfterConflict } from './backoff.ts';
import { Failed } from './failed.ts';
import type { DomainGate } from './gate.ts';
import { LiveStream } from './live.ts';
import { type Login, type Resumable, suffixed } from './login.ts';
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
  readonly #cache: SaltCache = { key: '', salted: Buffer.alloc(0) };
  #status: Status = 'off';
  #address: FullJid | undefined;
  #live: LiveStream | undefined;
  #session: Resumable | undefined;
  #mayResume = true;
  /** Set while the loop is to run. */
  #running: AbortController | undefined;
  /** The loop, or the last one. */
  #loop: Promise<void> = Promise.resolve();
  #wake: () => void = () => {};
  /** Rounds since a session that held: how far backoff has grown. */
  #failures = 0;
  #conflicts = 0;
  /** In a row: streams that we ended because of what came, and resumptions that the server left open. */
  #faults = 0;
  #resource: string;
  #seeOther: string | undefined;

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
    this.#resource = account.resource;
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
    this.#failures = 0;
    this.#loop = this.#loop.then(() => this.#keep(running.signal));
  }

  send(stanza: string): boolean {
    return this.#live?.send(stanza) ?? false;
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
      const wait = this.#delay(failed);
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
      this.#failures ||= 1;
      if (reason instanceof Failed) {
        this.#count(reason);
        return reason;
      }
      this.#log.error('upstream attempt broke', { account: this.#account.jid, reason: String(reason) });
      return new Failed('lost', 'internal error');
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
        resource: this.#resource,
        resumable: this.#mayResume ? this.#session : undefined,
        seeOther: this.#seeOther,
        cache: this.#cache,
      });
      leave('ok');
      return login;
    } catch (reason) {
      leave(signal.aborted ? undefined : 'failed');
      throw reason;
    } finally {
      this.#seeOther = undefined;
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
    live.start();
    const failed = await live.ended;
    this.#live = undefined;
    this.#judge(failed, Date.now() - began);
    this.#tell(() => this.#events.offline());
    return failed;
  }

  /** A new session upstream: what the last one did not acknowledge is the hub's again. */
  #begin({ management, address }: Login): void {
    this.#giveBack();
    this.#session = management === undefined ? undefined : { management, address };
    this.#mayResume = true;
  }

  #giveBack(): void {
    const management = this.#session?.management;
    const left = management?.unacknowledged ?? [];
    this.#session = undefined;
    if (left.length > 0) this.#tell(() => this.#events.unacknowledged([...left]));
    management?.giveUp();
  }

  /** What a session that is over means for the next. */
  #judge(failed: Failed, lasted: number): void {
    const held = lasted >= this.#env.timing.held;
    if (held) {
      this.#failures = 0;
      this.#conflicts = 0;
    }
    this.#seeOther = failed.seeOther;
    if (failed.fault === undefined) this.#faults = 0;
    this.#count(failed);
    if (failed.failure.kind === 'conflict') {
      this.#conflicts++;
      this.#mayResume = false; // the address would come back with it, and the fight
      this.#resource = suffixed(this.#account.resource);
    }
  }

  /** What broke the stream twice would come again with a resumption, for ever. */
  #count({ fault, atResumption }: Failed): void {
    if (fault !== undefined || atResumption) this.#faults++;
    if (this.#faults > 1) this.#mayResume = false;
  }

  #delay({ failure }: Failed): number {
    const { timing, random } = this.#env;
    if (failure.kind === 'conflict') return retryAfterConflict(this.#conflicts, timing, random);
    return retryAfter(this.#failures++, timing, random);
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
