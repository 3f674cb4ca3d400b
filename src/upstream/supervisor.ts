/** Keeps an account's one session: logs in, resumes, waits, tries again, and stops where only a person can help. */
import { pause } from '../wire/backoff.ts';
import type { FailureKind } from '../wire/failure.ts';
import { bare, domainOf, type FullJid } from '../wire/jid.ts';
import type { Stanza } from '../wire/stanza.ts';
import { attempt } from './attempt.ts';
import { asFailed, Failed } from './failed.ts';
import type { DomainGate } from './gate.ts';
import { History } from './history.ts';
import { LiveStream } from './live.ts';
import type { Login } from './login.ts';
import type { SaltCache } from './scram.ts';
import { Session } from './session.ts';
import { type Environment, environment } from './timing.ts';
import type { Account, CoreEvents, CoreSession, Log, SessionLedger, Status, UpstreamOptions } from './types.ts';

/** Trying again would change nothing, and might lock the account. */
const hopeless: readonly FailureKind[] = ['refused', 'certificate', 'pin'];

/** A core session that does nothing until start(). `env`: for tests. */
export function openCoreSession(
  account: Account,
  options: UpstreamOptions,
  gate: DomainGate,
  events: CoreEvents,
  ledger: SessionLedger,
  log: Log,
  env: Environment = environment,
): CoreSession {
  return new Supervisor(account, options, gate, events, ledger, log, env);
}

class Supervisor implements CoreSession {
  readonly #account: Account;
  readonly #options: UpstreamOptions;
  readonly #gate: DomainGate;
  readonly #events: CoreEvents;
  readonly #ledger: SessionLedger;
  readonly #log: Log;
  readonly #env: Environment;
  readonly #history: History;
  readonly #cache: SaltCache = { key: '', salted: Buffer.alloc(0) };
  #status: Status = 'off';
  #address: FullJid | undefined;
  #live: LiveStream | undefined;
  #inactive = false;
  #paused = false;
  /** The last one; the ledger is read before the first. */
  #session: Session | undefined;
  #isRead = false;
  #wasOnline = false;
  /** Of the sessions so far, counted over processes. */
  #number = 0;
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
    ledger: SessionLedger,
    log: Log,
    env: Environment,
  ) {
    this.#account = account;
    this.#options = options;
    this.#gate = gate;
    this.#events = events;
    this.#ledger = ledger;
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

  send(stanza: string): number | undefined {
    return this.#live?.send(stanza);
  }

  setInactive(inactive: boolean): void {
    if (this.#inactive === inactive) return;
    this.#inactive = inactive;
    this.#live?.setInactive(inactive);
  }

  setPaused(paused: boolean): void {
    this.#paused = paused;
    this.#live?.setPaused(paused);
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
      await orAbort(this.#prepare(), signal);
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

  /** What the next attempt says of the last session is durable before; what always breaks it is left out. */
  async #prepare(): Promise<void> {
    if (!this.#isRead) await this.#inherit();
    const session = this.#session;
    if (session === undefined) return;
    if (session.isPoisoned && this.#history.mayResume) {
      this.#log.warn('upstream stanza left out', { account: this.#account.jid });
      this.#tell(() => this.#events.skipped());
      await session.leaveOut();
    } else await session.settle();
  }

  /** The session of the process before this one. */
  async #inherit(): Promise<void> {
    const state = await this.#ledger.read();
    this.#isRead = true;
    this.#number = state?.number ?? 0;
    if (state?.id === undefined || bare(state.address) !== this.#account.jid) return;
    this.#adopt(new Session(state, this.#ledger, state));
  }

  #adopt(session: Session): void {
    this.#session = session;
    session.management.onHandled = (first, last) => this.#tell(() => this.#events.handled(first, last));
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
    if (!login.resumed) this.#begin(login);
    const session = this.#session!;
    const take = (stanza: Stanza) => this.#events.stanza(stanza);
    const live = new LiveStream(login, session, this.#env.timing, this.#log, take);
    if (signal.aborted) {
      await live.close(0);
      return live.ended;
    }
    const { address, resumed } = login;
    const isInherited = session.inherited && !this.#wasOnline;
    this.#wasOnline = true;
    this.#live = live;
    this.#address = address;
    this.#report('online', undefined, { address, resumed });
    this.#tell(() => this.#events.online(address, resumed, isInherited));
    if (this.#inactive) live.setInactive(true);
    live.setPaused(this.#paused);
    live.start();
    const failed = await live.ended;
    this.#live = undefined;
    this.#history.ended(failed, Date.now() - began);
    this.#tell(() => this.#events.offline());
    return failed;
  }

  /** A new session upstream: what the last one did not acknowledge is the hub's again. */
  #begin({ enabled, address }: Login): void {
    this.#giveBack();
    this.#number++;
    const terms = { number: this.#number, id: enabled?.id, location: enabled?.location, address };
    this.#adopt(new Session(terms, this.#ledger));
    void this.#session!.begin();
    this.#history.begun();
  }

  #giveBack(): void {
    const left = this.#session?.management.unacknowledged ?? [];
    this.#session = undefined;
    if (left.length > 0) this.#tell(() => this.#events.unacknowledged([...left]));
  }

  #pause(time: number, signal: AbortSignal): Promise<void> {
    return pause(time, signal, (wake) => {
      this.#wake = wake;
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

/** The promise, unless the signal comes first. */
function orAbort(promise: Promise<void>, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const abort = () => reject(asFailed(signal.reason));
    if (signal.aborted) return abort();
    signal.addEventListener('abort', abort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort));
  });
}
