/** `account set` */
import { lengthOf } from './complete.ts';
import type { Context } from './context.ts';
import { command, type Values } from './define.ts';
import { defined } from './defined.ts';
import { UsageError } from './error.ts';
import { readFingerprint } from './kinds.ts';
import { routeText } from './route.ts';
import { typed } from './text.ts';
import { tryAccount, wholeFingerprint } from './trial.ts';

const args = {
  account: { kind: 'account', label: 'account' },
  password: { kind: 'secret', label: "account's password", optional: true },
  label: { kind: 'text', label: 'short name', optional: true, access: 'user' },
  pin: { kind: 'text', label: 'fingerprint', optional: true, access: 'user' },
  host: { kind: 'text', label: 'server', optional: true, access: 'admin' },
} as const;

export const set = command({
  summary: 'change its settings',
  access: 'all',
  args,
  words: ['account'],
  example: 'account set work password',
  next: 'I try the login first and change nothing if it fails. The value `none` takes pin or host away.',
  check({ account, label, pin, host }, { registry, grant: { user } }) {
    if (host !== undefined) orNone(host, routeText);
    if (pin !== undefined) orNone(pin, readFingerprint);
    if (label === undefined || label === account?.label) return;
    const why = registry.taken({ label, for: user.name });
    if (why === undefined) return;
    const another = typed('account set', account === undefined ? [] : [account.label], { label: '…', pin, host });
    throw new UsageError(`${why} Give another: \`${another}\``);
  },
  target: ({ account }) => account.jid,
  async run(values, context) {
    const { account, password, label, pin, host } = values;
    const { registry, pool, sessions, speaker, grant } = context;
    if ([password, label, pin, host].every((value) => value === undefined)) throw nothingGiven(values, context);
    const trusted = await tryChange(values, context);
    const route = host === undefined ? undefined : orNone(host, routeText);
    const refused = password === undefined ? undefined : false;
    await registry.setAccount(account.jid, defined({ label, password, refused, route, pin: trusted }));
    await pool.refresh(grant.user.name);
    if (password !== undefined)
      sessions.end({ account: account.jid, except: speaker.sid }, "The account's password was changed");
    return done(values, trusted, context);
  },
});

/** Tries what decides whether a login works; answers the pin to store, undefined if it stays. */
async function tryChange(values: Values<typeof args>, context: Context): Promise<string | undefined> {
  const { account, password, label, pin, host } = values;
  const trust = pin === undefined ? account.pin : orNone(pin, readFingerprint);
  if (!account.enabled) return pin === undefined ? undefined : wholePin(trust ?? '');
  if (password === undefined && pin === undefined && host === undefined) return undefined;
  const route = host === undefined ? account.route : orNone(host, routeText);
  const trial = {
    jid: account.jid,
    password: password ?? context.registry.secretOf(account.jid),
    route: route === '' ? undefined : route,
    trust: trust === '' ? undefined : trust,
  };
  const about = { label: account.label, given: { label, pin, host }, password: password !== undefined };
  const { pin: shown } = await tryAccount(context, context.grant.user.name, trial, about);
  return pin === undefined ? undefined : (shown ?? '');
}

function wholePin(pin: string): string {
  if (pin === '' || pin.length === wholeFingerprint) return pin;
  throw new UsageError('The account is off, so I cannot see its certificate: give me all 64 digits.');
}

const orNone = (text: string, read: (text: string) => string): string =>
  text.trim().toLowerCase() === 'none' ? '' : read(text);

function nothingGiven({ account }: Values<typeof args>, { grant }: Context): UsageError {
  const more = grant.level === 'account' ? '' : `\n\`${typed('account set', [account.label], { label: '…' })}\``;
  return new UsageError(`What shall I change?\n\`${typed('account set', [account.label, 'password'])}\`${more}`);
}

function done(
  { account, password, label, pin, host }: Values<typeof args>,
  trusted: string | undefined,
  { grant: { user }, server }: Context,
): string {
  const lines: string[] = [];
  if (account.enabled && (password ?? pin ?? host) !== undefined) lines.push('The login works.');
  if (password !== undefined)
    lines.push(
      `Password stored (${lengthOf(password)}). Apps that log in as`,
      `${account.jid}`,
      'use the new one from now on.',
    );
  if (label !== undefined) lines.push(`Its short name is ${label}.`);
  if (label !== undefined && user.verifiers !== undefined)
    lines.push('Apps that log in by its short name do so now as', `${user.name}+${label}@${server.domain}`);
  if (trusted !== undefined)
    lines.push(trusted === '' ? 'Its certificate is trusted as CAs vouch.' : 'That certificate alone is trusted.');
  if (host !== undefined)
    lines.push(
      orNone(host, routeText) === '' ? 'Its server is found by its name.' : `Its server is ${routeText(host)}.`,
    );
  return lines.join('\n');
}
