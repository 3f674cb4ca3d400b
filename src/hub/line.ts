/** What all parts of a hub share: its line to the server, its clients, its archive, and what waits for its time. */
import { domainOf, type FullJid } from '../wire/jid.ts';
import { Archive } from './archive.ts';
import { Clients } from './clients.ts';
import { type Context, keptOf } from './context.ts';
import type { HubOptions } from './parts.ts';

export interface Line {
  /** Ours at the server; undefined before the first login. */
  address: FullJid | undefined;
  isOnline: boolean;
  /** Nothing is taken any more, and nothing goes out. */
  isClosed: boolean;
}

/** Runs it once, later; gives what takes it back. */
export type Later = (milliseconds: number, run: () => void) => () => void;

/** With the clock of the machine. */
export const after: Later = (milliseconds, run) => {
  const timer = setTimeout(run, milliseconds);
  return () => clearTimeout(timer);
};

/** What is to be done later, unless all of it is taken back. */
export class Agenda {
  readonly #later: Later;
  readonly #cancels = new Set<() => void>();

  constructor(later: Later) {
    this.#later = later;
  }

  add(milliseconds: number, run: () => void): void {
    const cancel = this.#later(milliseconds, () => {
      this.#cancels.delete(cancel);
      run();
    });
    this.#cancels.add(cancel);
  }

  clear(): void {
    for (const cancel of this.#cancels) cancel();
  }
}

/** The context of a new hub. */
export function contextOf(options: HubOptions, line: Line, agenda: Agenda, postpone: Context['postpone']): Context {
  const { account, settings, outlet, log, store } = options;
  const now = options.now ?? Date.now;
  const kept = keptOf(store, account, log);
  return {
    account,
    server: domainOf(account),
    settings,
    clients: new Clients(),
    outlet,
    up: {
      address: () => line.address ?? account,
      online: () => line.isOnline,
      send: (text) => line.isOnline && options.send(text) !== undefined,
      post: (text) => (line.isOnline ? options.send(text) : undefined) ?? 0,
      setInactive: (inactive) => options.setInactive?.(inactive),
    },
    kept,
    archive: new Archive({
      ...{ account, kept, log, now },
      messages: store.messages,
      trouble: () => store.trouble,
      core: () => line.address,
    }),
    log,
    tell: (text) => options.tell?.(text),
    postpone,
    now,
    later: (milliseconds, run) => agenda.add(milliseconds, run),
  };
}
