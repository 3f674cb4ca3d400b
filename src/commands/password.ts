/** `password`, `unlock`: the proxy password, changed and proved. */
import type { User } from '../registry/types.ts';
import { lengthOf } from './complete.ts';
import type { Context } from './context.ts';
import { command } from './define.ts';
import { UsageError } from './error.ts';
import { openFor } from './locks.ts';

export const password = command({
  summary: 'set your proxy password',
  access: 'user',
  args: { new: { kind: 'secret', label: 'new proxy password' } },
  words: ['new'],
  example: 'password',
  next: 'I ask for the new one. Your other apps that log in with the old one must log in again.',
  target: (_values, { grant }) => grant.user.name,
  async run({ new: secret }, context) {
    const { user } = context.grant;
    const others = user.verifiers === undefined ? '' : '\nApps that used the old one must log in again.';
    await storePassword(context, user, secret);
    return `Password stored (${lengthOf(secret)}). It is for logins as\n${user.name}@${context.server.domain}${others}`;
  },
});

/** A user's new proxy password: what the old one opened is shut, but for this session. */
export async function storePassword(context: Context, user: Readonly<User>, secret: string): Promise<void> {
  const { registry, sessions, locks, speaker } = context;
  await registry.setUser(user.name, { password: secret });
  const own = user.name === speaker.user;
  locks.closeAll(user.name, own ? speaker.sid : undefined);
  if (own && speaker.view === 'identity') locks.open(speaker.sid, user.name);
  sessions.end({ user: user.name, except: own ? speaker.sid : undefined }, 'The password was changed');
}

export const unlock = command({
  summary: 'prove the proxy password',
  access: 'locked',
  args: { password: { kind: 'secret', label: 'proxy password' } },
  words: ['password'],
  example: 'unlock',
  next: `I ask for your proxy password. Then this app may do all that is yours, for ${openFor / 60_000} minutes.`,
  check(_values, { grant: { user } }) {
    if (user.verifiers === undefined)
      throw new UsageError('There is no proxy password yet. Who runs this proxy can set one.');
  },
  async run({ password: secret }, { grant: { user }, locks, proves, speaker }) {
    locks.guess(user.name);
    if (!(await proves(user.name, secret))) throw new UsageError('That is not the proxy password. Try again: `unlock`');
    locks.open(speaker.sid, user.name);
    return `Unlocked in this app for ${openFor / 60_000} minutes. \`help\` shows what is new.`;
  },
});
