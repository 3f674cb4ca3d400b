/** `user set` */
import { refuseLastAdmin } from './admins.ts';
import { lengthOf } from './complete.ts';
import type { Context } from './context.ts';
import { command, type Values } from './define.ts';
import { defined } from './defined.ts';
import { UsageError } from './error.ts';
import { storePassword } from './password.ts';
import { count, dateText } from './text.ts';

/** A month. */
const mostHours = 720;
/** Messages, days and MiB. */
const limits = { backlog: 10_000, retention: 36_500, quota: 1_000_000 } as const;
const day = 86_400_000;
const mebi = 2 ** 20;

const args = {
  user: { kind: 'user', label: 'user', optional: true },
  mirror: { kind: 'choice', of: ['inline', 'log', 'off'], label: 'mirror', optional: true },
  away: { kind: 'text', label: 'text while away', optional: true },
  autoaway: { kind: 'choice', of: ['on', 'off'], label: 'auto-away', optional: true },
  expiry: { kind: 'number', label: 'hours that a message waits for a server', optional: true },
  backlog: { kind: 'number', label: 'messages that a new app gets', optional: true },
  retention: { kind: 'number', label: 'days that messages are kept', optional: true },
  quota: { kind: 'number', label: 'MiB that the archive may take', optional: true, access: 'admin' },
  admin: { kind: 'choice', of: ['yes', 'no'], label: 'admin', optional: true, access: 'admin' },
  password: { kind: 'secret', label: 'new proxy password', optional: true },
} as const;

export const set = command({
  summary: 'change settings',
  access: 'user',
  args,
  words: ['user'],
  example: 'user set mirror=log away="Back soon"',
  next: 'mirror: for apps without carbons. `away=none`: no text. expiry: hours to wait for a server. backlog: messages for a new app. retention: days to keep messages, 0 for ever.',
  check({ user, admin, expiry, ...numbers }, { registry, grant }) {
    if (admin === 'no') refuseLastAdmin(registry.users, user ?? grant.user);
    if (expiry !== undefined && (expiry < 1 || expiry > mostHours))
      throw new UsageError(`expiry: 1 to ${mostHours} hours.`);
    for (const [key, most] of Object.entries(limits))
      if ((numbers[key as keyof typeof limits] ?? 0) > most) throw new UsageError(`${key}: at most ${most}.`);
  },
  target: ({ user, password, ...changes }, { grant }) =>
    [user?.name ?? grant.user.name, ...Object.keys(defined({ ...changes, password }))].join(' '),
  async run(values, context) {
    const { user: _, ...changes } = values;
    if (Object.keys(defined(changes)).length === 0)
      throw new UsageError('What shall I change? `help user set` tells how it is written.');
    const loss = await lossOf(values, context);
    if (loss.length === 0) return apply(values, context);
    return {
      text: [...loss, 'To keep a copy first: `history export`'].join('\n'),
      async confirm() {
        const { grant, registry } = context;
        if (grant.level === 'admin' && registry.user(grant.user.name)?.admin !== true)
          throw new UsageError('You are no admin any more.');
        return apply(values, context);
      },
    };
  },
});

/** What is deleted at once if so little is kept. */
async function lossOf({ user, retention, quota }: Values<typeof args>, context: Context): Promise<string[]> {
  if (!retention && !quota) return [];
  const { grant, pool, clock } = context;
  const { name, accounts } = user ?? grant.user;
  const reach = await pool.reach(name, { accounts: accounts.map(({ jid }) => jid), peer: null }).catch(() => undefined);
  if (reach === undefined) return ['The archive cannot be read now. This may delete messages in it, for good.'];
  const { first, size } = reach;
  const lines: string[] = [];
  if (retention && first !== null && first < clock.now() - retention * day)
    lines.push(
      `This deletes messages older than ${count(retention, 'day')}, for good. The oldest is of ${dateText(first).slice(0, 10)}.`,
    );
  if (quota && size > quota * mebi)
    lines.push(
      `This deletes the oldest messages, for good: the archive takes ${Math.ceil(size / mebi)} MiB, and may take ${quota}.`,
    );
  return lines;
}

async function apply(values: Values<typeof args>, context: Context): Promise<string> {
  const { mirror, away, autoaway, expiry, backlog, retention, quota, admin, password } = values;
  const { registry, pool, grant, tell, admins } = context;
  const user = values.user ?? grant.user;
  const change = defined({
    mirror,
    awayText: away?.trim().toLowerCase() === 'none' ? '' : away,
    autoAway: autoaway === undefined ? undefined : autoaway === 'on',
    expiry,
    backlog,
    retention,
    quota,
    admin: admin === undefined ? undefined : admin === 'yes',
  });
  const names = [
    ...Object.keys(defined({ mirror, away, autoaway, expiry, backlog, retention, quota, admin })),
    ...(password === undefined ? [] : ['password']),
  ];
  if (Object.keys(change).length > 0) {
    const set = () => registry.setUser(user.name, change);
    await (admin === 'no' ? admins.without(user.name, set) : set());
    await pool.refresh(user.name);
  }
  if (password !== undefined) await storePassword(context, user, password);
  if (user.name !== grant.user.name)
    tell(user.name, `${grant.user.name} (admin) changed your settings: ${names.join(', ')}.`);
  return done(user.name, values, context);
}

function done(
  name: string,
  { mirror, away, autoaway, expiry, backlog, retention, quota, admin, password }: Values<typeof args>,
  { grant }: Context,
): string {
  const lines = [name === grant.user.name ? 'Changed.' : `Changed for ${name}.`];
  if (mirror !== undefined) lines.push(`mirror: ${mirror}`);
  if (away !== undefined) lines.push(`away: ${away}`);
  if (autoaway !== undefined) lines.push(`auto-away: ${autoaway}`);
  if (expiry !== undefined) lines.push(`expiry: ${expiry} hours`);
  if (backlog !== undefined) lines.push(`backlog: ${count(backlog, 'message')}`);
  if (retention !== undefined) lines.push(`retention: ${retention === 0 ? 'for ever' : count(retention, 'day')}`);
  if (quota !== undefined) lines.push(`quota: ${quota === 0 ? 'no limit' : `${quota} MiB`}`);
  if (admin !== undefined) lines.push(`admin: ${admin}`);
  if (password !== undefined) lines.push(`Password stored (${lengthOf(password)}).`);
  return lines.join('\n');
}
