/** One name space: every name that is given away is checked here and nowhere else. */
import { type BareJid, domainOf, isFull, localOf, readJid } from '../wire/jid.ts';
import { Misshapen } from './shape.ts';
import type { AccountRecord, ComponentRecord, ServiceRecord, User } from './types.ts';

/** `root@domain` and `log@domain` are ours. */
const reserved = new Set(['root', 'log']);
/** First parts of a domain that say nothing about whose it is. */
const generic = new Set(['xmpp', 'jabber', 'chat', 'im', 'www']);

/** All that has a name. */
export interface Named {
  users: readonly Pick<User, 'name' | 'accounts'>[];
  components: readonly Pick<ComponentRecord, 'host'>[];
  services: readonly Pick<ServiceRecord, 'address' | 'targets' | 'encoding'>[];
}
export type Wanted =
  | { user: string }
  | { account: BareJid; for: string }
  | { label: string; for: string }
  | { component: BareJid }
  | { service: BareJid };

/** A localpart as it is stored: prepared (RFC 7622 §3.3); undefined if it cannot be one. */
export function prepareName(name: string): string | undefined {
  const address = readJid(`${name}@localhost`);
  return address === undefined || isFull(address) || domainOf(address) !== 'localhost' ? undefined : localOf(address);
}

/** Why that name cannot be had; undefined if it is free. */
export function taken(named: Named, domain: BareJid, what: Wanted): string | undefined {
  if ('user' in what) return userTaken(named, domain, what.user);
  if ('component' in what) return componentTaken(named, domain, what.component);
  if ('service' in what) return serviceTaken(named, domain, what.service);
  const owner = named.users.find(({ name }) => name === what.for);
  if ('account' in what) return accountTaken(named, domain, what.account, what.for);
  return labelTaken(owner?.accounts ?? [], what.label);
}

function userTaken({ users, services }: Named, domain: BareJid, text: string): string | undefined {
  const name = prepareName(text);
  const wrong = localpartFault('user name', text, name);
  if (wrong !== undefined) return wrong;
  if (users.some((user) => user.name === name)) return `There is already a user ${name}.`;
  const isService = services.some(({ address }) => address === `${name}@${domain}`);
  return isService ? `${name}@${domain} is a service address.` : undefined;
}

/** Accounts are of servers, and a component's domain is no server's. */
function componentTaken({ users, components }: Named, domain: BareJid, host: BareJid): string | undefined {
  if (localOf(host) !== '' || isFull(host)) return `${host} is not a domain.`;
  if (host === domain) return `${host} is this proxy's own domain.`;
  if (components.some((component) => component.host === host)) return `There is already a component ${host}.`;
  const of = users.flatMap(({ accounts }) => accounts).find(({ jid }) => domainOf(jid) === host);
  return of === undefined ? undefined : `${of.jid} is an account there, so ${host} is a server.`;
}

function serviceTaken({ users, services }: Named, domain: BareJid, address: BareJid): string | undefined {
  if (services.some((service) => service.address === address)) return `${address} is a service address already.`;
  const own = services.find(({ targets }) => targets.some(({ account }) => account === address));
  if (own !== undefined) return `${address} is what answers at ${own.address}.`;
  if (domainOf(address) !== domain)
    return users.some(({ accounts }) => accounts.some(({ jid }) => jid === address))
      ? `${address} is an account.`
      : undefined;
  if (address === domain) return `${domain} is this proxy's own domain. A service there has a name before an @.`;
  const wrong = localpartFault('service', localOf(address), localOf(address));
  if (wrong !== undefined) return wrong;
  return users.some(({ name }) => name === localOf(address)) ? `There is a user ${localOf(address)}.` : undefined;
}

/** Users as targets see them would have the names of people who enrolled: `romeo\40m.example` at our own domain. */
export const misshown = ({ address, encoding }: Named['services'][number], domain: BareJid): string | undefined =>
  encoding === 'localpart' && domainOf(address) === domain
    ? `At ${domain} it has to be encoding=resource: user names are there for people of this proxy.`
    : undefined;

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

function accountTaken(
  { users, components, services }: Named,
  domain: BareJid,
  account: BareJid,
  name: string,
): string | undefined {
  if (localOf(account) === '') return `${account} is not an account: it has no name before an @.`;
  if (domainOf(account) === domain) return `${account} is on this proxy's own domain; accounts are of other servers.`;
  if (components.some(({ host }) => host === domainOf(account)) || services.some(({ address }) => address === account))
    return `${account} is a service address of this proxy; accounts are of servers.`;
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
export function checkNames({ users, components, services }: Named, domain: BareJid): void {
  const before = { users: [] as { name: string; accounts: AccountRecord[] }[], components: [] as { host: BareJid }[] };
  const named: Named = { ...before, services: [] };
  for (const { name, accounts } of users) {
    const where = `users[${before.users.length} ${JSON.stringify(name)}]`;
    check(`${where}.name`, prepareName(name) === name, taken(named, domain, { user: name }));
    const seen: AccountRecord[] = [];
    before.users.push({ name, accounts: seen });
    for (const account of accounts) {
      const place = `${where}.accounts[${seen.length} ${JSON.stringify(account.jid)}]`;
      check(`${place}.jid`, true, taken(named, domain, { account: account.jid, for: name }));
      check(
        `${place}.label`,
        prepareName(account.label) === account.label,
        taken(named, domain, { label: account.label, for: name }),
      );
      seen.push(account);
    }
  }
  for (const { host } of components) {
    check(`components[${before.components.length}].host`, true, taken(named, domain, { component: host }));
    before.components.push({ host });
  }
  const seen: Named['services'][number][] = [];
  for (const service of services) {
    const place = `services[${seen.length} ${JSON.stringify(service.address)}]`;
    check(`${place}.address`, true, taken({ ...before, services: seen }, domain, { service: service.address }));
    check(`${place}.encoding`, true, misshown(service, domain));
    seen.push(service);
  }
}

function check(place: string, prepared: boolean, why: string | undefined): void {
  if (why !== undefined) throw new Misshapen(`${place}: ${why}`);
  if (!prepared) throw new Misshapen(`${place} is not written as it is compared (RFC 7622)`);
}
