/**
 * While little happens, memory counts more than speed. By itself V8 gives back what a burst of logins has taken only after most
 * of a minute without any work, which a proxy with many sessions never has; told to save, it does so within seconds, by
 * collections in small steps. It is told only while the process is quiet: under load, saving costs a third of the speed.
 */
import { setFlagsFromString } from 'node:v8';

/** How often the load is looked at: milliseconds. */
const round = 1000;
/** Shares of one core, all threads together: below the first we save, above the second no more. */
const quiet = 0.03;
const busy = 0.15;

export interface Meter {
  /** CPU time used so far, and the time now: milliseconds. */
  used(): number;
  now(): number;
}

const ofProcess: Meter = {
  used: () => {
    const { user, system } = process.cpuUsage();
    return (user + system) / 1000;
  },
  now: () => performance.now(),
};

/** Read by V8 whenever it decides when to collect and how much to keep in reserve, in all threads. */
const tellV8 = (saves: boolean): void => setFlagsFromString(saves ? '--optimize-for-size' : '--no-optimize-for-size');

export class Thrift {
  readonly #meter: Meter;
  readonly #tell: (saves: boolean) => void;
  #used: number;
  #since: number;
  #saves = false;

  /** `tell` is called when that changes. */
  constructor(meter: Meter, tell: (saves: boolean) => void) {
    this.#meter = meter;
    this.#tell = tell;
    this.#used = meter.used();
    this.#since = meter.now();
  }

  /** The end of a round. */
  turn(): void {
    const used = this.#meter.used();
    const now = this.#meter.now();
    const load = (used - this.#used) / (now - this.#since);
    this.#used = used;
    this.#since = now;
    const saves = load < (this.#saves ? busy : quiet);
    if (saves === this.#saves) return;
    this.#saves = saves;
    this.#tell(saves);
  }
}

/** For the whole process, until it ends. */
export function startThrift(): void {
  const thrift = new Thrift(ofProcess, tellV8);
  setInterval(() => thrift.turn(), round).unref();
}
