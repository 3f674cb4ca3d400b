/** Who may do what: a login grants what it proves. */
import type { Speaker } from '../link/door.ts';
import type { User } from '../registry/types.ts';
import type { BareJid } from '../wire/jid.ts';

/** What a session may do: with one account alone, with all that is the user's, with everything. */
export type Level = 'account' | 'user' | 'admin';

/** Who may run a command or give an argument: everybody, only a session that `unlock` would help, a user, an admin. */
export type Access = 'all' | 'locked' | 'user' | 'admin';

export interface Grant {
  level: Level;
  user: Readonly<User>;
  /** At the level `account`: the only one this session knows of. */
  only: BareJid | undefined;
}

const rank: Record<Level, number> = { account: 0, user: 1, admin: 2 };

export function allowed(access: Access, level: Level): boolean {
  if (access === 'all') return true;
  return access === 'locked' ? level === 'account' : rank[level] >= rank[access];
}

/** `unlocked`: the session has proved the proxy password by `unlock`. */
export function grantOf(speaker: Speaker, user: Readonly<User>, unlocked: boolean): Grant {
  if (speaker.view !== 'identity' || unlocked) return { level: user.admin ? 'admin' : 'user', user, only: undefined };
  // His one account is all he has, and there is no other password to ask for; never enough to be an admin.
  if (isAlone(user)) return { level: 'user', user, only: undefined };
  return { level: 'account', user, only: speaker.bare };
}

/** One account and no proxy password: the account's own password is all there is to prove. */
export const isAlone = (user: Readonly<User>): boolean => user.accounts.length === 1 && user.verifiers === undefined;
