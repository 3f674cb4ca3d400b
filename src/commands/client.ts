/** `client`: the apps that are logged in, and out with them. */
import type { User } from '../registry/types.ts';
import type { Client, Context } from './context.ts';
import { command } from './define.ts';
import { UsageError } from './error.ts';
import { count, duration, page, typed, wrap } from './text.ts';
import type { Group } from './tree.ts';
import { visible } from './words.ts';

interface Numbered extends Client {
  number: number;
  /** What the app calls itself. */
  resource: string;
}

/** Those that this session may know of. */
function clientsOf({ grant, sessions, numbers }: Context, user: Readonly<User>): Numbered[] {
  const seen = sessions.of(user.name).filter(({ bare }) => grant.only === undefined || bare === grant.only);
  const given = numbers.ofClients(
    user,
    grant.only,
    seen.map(({ sid }) => sid),
  );
  return seen.map((client) => {
    const resource = client.address.slice(client.bare.length + 1);
    return { ...client, number: given.get(client.sid)!, resource };
  });
}

const list = command({
  summary: 'apps that are logged in',
  access: 'all',
  args: {
    user: { kind: 'user', label: 'user', optional: true, access: 'admin' },
    page: { kind: 'number', label: 'page', optional: true },
  },
  words: ['user'],
  example: 'client list',
  next: '● is connected, ◐ may come back. To log one out: `client kick 1`',
  run({ user: named, page: number = 1 }, context) {
    const user = named ?? context.grant.user;
    const items = clientsOf(context, user).map((client) => describe(client, user, context));
    if (items.length === 0) return `No app of ${user.name} is logged in.`;
    const whose = named === undefined ? [] : [named.name];
    return page(items, number, (next) => typed('client list', whose, { page: String(next) }), 6);
  },
});

function describe(client: Numbered, user: Readonly<User>, { speaker, clock }: Context): string {
  const { number, resource, sid, connected, secure, mechanism, remote, since } = client;
  const own = sid === speaker.sid ? ' (this app)' : '';
  const facts = [loginOf(client, user), `for ${duration(clock.now() - since)}`, secure ? 'TLS' : 'no TLS', mechanism];
  return [
    ...wrap(`${connected ? '●' : '◐'} ${number} ${resource}${own}`),
    ...wrap(`${facts.join(', ')},`),
    `from ${remote}`,
  ].join('\n');
}

/** What it logged in to. */
function loginOf({ view, bare }: Client, { accounts }: Readonly<User>): string {
  if (view === 'merged') return 'all accounts';
  if (view === 'identity') return accounts.find(({ jid }) => jid === bare)?.label ?? bare;
  return bare.slice(0, bare.indexOf('@'));
}

const kick = command({
  summary: 'log an app out',
  access: 'all',
  args: {
    client: { kind: 'text', label: 'app (number or name in `client list`)' },
    user: { kind: 'user', label: 'user', optional: true, access: 'admin' },
  },
  words: ['client', 'user'],
  example: 'client kick 2',
  next: 'Its session ends at once. It may log in again while it knows the password.',
  check({ client, user }, context) {
    if (client !== undefined) find(client, user ?? context.grant.user, context);
  },
  target: ({ client, user }, context) => find(client, user ?? context.grant.user, context).address,
  run({ client, user: named }, context) {
    const { grant, sessions, tell } = context;
    const user = named ?? grant.user;
    const found = find(client, user, context);
    const { sid, resource } = found;
    const others = user.name !== grant.user.name;
    return {
      text: `${resource} is logged out. It may log in again by itself.\n${keepOut(found, user, context)}`,
      after() {
        sessions.kick(sid, 'Logged out by the command client kick');
        if (others) tell(user.name, `${grant.user.name} (admin) logged your app ${resource} out.`);
      },
    };
  },
});

/** What keeps it from logging in again: another password of the kind that it used. */
function keepOut({ view, bare }: Client, user: Readonly<User>, { grant }: Context): string {
  if (view === 'identity') {
    const label = user.accounts.find(({ jid }) => jid === bare)?.label ?? bare;
    const owner = user.name === grant.user.name ? '' : ` (${user.name} can)`;
    const command = typed('account set', [label, 'password']);
    return `To keep it out, change the password of that account at its own server, then here${owner}: \`${command}\``;
  }
  const command = user.name === grant.user.name ? 'password' : typed('user set', [user.name, 'password']);
  return `To keep it out, change the proxy password: \`${command}\``;
}

/** By number, resource, full address, or the unique start of a resource. */
function find(text: string, user: Readonly<User>, context: Context): Numbered {
  const word = visible(text).trim();
  const lower = word.toLowerCase();
  const tests: ((client: Numbered) => boolean)[] = [
    ({ number }) => word === String(number),
    ({ resource, address }) => word === resource || word === address,
    ({ resource }) => resource.toLowerCase() === lower,
    ({ resource }) => resource.toLowerCase().startsWith(lower),
  ];
  const clients = clientsOf(context, user);
  const all = `\`${typed('client list', user.name === context.grant.user.name ? [] : [user.name])}\``;
  for (const test of tests) {
    const found = clients.filter(test);
    if (found.length === 1) return found[0]!;
    const numbers = found.map(({ number }) => number).join(', ');
    if (found.length > 1)
      throw new UsageError(`${count(found.length, 'app')} fit: ${numbers}. ${all} tells which is which.`);
  }
  throw new UsageError(`No such app is logged in. ${all} shows all.`);
}

export const client: Group = { summary: 'apps that are logged in', commands: { list, kick } };
