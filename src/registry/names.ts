/** One name space: every name that is given away is checked here and nowhere else. */
import { type BareJid, domainOf, isFull, localOf, readJid } from '../wire/jid.ts';
import { Misshapen } from './shape.ts';
import type { AccountRecord, User } from './types.ts';

/** `root@domain` and `log@domain` are ours. */
const reserved = new Set(['root', 'log']);
/** First parts of a domain that say nothing about whose it is. */
const generic = new Set(['xmpp', 'jabber', 'chat', 'im', 'www']);

type Users = readonly Pick<User, 'name' | 'accounts'>[];
export type Wanted = { user: string } | { account: BareJid; for: string } | { label: string; for: string };

/** A localpart as it is stored: prepared (RFC 7622 §3.3); undefined if it cannot be one. */
export function prepareName(name: string): string | undefined {
  const address = readJid(`${name}@localhost`);
  return address === undefined || isFull(address) || domainOf(address) !== 'localhost' ? undefined : localOf(address);
}

/** Why that name cannot be had; undefined if it is free. */
export function taken(users: Users, domain: BareJid, what: Wanted): string | undefined {
  if ('user' in what) return userTaken(users, what.user);
  const owner = users.find(({ name }) => name === what.for);
  if ('account' in what) return accountTaken(users, domain, what.account, what.for);
  return labelTaken(owner?.accounts ?? [], what.label);
}

function userTaken(users: Users, text: string): string | undefined {
  const name = prepareName(text);
  const wrong = localpartFault('user name', text, name);
  if (wrong !== undefined) return wrong;
  return users.some((user) => user.name === name) ? `There is already a user ${name}.` : undefined;
}

function labelTaken(accounts: readonly AccountRecord[], text: string): string | undefined {
  const label = prepareName(text);
  const wrong = localpartFault('label', text, label);
  if (wrong !== undefined) return wrong;
  if (label!.length > 64) return 'A label has at most 64 characters.';
  return accounts.some((account) => account.label === label) ? `There is already an account ${label}.` : undefined;
}

function localpartFault(kind: string, text: string, prepared: string | undefined): string | undefined {
  if (prepared === undefined) return `${JSON.stringify(text)} cannot be a ${kind}: no spaces, no " & ' / : < > @.`;
  if (prepared.includes('+')) return `A ${kind} cannot contain "+".`;
  return reserved.has(prepared) ? `${prepared} is reserved.` : undefined;
}

function accountTaken(users: Users, domain: BareJid, account: BareJid, name: string): string | undefined {
  if (localOf(account) === '') return `${account} is not an account: it has no name before an @.`;
  if (domainOf(account) === domain) return `${account} is on this proxy's own domain; accounts are of other servers.`;
  const owner = users.find(({ accounts }) => accounts.some(({ jid }) => jid === account));
  if (owner === undefined) return undefined;
  return owner.name === name ? `${account} is already there.` : `${account} belongs to another user.`;
}

/** The first part of the domain that says something, with a number where it is taken: `work`, `example2`. */
export function freeLabel(accounts: readonly AccountRecord[], account: BareJid): string {
  const parts = domainOf(account).split('.');
  while (parts.length > 2 && generic.has(parts[0]!)) parts.shift();
  const plain = /^[[\d]/.test(domainOf(account)) || parts[0]!.length > 60 ? 'account' : parts[0]!;
  const base = prepareName(plain) === plain && !plain.includes('+') ? plain : 'account';
  let label = base;
  for (let number = 2; labelTaken(accounts, label) !== undefined; number++) label = `${base}${number}`;
  return label;
}

/** The same rules for what a file says; throws Misshapen. */
export function checkNames(users: Users, domain: BareJid): void {
  const before: { name: string; accounts: AccountRecord[] }[] = [];
  for (const { name, accounts } of users) {
    const where = `users[${before.length} ${JSON.stringify(name)}]`;
    check(`${where}.name`, prepareName(name) === name, taken(before, domain, { user: name }));
    const seen: AccountRecord[] = [];
    before.push({ name, accounts: seen });
    for (const account of accounts) {
      const place = `${where}.accounts[${seen.length} ${JSON.stringify(account.jid)}]`;
      check(`${place}.jid`, true, taken(before, domain, { account: account.jid, for: name }));
      check(
        `${place}.label`,
        prepareName(account.label) === account.label,
        taken(before, domain, { label: account.label, for: name }),
      );
      seen.push(account);
    }
  }
}

function check(place: string, prepared: boolean, why: string | undefined): void {
  if (why !== undefined) throw new Misshapen(`${place}: ${why}`);
  if (!prepared) throw new Misshapen(`${place} is not written as it is compared (RFC 7622)`);
}
