/** How many logins at once a domain gets from us: its operator sees one address of ours, however many accounts we have there. */

interface Door {
  inside: number;
  /** The last attempt came to nothing: one at a time until one succeeds. */
  narrow: boolean;
  queue: (() => void)[];
}

/** How an attempt ended; `undefined`: it was given up by ourselves. */
export type Outcome = 'ok' | 'failed' | undefined;

/** For one domain, whatever accounts we have there. */
const widest = 4;

/** How wide the gate of one of so many threads is: each has its own, and together they are one to the domain. */
export const shareOf = (threads: number): number => Math.max(1, Math.floor(widest / threads));

export class DomainGate {
  readonly #doors = new Map<string, Door>();
  readonly #wide: number;

  constructor(wide = widest) {
    this.#wide = wide;
  }

  /** Resolves when it is our turn, first come first served; call the result once when the attempt is over. Rejects when `signal` aborts. */
  async enter(domain: string, signal: AbortSignal): Promise<(outcome: Outcome) => void> {
    signal.throwIfAborted();
    const door = this.#door(domain);
    if (door.queue.length > 0 || !this.#free(door)) await turn(door, signal);
    else door.inside++;
    let left = false;
    return (outcome) => {
      if (left) return;
      left = true;
      door.inside--;
      if (outcome !== undefined) door.narrow = outcome === 'failed';
      this.#admit(door);
      if (door.inside === 0 && !door.narrow) this.#doors.delete(domain);
    };
  }

  #door(domain: string): Door {
    let door = this.#doors.get(domain);
    if (door === undefined) {
      this.#forget();
      door = { inside: 0, narrow: false, queue: [] };
      this.#doors.set(domain, door);
    }
    return door;
  }

  #free({ inside, narrow }: Door): boolean {
    return inside < (narrow ? 1 : this.#wide);
  }

  #admit(door: Door): void {
    while (door.queue.length > 0 && this.#free(door)) {
      door.inside++;
      door.queue.shift()!();
    }
  }

  /** Domains that anybody may name (trial logins) must not fill the memory. */
  #forget(): void {
    if (this.#doors.size < 1000) return;
    for (const [domain, { inside, queue }] of this.#doors)
      if (inside === 0 && queue.length === 0) this.#doors.delete(domain);
  }
}

/** Waits in the queue; who admits has counted us in already. */
function turn(door: Door, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const giveUp = () => {
      door.queue.splice(door.queue.indexOf(admitted), 1);
      reject(signal.reason);
    };
    const admitted = () => {
      signal.removeEventListener('abort', giveUp);
      resolve();
    };
    door.queue.push(admitted);
    signal.addEventListener('abort', giveUp, { once: true });
  });
}
