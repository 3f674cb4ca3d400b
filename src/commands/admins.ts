/** There is always an admin. */
import type { Registry, User } from '../registry/types.ts';
import { UsageError } from './error.ts';

/** Refuses what would take the last admin away. */
export function refuseLastAdmin(users: readonly Readonly<User>[], user: Readonly<User>): void {
  if (user.admin && !users.some(({ name, admin }) => admin && name !== user.name))
    throw new UsageError(`${user.name} is the last admin. Make another one first: \`user set <name> admin=yes\``);
}

/** Who takes an admin away waits for whoever does the same: what was checked holds until it is done. */
export class Admins {
  readonly #registry: Pick<Registry, 'users' | 'user'>;
  #turn: Promise<unknown> = Promise.resolve();

  constructor(registry: Pick<Registry, 'users' | 'user'>) {
    this.#registry = registry;
  }

  /** Rejects with a UsageError if that user is the last admin when the turn has come. */
  without<T>(name: string, act: () => Promise<T>): Promise<T> {
    const done = this.#turn.then(() => {
      const user = this.#registry.user(name);
      if (user !== undefined) refuseLastAdmin(this.#registry.users, user);
      return act();
    });
    this.#turn = done.catch(() => {});
    return done;
  }
}
