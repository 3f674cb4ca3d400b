/** The registry's contract over plain data, and records to fill it with. */
import { prepareName, taken } from '../../src/registry/names.ts';
import {
  type AccountRecord,
  type ComponentRecord,
  type Registry,
  RegistryError,
  type ServiceRecord,
  type User,
  type Verifiers,
} from '../../src/registry/types.ts';
import { type BareJid, parseBare } from '../../src/wire/jid.ts';

export const domain = parseBare('proxy.example');
export const verifiers = {} as Verifiers;

export const account = (jid: string, label: string, more: Partial<AccountRecord> = {}): AccountRecord => ({
  jid: parseBare(jid),
  label,
  enabled: true,
  resource: 'xmpproxy-abc',
  verifiers,
  ...more,
});

export const user = (name: string, more: Partial<User> = {}): User => ({
  name,
  admin: false,
  verifiers,
  mirror: 'inline',
  awayText: '',
  autoAway: true,
  accounts: [],
  created: 1_600_000_000_000,
  ...more,
});

export type Passwords = Map<string, string>;

/** The registry's contract over plain data; `passwords` has what is stored, by user name or address. */
export function memoryRegistry(start: User[], passwords: Passwords): Registry {
  let users: User[] = start;
  let components: ComponentRecord[] = [];
  let services: ServiceRecord[] = [];
  const named = () => ({ users, components, services });
  const change = (name: string, to: (user: User) => User) => {
    if (!users.some((one) => one.name === name)) throw new RegistryError(`There is no user ${name}.`);
    users = users.map((one) => (one.name === name ? to(one) : one));
  };
  const owner = (jid: BareJid) => {
    for (const one of users) {
      const found = one.accounts.find((candidate) => candidate.jid === jid);
      if (found) return { user: one, account: found };
    }
    return undefined;
  };
  const must = (why: string | undefined) => {
    if (why !== undefined) throw new RegistryError(why);
  };
  return {
    get users() {
      return users;
    },
    user: (name) => users.find((one) => one.name === name),
    ownerOf: owner,
    secretOf: (jid) => passwords.get(jid) ?? '',
    keyFor: (purpose) => Buffer.from(purpose),
    async addUser({ name, admin, password }) {
      must(taken(named(), domain, { user: name }));
      users = [...users, user(prepareName(name)!, { admin })];
      if (password !== undefined) passwords.set(prepareName(name)!, password);
    },
    async removeUser(name) {
      users = users.filter((one) => one.name !== name);
    },
    async setUser(name, { password, ...rest }) {
      change(name, (one) => ({ ...one, ...rest, ...(password === undefined ? {} : { verifiers }) }));
      if (password !== undefined) passwords.set(name, password);
    },
    async addAccount(name, { jid, password, label, route, pin }) {
      must(taken(named(), domain, { account: jid, for: name }));
      const added = account(jid, label ?? 'new', { ...(route && { route }), ...(pin && { pin }) });
      change(name, (one) => ({ ...one, accounts: [...one.accounts, added] }));
      passwords.set(jid, password);
    },
    async removeAccount(jid) {
      const found = owner(jid);
      if (!found) throw new RegistryError(`There is no account ${jid}.`);
      change(found.user.name, (one) => ({ ...one, accounts: one.accounts.filter((other) => other.jid !== jid) }));
    },
    async setAccount(jid, { password, ...rest }) {
      const found = owner(jid);
      if (!found) throw new RegistryError(`There is no account ${jid}.`);
      const accounts = found.user.accounts.map((other) => (other.jid === jid ? { ...other, ...rest } : other));
      change(found.user.name, (one) => ({ ...one, accounts }));
      if (password !== undefined) passwords.set(jid, password);
    },
    taken: (what) => taken(named(), domain, what),
    get components() {
      return components;
    },
    componentSecret: (host) => passwords.get(host) ?? '',
    async addComponent({ secret, ...component }) {
      must(taken(named(), domain, { component: component.host }));
      components = [...components, component];
      passwords.set(component.host, secret);
    },
    async removeComponent(host) {
      components = components.filter((component) => component.host !== host);
    },
    get services() {
      return services;
    },
    async addService(service) {
      must(taken(named(), domain, { service: service.address }));
      services = [...services, service];
    },
    async setService(service) {
      services = services.map((old) => (old.address === service.address ? service : old));
    },
    async removeService(address) {
      services = services.filter((service) => service.address !== address);
    },
    async close() {},
  };
}
