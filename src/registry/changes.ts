/** Changes of the registry as functions from users to users: each checks first and throws RegistryError in words for a person. */
import { randomInt } from 'node:crypto';
import type { BareJid } from '../wire/jid.ts';
import { readRoute } from '../wire/route.ts';
import type { Data, StoredAccount, StoredUser } from './data.ts';
import { freeLabel, prepareName, taken } from './names.ts';
import { type Registry, RegistryError, type User, type Verifiers } from './types.ts';

export type Users = readonly StoredUser[];
type Parameter<M extends keyof Registry, N extends number> = Registry[M] extends (...args: infer P) => unknown
  ? P[N]
  : never;
/** What a password becomes before it is stored; it is sealed for the record that it then goes into. */
export interface Prepared {
  verifiers: Verifiers;
  seal(user: string, account: BareJid): string;
}

export function addUser(
  data: Readonly<Data>,
  domain: BareJid,
  { name, admin }: Parameter<'addUser', 0>,
  verifiers: Verifiers | undefined,
): Users {
  must(taken(data, domain, { user: name }));
  const user: StoredUser = {
    name: prepareName(name)!,
    admin,
    mirror: 'inline',
    awayText: '',
    autoAway: true,
    accounts: [],
    created: Date.now(),
    ...(verifiers && { verifiers }),
  };
  return [...data.users, user];
}

export function removeUser(users: Users, name: string): Users {
  const user = find(users, name);
  return users.filter((other) => other !== user);
}

export function setUser(
  users: Users,
  name: string,
  { admin, mirror, awayText, autoAway, expiry, backlog, retention, quota }: Parameter<'setUser', 1>,
  verifiers: Verifiers | undefined,
): Users {
  const user = find(users, name);
  const change = { admin, mirror, awayText, autoAway, expiry, backlog, retention, quota, verifiers };
  return replace(users, user, { ...user, ...given(change) });
}

export function addAccount(
  data: Readonly<Data>,
  domain: BareJid,
  name: string,
  account: Parameter<'addAccount', 1>,
  { verifiers, seal }: Prepared,
): Users {
  const { users } = data;
  const user = find(users, name);
  must(taken(data, domain, { account: account.jid, for: user.name }));
  const label = account.label ?? freeLabel(user.accounts, account.jid);
  must(taken(data, domain, { label, for: user.name }));
  const added: StoredAccount = {
    jid: account.jid,
    label: prepareName(label)!,
    enabled: true,
    resource: newResource(),
    ...given({ route: readText('route', account.route), pin: readText('pin', account.pin) }),
    verifiers,
    secret: seal(user.name, account.jid),
  };
  return replace(users, user, { ...user, accounts: [...user.accounts, added] });
}

export function removeAccount(users: Users, jid: BareJid): Users {
  const { user, account } = findAccount(users, jid);
  return replace(users, user, { ...user, accounts: user.accounts.filter((other) => other !== account) });
}

export function setAccount(
  data: Readonly<Data>,
  domain: BareJid,
  jid: BareJid,
  change: Parameter<'setAccount', 1>,
  prepared: Prepared | undefined,
): Users {
  const { users } = data;
  const { user, account } = findAccount(users, jid);
  const label = change.label === undefined ? account.label : prepareName(change.label);
  if (label !== account.label) must(taken(data, domain, { label: change.label!, for: user.name }));
  // The server has not refused the new password yet.
  const refused = change.refused ?? (prepared ? false : undefined);
  const secret = prepared?.seal(user.name, jid);
  const fields = given({ label, enabled: change.enabled, refused, verifiers: prepared?.verifiers, secret });
  const changed: StoredAccount = { ...account, ...fields };
  for (const field of ['route', 'pin'] as const) {
    const text = readText(field, change[field]);
    if (change[field] === '') delete changed[field];
    else if (text !== undefined) changed[field] = text;
  }
  return replace(users, user, { ...user, accounts: user.accounts.map((old) => (old === account ? changed : old)) });
}

export function find(users: Users, name: string): StoredUser {
  const user = users.find((candidate) => candidate.name === (prepareName(name) ?? name));
  if (user === undefined) throw new RegistryError(`There is no user ${name}.`);
  return user;
}

export function findAccount(users: Users, jid: BareJid): { user: StoredUser; account: StoredAccount } {
  for (const user of users) {
    const account = user.accounts.find((candidate) => candidate.jid === jid);
    if (account !== undefined) return { user, account };
  }
  throw new RegistryError(`There is no account ${jid}.`);
}

export function must(refusal: string | undefined): void {
  if (refusal !== undefined) throw new RegistryError(refusal);
}

const replace = (users: Users, old: User, user: StoredUser): Users =>
  users.map((other) => (other === old ? user : other));

/** Without what is undefined: those fields stay as they are. */
function given<T extends object>(fields: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as never;
}

export function readText(field: 'route' | 'pin', text: string | undefined): string | undefined {
  if (text === undefined || text === '') return undefined;
  if (field === 'route') {
    if (readRoute(text) !== undefined) return text;
    throw new RegistryError(`${JSON.stringify(text)} is not host:port or xmpps://host:port.`);
  }
  const pin = text.replaceAll(/[:\s]/g, '').toLowerCase();
  if (/^[0-9a-f]{64}$/.test(pin)) return pin;
  throw new RegistryError('A fingerprint is a SHA-256: 64 hexadecimal digits.');
}

/** Unlike any other client's, so that we never throw one of the account's own apps out. */
function newResource(): string {
  const letters = 'abcdefghijkmnpqrstuvwxyz23456789';
  return `xmpproxy-${Array.from({ length: 10 }, () => letters[randomInt(letters.length)]).join('')}`;
}
