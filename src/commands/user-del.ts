/** `user del` */
import type { User } from '../registry/types.ts';
import { refuseLastAdmin } from './admins.ts';
import type { Context } from './context.ts';
import { command } from './define.ts';
import { UsageError } from './error.ts';
import { count } from './text.ts';

export const del = command({
  summary: 'remove somebody',
  access: 'admin',
  args: { user: { kind: 'user', label: 'user' } },
  words: ['user'],
  example: 'user del bob',
  next: 'I name what is lost and ask for a code. The accounts at their own servers stay as they are.',
  check({ user }, { grant, registry }) {
    if (user === undefined) return;
    if (user.name === grant.user.name) throw new UsageError('You cannot remove yourself. Another admin can.');
    refuseLastAdmin(registry.users, user);
  },
  target: ({ user }) => user.name,
  run({ user }, context) {
    const accounts = user.accounts.map(({ jid }) => jid);
    const text = [
      `This removes ${user.name} and ${count(accounts.length, 'account')} from this proxy:`,
      ...accounts.slice(0, 10),
      ...(accounts.length > 10 ? [`…and ${accounts.length - 10} more`] : []),
      `passwords, settings and what is kept; ${count(context.sessions.of(user.name).length, 'app')} logged out.`,
    ].join('\n');
    return { text, confirm: () => remove(user.name, context) };
  },
});

/** Account by account, so that a unit that still runs forgets what it keeps. */
async function remove(name: string, { registry, pool, sessions, numbers, locks, admins }: Context): Promise<string> {
  const user: Readonly<User> | undefined = registry.user(name);
  if (user === undefined) throw new UsageError(`${name} is gone already.`);
  if (user.admin) await admins.without(name, () => registry.setUser(name, { admin: false }));
  for (const { jid } of [...user.accounts]) {
    await registry.removeAccount(jid);
    await pool.refresh(name);
    await pool.forget(name, jid);
    sessions.end({ account: jid }, 'The account was removed from this proxy');
  }
  await registry.removeUser(name);
  sessions.end({ user: name }, 'The user was removed from this proxy');
  await pool.drop(name);
  numbers.forget(name);
  locks.closeAll(name);
  return `${name} is removed.`;
}
