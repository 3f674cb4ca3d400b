/** `account`: list, show, on, off; the others stand in files of their own. */
import type { AccountState, Reach } from '../link/link.ts';
import type { AccountRecord, User } from '../registry/types.ts';
import { add } from './account-add.ts';
import { del } from './account-del.ts';
import { set } from './account-set.ts';
import { trust } from './account-trust.ts';
import type { Context } from './context.ts';
import { command, noAccount } from './define.ts';
import { advise, explain } from './failure.ts';
import { count, dateText, fingerprintText, page, typed, wrap } from './text.ts';
import type { Group } from './tree.ts';

const signs: Record<AccountState['status'], string> = {
  online: '●',
  connecting: '◐',
  waiting: '◐',
  stopped: '✖',
  off: '○',
};

const list = command({
  summary: 'all of them, in short',
  access: 'user',
  args: { page: { kind: 'number', label: 'page', optional: true } },
  words: ['page'],
  example: 'account list',
  next: '● is online, ◐ connecting, ✖ stopped, ○ off. `account show 1` tells more.',
  async run({ page: number = 1 }, { grant: { user }, pool, numbers }) {
    if (user.accounts.length === 0) return noAccount;
    const states = await pool.status(user.name);
    const items = user.accounts.map((account) => {
      const state = states.find(({ jid }) => jid === account.jid);
      const apps = state === undefined || state.clients === 0 ? '' : `, ${count(state.clients, 'app')}`;
      const status = statusOf(account, state);
      const words = `${signs[status]} ${numbers.of(user, account.jid)} ${account.label}: ${status}${apps}`;
      return [...wrap(words), account.jid].join('\n');
    });
    return page(items, number, (next) => `account list ${next}`, 10);
  },
});

/** A unit that has not told yet is connecting. */
const statusOf = (account: Readonly<AccountRecord>, state: AccountState | undefined): AccountState['status'] =>
  account.enabled ? (state?.status ?? 'connecting') : 'off';

const show = command({
  summary: 'one of them, in full',
  access: 'all',
  args: { account: { kind: 'account', label: 'account' } },
  words: ['account'],
  example: 'account show work',
  next: 'I tell how it is doing, what is set, and the command that would add it again.',
  async run({ account }, context) {
    const { grant, pool, numbers } = context;
    const state = (await pool.status(grant.user.name)).find(({ jid }) => jid === account.jid);
    const number = grant.only === undefined ? ` (account ${numbers.of(grant.user, account.jid)})` : '';
    const lines = [...wrap(`${account.label}${number}`), account.jid, doing(account, state), ...settings(account)];
    const reach = pool.reach(grant.user.name, { accounts: [account.jid], peer: null });
    lines.push(...kept(await reach.catch(() => undefined)));
    if (state !== undefined) lines.push(`${count(state.contacts, 'contact')}, ${count(state.clients, 'app')}`);
    if (account.enabled && state?.failure !== undefined && state.status !== 'online')
      lines.push(
        explain(state.failure, account.jid),
        advise(state.failure, {
          jid: account.jid,
          label: account.label,
          admin: grant.level === 'admin',
          locked: grant.level === 'account',
        }),
      );
    if (grant.level !== 'account') lines.push('To add it again:', again(account, grant.user));
    return lines.join('\n');
  },
});

function doing(account: Readonly<AccountRecord>, state: AccountState | undefined): string {
  const status = statusOf(account, state);
  return state === undefined || state.status !== status ? status : `${status} since ${dateText(state.since)} UTC`;
}

/** How far the archive reaches, and what waits to be sent. */
function kept(reach: Reach | undefined): string[] {
  if (reach === undefined) return ['its archive cannot be read now'];
  const { messages, first, waiting } = reach;
  const since = first === null ? '' : ` since ${dateText(first).slice(0, 10)}`;
  const lines = [messages === 0 ? 'no message kept yet' : `${count(messages, 'message')} kept${since}`];
  if (waiting > 0) lines.push(`${count(waiting, 'message')} to be sent`);
  return lines;
}

function settings({ route, pin }: Readonly<AccountRecord>): string[] {
  return [
    ...wrap(`server: ${route || 'found by its name'}`),
    pin ? `certificate: trusted is only\n${fingerprintText(pin)}` : 'certificate: as CAs vouch',
  ];
}

/** The command that makes it anew, without its secret. */
function again({ jid, label, route, pin }: Readonly<AccountRecord>, { admin }: Readonly<User>): string {
  return typed('account add', [jid], { label, host: admin ? route : undefined, trust: pin });
}

const on = command({
  summary: 'connect it, or try again now',
  access: 'user',
  args: { account: { kind: 'account', label: 'account' } },
  words: ['account'],
  example: 'account on work',
  next: 'It logs in to its server and stays there.',
  target: ({ account }) => account.jid,
  async run({ account }, context) {
    const state = (await context.pool.status(context.grant.user.name)).find(({ jid }) => jid === account.jid);
    if (account.enabled && state?.status === 'online') return `${account.label} is online already.`;
    // What has stopped, or waits for its next try, starts anew only as a change.
    if (account.enabled) await enable(context, account, false);
    await enable(context, account, true);
    return `${account.label} connects. \`${typed('account show', [account.label])}\` tells how it goes.`;
  },
});

const off = command({
  summary: 'disconnect, keep settings',
  access: 'user',
  args: { account: { kind: 'account', label: 'account' } },
  words: ['account'],
  example: 'account off work',
  next: 'It leaves its server until you say `account on work`.',
  target: ({ account }) => account.jid,
  async run({ account }, context) {
    if (!account.enabled) return `${account.label} is off already.`;
    await enable(context, account, false);
    return `${account.label} is off. To connect again: \`${typed('account on', [account.label])}\``;
  },
});

async function enable(
  { registry, pool, grant }: Context,
  { jid }: Readonly<AccountRecord>,
  enabled: boolean,
): Promise<void> {
  await registry.setAccount(jid, { enabled });
  await pool.refresh(grant.user.name);
}

export const account: Group = {
  summary: 'your XMPP accounts',
  commands: { add, list, show, set, on, off, trust, del },
};
