/** What service addresses are joined to, in memory: the clock moved by hand, a store that can fail, ways that keep what goes out. */
import type { Kept, ServiceStore, Way } from '../../src/jat/types.ts';
import type { BareJid } from '../../src/wire/jid.ts';
import type { Stanza } from '../../src/wire/stanza.ts';
import { StillClock } from './clock.ts';

/** Time stands until somebody moves it. */
export class HandClock extends StillClock {
  constructor() {
    super(1_000_000_000);
  }
}

/** Kept in memory; `hold()` makes writes wait, `fail()` makes them fail. */
export class MemoryStore implements ServiceStore {
  readonly kept = new Map<string, Map<string, string>>();
  #gate: Promise<void> = Promise.resolve();
  #release = () => {};
  #broken = false;

  hold(): void {
    this.#gate = new Promise((resolve) => {
      this.#release = resolve;
    });
  }
  release(): void {
    this.#release();
  }
  fail(isBroken = true): void {
    this.#broken = isBroken;
  }
  async #write(act: () => void): Promise<void> {
    await this.#gate;
    if (this.#broken) throw new Error('disk full');
    act();
  }
  #of(address: string, kind: string): Map<string, string> {
    const key = `${address} ${kind}`;
    const found = this.kept.get(key) ?? new Map<string, string>();
    this.kept.set(key, found);
    return found;
  }
  async read(address: BareJid, kind: string): Promise<Kept[]> {
    if (this.#broken) throw new Error('damaged');
    return [...this.#of(address, kind)].map(([key, value]) => ({ key, value }));
  }
  put(address: BareJid, kind: string, key: string, value: string): Promise<void> {
    return this.#write(() => this.#of(address, kind).set(key, value));
  }
  remove(address: BareJid, kind: string, key: string): Promise<void> {
    return this.#write(() => this.#of(address, kind).delete(key));
  }
  forget(address: BareJid): Promise<void> {
    return this.#write(() => {
      for (const key of this.kept.keys()) if (key.startsWith(`${address} `)) this.kept.delete(key);
    });
  }
}

/** Keeps what went out by it. */
export class TestWay implements Way {
  readonly name: string;
  isUp = true;
  /** Throws, as a fault of ours would. */
  isFaulty = false;
  readonly sent: Stanza[] = [];
  constructor(name: string) {
    this.name = name;
  }
  send(stanza: Stanza): boolean {
    if (this.isFaulty) throw new Error('fault');
    if (this.isUp) this.sent.push(stanza);
    return this.isUp;
  }
}
