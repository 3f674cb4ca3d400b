/** `server` */
import { command } from './define.ts';
import { count, duration } from './text.ts';
import type { Group } from './tree.ts';

const status = command({
  summary: 'how everything is doing',
  access: 'admin',
  args: {},
  example: 'server status',
  next: 'I count users, accounts and apps.',
  async run(_values, { registry, pool, sessions, server, clock }) {
    // One that does not answer is not to hide the others.
    const asked = await Promise.allSettled(registry.users.map(({ name }) => pool.status(name)));
    const states = asked.flatMap((answer) => (answer.status === 'fulfilled' ? answer.value : []));
    const failed = asked.length - asked.filter(({ status }) => status === 'fulfilled').length;
    const having = (...wanted: string[]): number => states.filter((state) => wanted.includes(state.status)).length;
    const all = registry.users.reduce((sum, { accounts }) => sum + accounts.length, 0);
    const apps = registry.users.reduce((sum, { name }) => sum + sessions.of(name).length, 0);
    const workers = pool.workers();
    return [
      server.domain,
      `xmpproxy ${server.version}, up ${duration(clock.now() - server.startedAt)}`,
      `${count(registry.users.length, 'user')}, ${count(apps, 'app')} connected`,
      `${count(all, 'account')}:`,
      `● ${having('online')} online`,
      `◐ ${having('connecting', 'waiting')} waiting`,
      `✖ ${having('stopped')} stopped`,
      `○ ${having('off')} off`,
      ...(failed === 0 ? [] : [`${count(failed, 'user')} without an answer: see the log`]),
      `workers: ${workers.count}, restarts: ${workers.restarts}`,
      `${Math.round(process.memoryUsage.rss() / 1_048_576)} MiB of memory`,
    ].join('\n');
  },
});

export const server: Group = { summary: 'how it is doing', commands: { status } };
