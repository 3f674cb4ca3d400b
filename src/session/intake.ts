/** What one client sends: on its way to the unit, and how far the client is told that it is handled (XEP-0198). */
import type { UnitLink } from '../link/link.ts';
import type { StreamLimits } from '../stream/limits.ts';
import { Management } from '../stream/management.ts';
import { Received } from '../stream/received.ts';
import type { Clock, Timer } from '../wire/clock.ts';
import type { Stanza } from '../wire/stanza.ts';

export interface IntakeHost {
  limits: StreamLimits;
  clock: Clock;
  /** To the client, where it has a stream. */
  write(text: string): void;
}

export class Intake {
  /** Once XEP-0198 is on. */
  management: Management | undefined;
  readonly #sid: number;
  readonly #unit: UnitLink;
  readonly #host: IntakeHost;
  readonly #received = new Received();

  constructor(sid: number, unit: UnitLink, host: IntakeHost) {
    this.#sid = sid;
    this.#unit = unit;
    this.#host = host;
  }

  /** XEP-0198 is on: what comes from now on is counted. Gives the position that comes before. */
  manage(id: string, resumable: boolean): { management: Management; from: number } {
    const { clock, limits } = this.#host;
    const management = new Management(id, resumable, this.#received, limits, clock);
    this.management = management;
    return { management, from: this.#received.position };
  }

  /** A stanza has come. */
  count(): void {
    this.#received.count();
  }

  /** The last that came goes to the unit. */
  give(stanza: Stanza): void {
    this.#received.given();
    this.#unit.stanza(this.#sid, stanza, this.#received.position);
  }

  /** The unit says that what it was given is durable up to that position. */
  stored(position: number): void {
    this.#received.stored(position);
    const text = this.management?.progressed();
    if (text) this.announce(text);
  }

  /** `text` tells the client how far it is handled; the unit, which will have to say that after a restart, knows no less. */
  announce(text: string): void {
    this.#host.write(text);
    this.#pass(this.management!.announced);
  }

  #pass(position: number): void {
    if (this.management?.resumable && this.#received.passes(position)) this.#unit.passed(this.#sid, position);
  }

  /** `<a/>`, asked for or not. */
  answer(): void {
    if (this.management !== undefined) this.announce(this.management.answer());
  }

  /** Resolves when all is durable that came; false: not within that time. Undefined: it is. */
  settled(within: number): Promise<boolean> | undefined {
    const settled = this.#received.settled();
    return settled && this.#isWithin(within, settled);
  }

  async #isWithin(milliseconds: number, settled: Promise<unknown>): Promise<boolean> {
    let timer: Timer | undefined;
    const late = new Promise<false>((resolve) => {
      timer = this.#host.clock.after(milliseconds, () => resolve(false));
    });
    const isSettled = await Promise.race([settled.then(() => true), late]);
    timer?.cancel();
    return isSettled;
  }

  /** Nothing more will come. True if all that came is durable. */
  end(): boolean {
    this.#pass(this.#received.durable);
    return this.#received.isDurable;
  }
}
