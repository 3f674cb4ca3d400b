/** What is remembered of clients beyond their sessions: how each of them gets what it missed. */
import { RecentMap } from '../wire/bounded.ts';
import type { FullJid } from '../wire/jid.ts';
import type { Kept } from './context.ts';

/** Of one client, as kept (JSON). */
export interface Habit {
  /** Enabled carbons in its last session. */
  carbons?: boolean | undefined;
  /** Asked the archive, in any session: it fetches what it missed. */
  mam?: boolean | undefined;
  /** Was here long enough to ask the archive, and did not. */
  plain?: boolean | undefined;
  /** Rooms in which it was in its last session, with the archive's last place when that ended. */
  rooms?: readonly string[] | undefined;
  left?: number | undefined;
  /** The archive's last place when a session of its ended in good order: it will repeat nothing from before. */
  ended?: number | undefined;
}

/** Apps that take another resource each time are forgotten. */
const most = 200;

export class Habits {
  readonly #kept: Kept;
  readonly #habits: Map<string, Habit>;

  constructor(kept: Kept) {
    this.#kept = kept;
    this.#habits = new RecentMap<string, Habit>(most, (_, address) => kept.remove('client', address));
  }

  /** Once; `last`: the archive's last place, at which sessions ended that nobody saw end. */
  async load(last: number): Promise<void> {
    for (const { key, value } of await this.#kept.read('client')) {
      const habit = JSON.parse(value) as Habit;
      this.#habits.set(key, habit.rooms === undefined ? habit : { ...habit, left: habit.left ?? last });
    }
  }

  of(client: FullJid): Habit {
    return this.#habits.get(client) ?? {};
  }

  change(client: FullJid, change: Habit): void {
    const before = this.#habits.get(client);
    const habit = { ...before, ...change };
    const text = JSON.stringify(habit);
    this.#habits.set(client, habit);
    if (text !== JSON.stringify(before ?? {})) this.#kept.put('client', client, text);
  }
}
