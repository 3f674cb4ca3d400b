/**
 * Old messages go: those older than the user wants to keep, and the oldest of an archive that takes more than it may. What an app
 * that is known has yet to get stays (a cursor lasts 90 days at most), and so does what waits for the server, which is kept apart.
 */
import type { Selection, Store } from '../archive/types.ts';
import type { Log } from '../hub/context.ts';
import { type Cursor, longest } from '../hub/cursors.ts';
import type { BareJid } from '../wire/jid.ts';

/** The first time after the start, when accounts have logged in; then once a day. Milliseconds. */
const soon = 60_000;
const day = 86_400_000;
/** So many messages go at once where there is too much. */
const bite = 500;

export interface Limits {
  user: string;
  accounts: readonly BareJid[];
  /** Milliseconds, octets; 0: no limit. */
  retention: number;
  quota: number;
}

export class Retention {
  readonly #store: Store;
  readonly #log: Log;
  /** The oldest messages of that account were deleted. */
  readonly #trimmed: (account: BareJid) => void;
  #limits: Limits;
  #timer: NodeJS.Timeout | undefined;
  #running: Promise<void> | undefined;
  #isWanted = false;
  #isOver = false;

  constructor(store: Store, limits: Limits, log: Log, trimmed: (account: BareJid) => void = () => {}) {
    this.#store = store;
    this.#limits = limits;
    this.#log = log;
    this.#trimmed = trimmed;
    this.#timer = setTimeout(() => void this.run(), soon);
  }

  /** They hold from now on. */
  set limits(limits: Limits) {
    const { retention, quota } = this.#limits;
    this.#limits = limits;
    if (retention !== limits.retention || quota !== limits.quota) void this.run();
  }

  /** Deletes what is to go; at most once at a time, and once more where it is wanted meanwhile. */
  run(): Promise<void> {
    this.#isWanted = true;
    this.#running ??= this.#runAll().finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }

  async #runAll(): Promise<void> {
    clearTimeout(this.#timer);
    while (this.#isWanted && !this.#isOver) {
      this.#isWanted = false;
      await this.#run();
    }
    if (!this.#isOver) this.#timer = setTimeout(() => void this.run(), day);
  }

  async #run(): Promise<void> {
    const { user, accounts, retention, quota } = this.#limits;
    try {
      let count = 0;
      if (retention > 0) for (const account of accounts) count += await this.#expire(account, retention);
      if (quota > 0) count += await this.#shrink(accounts, quota);
      if (count > 0) this.#log.info('old messages were deleted', { user, count });
    } catch (error) {
      if (!this.#isOver) this.#log.error('old messages were not deleted', { user, error: String(error) });
    }
  }

  /** Age is counted from the newest message where the clock is ahead of it: one that was set wrong must not delete everything. */
  async #expire(account: BareJid, retention: number): Promise<number> {
    const { messages } = this.#store;
    const [newest] = (await messages.page(account, {}, 1, true)).messages;
    if (newest === undefined) return 0;
    const end = Math.min(Date.now(), newest.at + day) - retention;
    return this.#forget(account, { ...(await this.#had(account)), end });
  }

  async #shrink(accounts: readonly BareJid[], quota: number): Promise<number> {
    let count = 0;
    while (!this.#isOver && (await this.#store.size()) > quota) {
      const oldest = await this.#oldest(accounts);
      if (oldest === undefined) break;
      count += await this.#forget(oldest.account, { before: oldest.upTo + 1 });
    }
    return count;
  }

  async #forget(account: BareJid, selection: Selection): Promise<number> {
    const count = await this.#store.messages.forget(account, selection);
    if (count > 0) this.#trimmed(account);
    return count;
  }

  /** The account that has the oldest message that may go, and how far a bite of them reaches. */
  async #oldest(accounts: readonly BareJid[]): Promise<{ account: BareJid; upTo: number } | undefined> {
    let found: { account: BareJid; upTo: number; at: number } | undefined;
    for (const account of accounts) {
      const { messages } = await this.#store.messages.page(account, await this.#had(account), bite);
      const [first] = messages;
      if (first === undefined || (found !== undefined && found.at <= first.at)) continue;
      found = { account, upTo: messages.at(-1)!.place, at: first.at };
    }
    return found;
  }

  /** What every known app has, or need not get. */
  async #had(account: BareJid): Promise<Selection> {
    const cursors = await this.#store.read(account, 'cursor');
    const oldest = Date.now() - longest;
    const lasting = cursors.map(({ value }) => JSON.parse(value) as Cursor).filter(({ at }) => at >= oldest);
    const places = lasting.map(({ place }) => place);
    return places.length === 0 ? {} : { before: Math.min(...places) + 1 };
  }

  /** Nothing is begun any more. */
  close(): void {
    this.#isOver = true;
    clearTimeout(this.#timer);
  }
}
