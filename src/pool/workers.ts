/**
 * Worker threads with units in them (src/README.md). A new unit goes where there is least to do; those of a worker that died start
 * elsewhere. A unit that was there when three died within a minute may be why: it is kept apart, and off if that does not help.
 */
import { Worker } from 'node:worker_threads';
import type { Log } from '../hub/context.ts';
import type { AccountSettings, EdgeLink, LoginTrial, UnitHost, UnitSettings, UpstreamSettings } from '../link/link.ts';
import { isResponse } from '../wire/stanza.ts';
import { type Keeper, LastingUnit } from './lasting.ts';
import { UnopenedError } from './standin.ts';
import { Thread } from './thread.ts';
import type { WorkerData } from './worker.ts';

export interface WorkersOptions {
  /** At least 1. */
  count: number;
  edge: EdgeLink;
  version: string;
  logLevel: string;
  log: Log;
  /** That user's unit is not started any more; people must be told. */
  switchedOff(user: string, reason: string): void;
  /** That user's unit ran, its worker died, and now it cannot be opened; it is tried again after so many milliseconds. */
  unopened?(user: string, reason: string): void;
  patience?: number;
  startThread?: StartThread | undefined;
  suspicion?: Suspicion | undefined;
}

export type StartThread = (data: WorkerData) => Worker;

/** So many deaths within so many milliseconds are no accident. */
export interface Suspicion {
  deaths: number;
  within: number;
}

const startWorker: StartThread = (data) => new Worker(new URL('./worker.js', import.meta.url), { workerData: data });

/** Workers beside the others for units kept apart: beyond these they share. */
const mostApart = 4;
/** How long until a unit that cannot be opened is tried again: milliseconds. */
export const patience = 10_000;
/** What was worked counts half after so many milliseconds. */
const fading = 30_000;

export class Workers implements UnitHost {
  /** Deaths of workers so far. */
  restarts = 0;
  readonly count: number;
  readonly #options: WorkersOptions;
  readonly #suspicion: Suspicion;
  readonly #edge: EdgeLink;
  /** Started when first needed. */
  readonly #threads: (Thread | undefined)[];
  readonly #apart = new Set<Thread>();
  readonly #bySession = new Map<number, LastingUnit>();
  /** Units that ran and cannot be opened now. */
  readonly #tries = new Map<LastingUnit, NodeJS.Timeout>();
  readonly #fade: NodeJS.Timeout;
  #isClosed = false;

