/** `user`: people on this proxy; for everybody else, their own settings. */
import type { User } from '../registry/types.ts';
import { command } from './define.ts';
import { count, dateText, page, typed, wrap } from './text.ts';
import type { Group } from './tree.ts';
import { add } from './user-add.ts';
import { del } from './user-del.ts';
import { set } from './user-set.ts';

const list = command({
  summary: 'everybody here',
  access: 'admin',
  args: { page: { kind: 'number', label: 'page', optional: true } },
  words: ['page'],
  example: 'user list',
  next: '● has apps connected, ○ none. `user show bob` tells more.',
  run({ page: number = 1 }, { registry, sessions }) {
    const items = registry.users.map(({ name, admin, accounts }) => {
      const apps = sessions.of(name).length;
      const words = `${name}${admin ? ', admin' : ''}, ${count(accounts.length, 'account')}`;
      return wrap(apps === 0 ? `○ ${words}` : `● ${words}, ${count(apps, 'app')}`).join('\n');
    });
    return page(items, number, (next) => `user list ${next}`);
  },
});

const show = command({
  summary: 'one of them, in full',
  access: 'user',
  args: { user: { kind: 'user', label: 'user', optional: true } },
  words: ['user'],
  example: 'user show',
  next: 'I tell what is set, and the command that sets it.',
  run({ user: named }, { grant, sessions, server }) {
    const user = named ?? grant.user;
    const login = user.verifiers === undefined ? 'no proxy password yet' : `logs in as\n${user.name}@${server.domain}`;
    return [
      `${user.name}${user.admin ? ', admin' : ''}`,
      login,
      `here since ${dateText(user.created)} UTC`,
      `${count(user.accounts.length, 'account')}, ${count(sessions.of(user.name).length, 'app')} connected`,
      'To set it again:',
      again(user, grant.level === 'admin'),
    ].join('\n');
  },
});

function again(user: Readonly<User>, byAdmin: boolean): string {
  const { name, admin, mirror, awayText, autoAway, expiry = 24, backlog, retention, quota } = user;
  const own = {
    mirror,
    away: awayText || 'none',
    autoaway: autoAway ? 'on' : 'off',
    expiry: String(expiry),
    ...numbers({ backlog, retention }),
  };
  if (!byAdmin) return typed('user set', [], own);
  return typed('user set', [name], { ...own, ...numbers({ quota }), admin: admin ? 'yes' : 'no' });
}

/** What is as the server is set need not be said. */
const numbers = (given: Record<string, number | undefined>): Record<string, string | undefined> =>
  Object.fromEntries(Object.entries(given).map(([key, number]) => [key, number?.toString()]));

export const user: Group = { summary: 'people, and your own settings', commands: { add, list, show, set, del } };
