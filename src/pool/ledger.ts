/** What of a client's stanza would be lost with the thread: noted while the stanza is worked on, gone when server or disk has it. */
import type { Store } from '../archive/types.ts';
import type { CoreSession } from '../upstream/types.ts';

export class Ledger {
  /** Of the stanza that is worked on now. */
  #risks: Promise<unknown>[] | undefined;
  /** The store's last write; what was written before it is durable no later. */
  #written: Promise<unknown> = Promise.resolve();

  /** What has to end before nothing of what `act` did can be lost. */
  during(act: () => void): Promise<unknown> | undefined {
    const risks: Promise<unknown>[] = [];
    this.#risks = risks;
    try {
      act();
    } finally {
      this.#risks = undefined;
    }
    return risks.length === 0 ? undefined : Promise.allSettled(risks);
  }

  core(core: CoreSession): CoreSession {
    return {
      get status() {
        return core.status;
      },
      get address() {
        return core.address;
      },
      start: () => core.start(),
      send: (text) => {
        const isSent = core.send(text);
        // what the server never acknowledges comes back, and is kept in the store
        if (isSent) this.#risks?.push(core.acknowledged().then(() => this.#written));
        return isSent;
      },
      setInactive: (inactive) => core.setInactive(inactive),
      acknowledged: () => core.acknowledged(),
      stop: (within) => core.stop(within),
    };
  }

  store(store: Store): Store {
    const noted = <T>(written: Promise<T>): Promise<T> => {
      this.#written = written.catch(() => {}); // whoever wrote is told
      this.#risks?.push(this.#written);
      return written;
    };
    const { messages } = store;
    return {
      messages: {
        add: (...words) => noted(messages.add(...words)),
        alias: (...words) => noted(messages.alias(...words)),
        find: (...words) => messages.find(...words),
        page: (...words) => messages.page(...words),
        count: (...words) => messages.count(...words),
        extent: (...words) => messages.extent(...words),
        forget: (...words) => noted(messages.forget(...words)),
      },
      get trouble() {
        return store.trouble;
      },
      set onTrouble(tell: Store['onTrouble']) {
        store.onTrouble = tell;
      },
      get onTrouble() {
        return store.onTrouble;
      },
      settled: () => store.settled(),
      size: () => store.size(),
      note: (...words) => noted(store.note(...words)),
      read: (...words) => store.read(...words),
      put: (...words) => noted(store.put(...words)),
      remove: (...words) => noted(store.remove(...words)),
      forget: (...words) => noted(store.forget(...words)),
      close: () => store.close(),
    };
  }
}
