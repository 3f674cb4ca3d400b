/** There is always an admin. */
import type { User } from '../registry/types.ts';
import { UsageError } from './error.ts';

/** Refuses what would take the last admin away. */
export function refuseLastAdmin(users: readonly Readonly<User>[], user: Readonly<User>): void {
  if (user.admin && !users.some(({ name, admin }) => admin && name !== user.name))
    throw new UsageError(`${user.name} is the last admin. Make another one first: \`user set <name> admin=yes\``);
}
