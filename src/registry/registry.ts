/** The registry over its file: what an administrator sets, in the main thread only. */
import { realpath } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { Low } from 'lowdb';
import type { BareJid } from '../wire/jid.ts';
import * as changes from './changes.ts';
import { type Data, emptyData, type StoredAccount, type StoredUser } from './data.ts';
import { type Disk, disk as realDisk, reasonOf } from './disk.ts';
import { RegistryFile } from './file.ts';
import { keyFor, keyOf, makeKey, readKey } from './key.ts';
import { lock } from './lock.ts';
import { prepareName, taken } from './names.ts';
import { seal, unseal } from './seal.ts';
import * as services from './services.ts';
import { type Registry, RegistryError } from './types.ts';
import { makeVerifiers } from './verifiers.ts';

export interface RegistryOptions {
  /** The registry's file; lock, last good copy and key stand beside it. */
  file: string;
  /** PROXY_KEY; undefined: the file `key`. */
  key: string | undefined;
  /** Our own domain. */
  domain: BareJid;
  /** For tests. */
  disk?: Disk;
}

/** Opens or makes it; throws RegistryError with a message for the administrator. */
export async function openRegistry({ file, key, domain, disk = realDisk }: RegistryOptions): Promise<Registry> {
  const path = await prepareFolder(file, disk);
  const held = lock(`${path}.lock`);
  try {
    const adapter = new RegistryFile(path, domain, disk);
    const db = new Low<Data>(adapter, emptyData());
    await db.read();
    const before = db.data.key;
    const opened = await openKey(db, key, join(dirname(path), 'key'), path, disk);
    if (!adapter.isThere || db.data.key !== before) await write(db, path); // else a start needs no room
    return registryOver(db, adapter, opened, domain, () => held.release());
  } catch (error) {
    held.release();
    throw error instanceof RegistryError ? error : new RegistryError(`${path}: ${reasonOf(error)}.`, { cause: error });
  }
}

async function write(db: Low<Data>, path: string): Promise<void> {
  try {
    await db.write();
  } catch (error) {
    const { cause } = error as Error;
    throw new RegistryError(`${path} cannot be written: ${reasonOf(cause ?? error)}.`, { cause: error });
  }
}

/** The same file by whatever name: links are followed, so that the lock is one and a rename does not replace the link. */
async function prepareFolder(file: string, disk: Disk): Promise<string> {
  try {
    await disk.makeFolder(dirname(file));
    const path = join(await realpath(dirname(file)), basename(file));
    return await realpath(path).catch(() => path);
  } catch (error) {
    throw new RegistryError(`Cannot use the folder ${dirname(file)}: ${reasonOf(error)}.`, { cause: error });
  }
}

const checkPlace = { user: '', account: '', field: 'check' };
const checkText = 'xmpproxy';
const componentPlace = (host: string) => ({ user: '', account: host, field: 'component' });
const placeOf = (user: string, account: string) => ({ user, account, field: 'password' });

/** Finds the key and proves that it opens everything; makes one only where nothing is sealed yet. */
async function openKey(db: Low<Data>, text: string | undefined, file: string, path: string, disk: Disk) {
  const { users, components } = db.data;
  const sealed = components.length > 0 || users.some(({ accounts }) => accounts.length > 0);
  const found = text === undefined ? await readKey(disk, file) : await keyOf(text, db.data.key.salt);
  if (found === undefined && sealed)
    throw new RegistryError(
      `${path} has passwords sealed with a key that is not here: put ${file} back, or set PROXY_KEY.`,
    );
  const key = found ?? (await makeKey(disk, file));
  if (unseal(key, checkPlace, db.data.key.check) !== checkText) {
    const source = text === undefined ? file : 'PROXY_KEY';
    if (sealed) throw new RegistryError(`${source} is not the key that the passwords in ${path} are sealed with.`);
    db.data.key = { ...db.data.key, check: seal(key, checkPlace, checkText) };
  }
  for (const { name, accounts } of users)
    for (const { jid, secret } of accounts)
      if (unseal(key, placeOf(name, jid), secret) === undefined)
        throw new RegistryError(`${path} is damaged: the sealed password of ${jid} (user ${name}) is not ${jid}'s.`);
  for (const { host, secret } of components)
    if (unseal(key, componentPlace(host), secret) === undefined)
      throw new RegistryError(`${path} is damaged: the sealed secret of ${host} is not ${host}'s.`);
  return key;
}

