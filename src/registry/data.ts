/** The registry's file: what stands in it, and how it is read. */
import { randomBytes } from 'node:crypto';
import { type BareJid, isFull, localOf, readJid } from '../wire/jid.ts';
import { readRoute } from '../wire/route.ts';
import type { Verifier } from '../wire/verifier.ts';
import { checkNames } from './names.ts';
import { checked, flag, list, Misshapen, oneOf, type Reader, record, text, whole } from './shape.ts';
import type { AccountRecord, ComponentRecord, ServiceRecord, User, Verifiers } from './types.ts';

/** Raised when an older program could not read the file any more; `readData` then learns to read both. */
const version = 1;

export interface StoredAccount extends AccountRecord {
  /** The password, sealed (seal.ts). */
  secret: string;
}
export interface StoredUser extends User {
  accounts: StoredAccount[];
}
export interface StoredComponent extends ComponentRecord {
  /** What it proves itself by, sealed. */
  secret: string;
}
/** Lists are never changed in place: a change replaces the list, so a list once read stays as it was. */
export interface Data {
  version: typeof version;
  /** Salt for a key made from a text, and a sealed text known to us by which a wrong key is told. */
  key: { salt: string; check: string };
  users: readonly StoredUser[];
  components: readonly StoredComponent[];
  services: readonly ServiceRecord[];
}

export const emptyData = (): Data => ({
  version,
  key: { salt: randomBytes(16).toString('base64'), check: '' },
  users: [],
  components: [],
  services: [],
});

const base64 = checked<string>('base64', (value) => /^[A-Za-z0-9+/]+={0,2}$/.test(value));
const isBare = (value: string) => {
  const address = readJid(value);
  return address === value && !isFull(address);
};
const route = checked<string>('host:port or xmpps://host:port', (value) => readRoute(value) !== undefined);
const pin = checked<string>('a SHA-256 in lower-case hex', (value) => /^[0-9a-f]{64}$/.test(value));
const bareAddress = checked<BareJid>('a bare address', isBare);
const verifier: Reader<Verifier> = record(
  { salt: base64, iterations: whole, storedKey: base64, serverKey: base64 },
  {},
);
const verifiers: Reader<Verifiers> = record({ 'SCRAM-SHA-1': verifier, 'SCRAM-SHA-256': verifier }, {});

const account: Reader<StoredAccount> = record(
  {
    jid: checked<BareJid>('an account address', (value) => isBare(value) && localOf(value as BareJid) !== ''),
    label: text,
    enabled: flag,
    resource: checked('a resource', (value) => readJid(`x@x/${value}`) === `x@x/${value}`),
    verifiers,
    secret: base64,
  },
  {
    route,
    pin,
    refused: flag,
  },
);

const user: Reader<StoredUser> = record(
  {
    name: text,
    admin: flag,
    mirror: oneOf('inline', 'log', 'off'),
    awayText: text,
    autoAway: flag,
    accounts: list(account, 'jid'),
    created: whole,
  },
  { verifiers, expiry: whole, backlog: whole, retention: whole, quota: whole },
);

const component: Reader<StoredComponent> = record({ host: bareAddress, route, secret: base64 }, { pin });

const target = record({ account: bareAddress, weight: whole }, {});
const service: Reader<ServiceRecord> = record(
  { address: bareAddress, targets: list(target, 'account'), enabled: flag },
  {
    policy: oneOf('random', 'round-robin', 'least-pending', 'sticky'),
    encoding: oneOf('resource', 'localpart'),
    private: flag,
    messages: oneOf('account', 'resources'),
    initiate: flag,
    allow: list(bareAddress, ''),
    timeout: whole,
    rate: whole,
    total: whole,
    open: whole,
    name: text,
    category: text,
    type: text,
    avatar: record({ mime: text, data: base64 }, {}),
  },
);

const data = record(
  { version: whole, key: record({ salt: base64, check: base64 }, {}), users: list(user, 'name') },
  // files of before have none
  { components: list(component, 'host'), services: list(service, 'address') },
);

/** Written by a later xmpproxy than this one. */
export class NewerVersion extends Error {}

/** Reads a file's text; throws NewerVersion or Misshapen, whose message names the place. */
export function readData(json: string, domain: BareJid): Data {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch (error) {
    throw new Misshapen(`${placeOf(json, String(error))}: not JSON`);
  }
  const found = (value as { version?: unknown } | null)?.version;
  if (typeof found === 'number' && found > version)
    throw new NewerVersion(`format ${found}; this one reads ${version}`);
  const read = { components: [], services: [], ...data(value, ''), version } as const;
  if (found !== version) throw new Misshapen(`version is not ${version}`);
  checkNames(read, domain);
  return read;
}

export const writeData = (value: Data): string => `${JSON.stringify(value, null, 2)}\n`;

/** JSON.parse tells a place for some faults only; the others are of one token, or at the end. */
function placeOf(json: string, message: string): string {
  const told = /position (\d+)/.exec(message)?.[1];
  const token = /\s+|[{}[\]:,]|"(?:[^"\\\u0000-\u001f]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null/y;
  while (told === undefined && token.lastIndex < json.length) {
    const at = token.lastIndex;
    if (!token.test(json)) {
      token.lastIndex = at;
      break;
    }
  }
  const before = json.slice(0, told === undefined ? token.lastIndex : Number(told)).split('\n');
  return `line ${before.length}, column ${before.at(-1)!.length + 1}`;
}
