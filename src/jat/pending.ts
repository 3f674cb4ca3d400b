/** A store of which we know what is still being written. */
import type { BareJid } from '../wire/jid.ts';
import type { Kept, KeptKind, ServiceStore } from './types.ts';

export class Pending implements ServiceStore {
  readonly #store: ServiceStore;
  readonly #writing = new Set<Promise<void>>();

  constructor(store: ServiceStore) {
    this.#store = store;
  }

  read(address: BareJid, kind: KeptKind): Promise<Kept[]> {
    return this.#store.read(address, kind);
  }
  put(address: BareJid, kind: KeptKind, key: string, value: string): Promise<void> {
    return this.#noted(this.#store.put(address, kind, key, value));
  }
  remove(address: BareJid, kind: KeptKind, key: string): Promise<void> {
    return this.#noted(this.#store.remove(address, kind, key));
  }
  forget(address: BareJid): Promise<void> {
    return this.#noted(this.#store.forget(address));
  }

  #noted(written: Promise<void>): Promise<void> {
    this.#writing.add(written);
    const over = () => void this.#writing.delete(written);
    written.then(over, over);
    return written;
  }

  /** Everything is written, or has failed. */
  async settled(): Promise<void> {
    while (this.#writing.size > 0) await Promise.allSettled(this.#writing);
  }
}