  constructor(options: WorkersOptions) {
    this.#options = options;
    this.#suspicion = options.suspicion ?? { deaths: 3, within: 60_000 };
    this.count = options.count;
    this.#threads = Array.from({ length: options.count });
    this.#edge = this.#listening(options.edge);
    this.#fade = setInterval(() => {
      for (const thread of this.#all()) for (const unit of thread.units) unit.halve();
    }, fading);
  }

  /** What units tell the edge, heard in passing: how busy they are, which requests are answered. */
  #listening(edge: EdgeLink): EdgeLink {
    return {
      ...edge,
      deliver: (sids, stanza, place) => {
        edge.deliver(sids, stanza, place);
        const unit = this.#bySession.get(sids[0]!);
        unit?.worked();
        if (place !== undefined) unit?.delivered(sids[0]!, stanza, place);
        const isAnswer = isResponse(stanza) || (stanza.type === 'error' && stanza.name === 'message');
        if (isAnswer) for (const sid of sids) this.#bySession.get(sid)?.answered(sid, stanza);
      },
      stored: (sid, position) => this.#bySession.get(sid)?.stored(sid, position),
    };
  }

  #all(): Thread[] {
    return [...this.#threads.filter((thread) => thread !== undefined), ...this.#apart];
  }

  readonly #keeper: Keeper = {
    attached: (sid, unit) => this.#bySession.set(sid, unit),
    released: (sid) => this.#bySession.delete(sid),
    revive: (unit) => {
      unit.deaths = [];
      this.#start(unit);
    },
    stopped: (unit) => {
      this.#stopTrying(unit);
      this.#leave(unit);
    },
  };

  async open(settings: UnitSettings): Promise<LastingUnit> {
    const { edge } = this.#options;
    const told: EdgeLink = { ...this.#edge, stored: (sid, position) => edge.stored(sid, position) };
    const unit = new LastingUnit(settings, told, this.#keeper);
    try {
      await unit.start(this.#place(unit).host);
    } catch (reason) {
      this.#leave(unit);
      throw reason;
    }
    await unit.settled;
    return unit;
  }

  tryLogin(account: AccountSettings, upstream: UpstreamSettings): Promise<LoginTrial> {
    return this.#leastLoaded().host.tryLogin(account, upstream);
  }

  /** Starts it (again). One that cannot be opened is off for a while: what is in the way, a full disk, may be gone then. */
  #start(unit: LastingUnit): void {
    this.#stopTrying(unit);
    unit.start(this.#place(unit).host).catch((reason: Error) => {
      this.#leave(unit);
      this.#options.log.error('unit failed to start', { user: unit.user, error: String(reason) });
      unit.switchOff(reason.message, true);
      this.#options.unopened?.(unit.user, new UnopenedError(unit.user, reason).message);
      if (!this.#isClosed)
        this.#tries.set(
          unit,
          setTimeout(() => this.#start(unit), this.#options.patience ?? patience),
        );
    });
  }

  #stopTrying(unit: LastingUnit): void {
    clearTimeout(this.#tries.get(unit));
    this.#tries.delete(unit);
  }

  #switchOff(unit: LastingUnit, reason: string): void {
    this.#options.log.error('unit is off', { user: unit.user, reason });
    unit.switchOff(reason);
    this.#options.switchedOff(unit.user, reason);
  }

  // ---- where units live

  #place(unit: LastingUnit): Thread {
    const thread = this.#isSuspect(unit) ? this.#secluded() : this.#leastLoaded();
    thread.units.add(unit);
    return thread;
  }

  #isSuspect({ deaths }: LastingUnit): boolean {
    return deaths.length >= this.#suspicion.deaths;
  }

  #leastLoaded(): Thread {
    const loads = this.#threads.map((thread) => thread?.load ?? 0);
    const least = loads.indexOf(Math.min(...loads));
    this.#threads[least] ??= this.#newThread();
    return this.#threads[least];
  }

  #secluded(): Thread {
    const [emptiest] = [...this.#apart].sort((a, b) => a.units.size - b.units.size);
    if (emptiest !== undefined && this.#apart.size >= mostApart) return emptiest;
    const thread = this.#newThread();
    this.#apart.add(thread);
    return thread;
  }

  #leave(unit: LastingUnit): void {
    for (const thread of this.#all()) thread.units.delete(unit);
    for (const thread of [...this.#apart]) {
      if (thread.units.size > 0) continue;
      this.#apart.delete(thread);
      void thread.end();
    }
  }

  #newThread(): Thread {
    const { count, version, logLevel, log, startThread = startWorker } = this.#options;
    const thread = new Thread(startThread({ version, logLevel, workers: count }), this.#edge, log, (reason) =>
      this.#died(thread, reason),
    );
    return thread;
  }

  #died(thread: Thread, reason: Error): void {
    const units = [...thread.units];
    const users = units.map(({ user }) => user);
    this.restarts++;
    this.#options.log.error('worker died', { reason: reason.stack ?? String(reason), users });
    const isAlone = this.#apart.delete(thread) && units.length === 1;
    const at = this.#threads.indexOf(thread);
    if (at >= 0) this.#threads[at] = undefined;
    const orphans = units.filter((unit) => unit.lost());
    thread.host.ended(reason);
    if (this.#isClosed) return;
    this.#mourn(orphans);
    if (!isAlone) for (const unit of orphans) this.#start(unit);
    else for (const unit of orphans) this.#switchOff(unit, `It ended its worker again and again: ${reason.message}`);
  }

  /** Notes the death; whoever has seen most is first, to be alone where that can be. */
  #mourn(units: LastingUnit[]): void {
    const now = Date.now();
    for (const unit of units) unit.deaths = [...unit.deaths.filter((at) => now - at < this.#suspicion.within), now];
    units.sort((a, b) => b.deaths.length - a.deaths.length);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    clearInterval(this.#fade);
    for (const unit of this.#tries.keys()) this.#stopTrying(unit);
    await Promise.all(this.#all().map((thread) => thread.end()));
  }
}