function registryOver(db: Low<Data>, file: RegistryFile, key: Buffer, domain: BareJid, release: () => void): Registry {
  const index = indexOver(db);
  let turn: Promise<unknown> = Promise.resolve();
  let closed = false;

  /** Changes take their turns in the order they were asked for, however long their passwords take to prepare. */
  function change<T>(prepared: Promise<T>, apply: (data: Readonly<Data>, prepared: T) => Partial<Data>): Promise<void> {
    if (closed) return Promise.reject(new RegistryError('The registry is closed.'));
    prepared.catch(() => {}); // told below, when its turn has come
    const applied = turn.then(async () => {
      const ready = await prepared;
      // A promise in a record: awaiting the turn must not be awaiting the disk.
      return {
        durable: db.update((data) => {
          Object.assign(data, apply(data, ready));
        }),
      };
    });
    turn = applied.catch(() => {});
    return applied.then(({ durable }) => durable);
  }
  const nothing = Promise.resolve(undefined);
  const verifiersOf = (password: string | undefined) => (password === undefined ? nothing : makeVerifiers(password));
  const prepare = async (password: string): Promise<changes.Prepared> => ({
    verifiers: await makeVerifiers(password),
    seal: (user, jid) => seal(key, placeOf(user, jid), password),
  });

  return {
    get users() {
      return db.data.users;
    },
    user: (name) => index().users.get(prepareName(name) ?? name),
    ownerOf: (jid) => index().owners.get(jid),
    secretOf(jid) {
      const { user, account } = changes.findAccount(db.data.users, jid);
      const password = unseal(key, placeOf(user.name, jid), account.secret);
      if (password === undefined) throw new RegistryError(`The password of ${jid} cannot be opened: set it anew.`);
      return password;
    },
    keyFor: (purpose) => keyFor(key, purpose),
    taken: (what) => taken(db.data, domain, what),
    addUser: (user) =>
      change(verifiersOf(user.password), (data, verifiers) => ({
        users: changes.addUser(data, domain, user, verifiers),
      })),
    removeUser: (name) => change(nothing, ({ users }) => ({ users: changes.removeUser(users, name) })),
    setUser: (name, { password, ...rest }) =>
      change(verifiersOf(password), ({ users }, verifiers) => ({
        users: changes.setUser(users, name, rest, verifiers),
      })),
    addAccount: (name, account) =>
      change(prepare(account.password), (data, prepared) => ({
        users: changes.addAccount(data, domain, name, account, prepared),
      })),
    removeAccount: (jid) => change(nothing, ({ users }) => ({ users: changes.removeAccount(users, jid) })),
    setAccount: (jid, { password, ...rest }) =>
      change(password === undefined ? nothing : prepare(password), (data, prepared) => ({
        users: changes.setAccount(data, domain, jid, rest, prepared),
      })),
    get components() {
      return db.data.components;
    },
    componentSecret(host) {
      const { secret } = services.findComponent(db.data.components, host);
      const opened = unseal(key, componentPlace(host), secret);
      if (opened === undefined) throw new RegistryError(`The secret of ${host} cannot be opened: add it anew.`);
      return opened;
    },
    addComponent: ({ secret, ...component }) =>
      change(nothing, (data) => ({
        components: services.addComponent(data, domain, component, seal(key, componentPlace(component.host), secret)),
      })),
    removeComponent: (host) => change(nothing, (data) => ({ components: services.removeComponent(data, host) })),
    get services() {
      return db.data.services;
    },
    addService: (service) => change(nothing, (data) => ({ services: services.addService(data, domain, service) })),
    setService: (service) => change(nothing, (data) => ({ services: services.setService(data, domain, service) })),
    removeService: (address) => change(nothing, (data) => ({ services: services.removeService(data, address) })),
    async close() {
      closed = true;
      await turn;
      await file.idle();
      release();
    },
  };
}

/** Rebuilt when the list of users is another one; changes are rare, logins are not. */
function indexOver(db: Low<Data>) {
  let of: readonly StoredUser[] | undefined;
  let users = new Map<string, StoredUser>();
  let owners = new Map<BareJid, { user: StoredUser; account: StoredAccount }>();
  return () => {
    if (of !== db.data.users) {
      of = db.data.users;
      users = new Map(of.map((user) => [user.name, user]));
      owners = new Map(of.flatMap((user) => user.accounts.map((account) => [account.jid, { user, account }])));
    }
    return { users, owners };
  };
}
