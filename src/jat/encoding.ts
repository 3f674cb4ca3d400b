/**
 * How a target sees a user (`translation.md`): pure, and reversible. With `romeo@m.example/orchard` as the user:
 *
 *     resource             svc.example/romeo@m.example/orchard
 *     resource, private    svc.example/3q2-7wAb…
 *     localpart            romeo\40m.example@svc.example/orchard
 *     localpart, private   w5a7k3…@svc.example/J0eZ…
 *     too long for these   svc.example/:k5qz7m…   or   \3ak5qz7m…@svc.example
 */
import {
  type BareJid,
  bare,
  domainOf,
  escapeLocal,
  isFull,
  type Jid,
  localOf,
  readJid,
  resourceOf,
  unescapeLocal,
} from '../wire/jid.ts';
import { base32, fromBase32, fromBase64url, type Sealer } from './seal.ts';

export interface Codec {
  /** Undefined: too long, or it would not come back the same. */
  encode(user: Jid): Jid | undefined;
  encodeToken(token: string): Jid;
  /** Of an address below ours; undefined: it stands for nobody. */
  decode(seen: Jid): Jid | { token: string } | undefined;
}

/** No address begins with it, so a token is never taken for one. */
const mark = ':';

/** `sealer`: users are private. */
export function codecOf(address: BareJid, encoding: 'resource' | 'localpart', sealer: Sealer | undefined): Codec {
  const form = encoding === 'resource' ? inResource(address, sealer) : inLocalpart(address, sealer);
  return {
    encode(user) {
      // RFC 7622 bounds each part, and a localpart is mapped more than a resource: what does not come out as itself gets a token
      const seen = readJid(form.encode(user));
      return seen !== undefined && form.decode(seen) === user ? seen : undefined;
    },
    encodeToken: form.encodeToken,
    decode: form.decode,
  };
}

interface Form {
  encode(user: Jid): string;
  encodeToken(token: string): Jid;
  decode(seen: Jid): ReturnType<Codec['decode']>;
}

function inResource(address: BareJid, sealer: Sealer | undefined): Form {
  return {
    encode: (user) => `${address}/${sealer === undefined ? user : sealer.seal(user, 'user').toString('base64url')}`,
    encodeToken: (token) => `${address}/${mark}${token}` as Jid,
    decode(seen) {
      const text = resourceOf(seen);
      if (bare(seen) !== address || text === '') return undefined;
      if (text.startsWith(mark)) return { token: text.slice(mark.length) };
      return readJid(sealer === undefined ? text : unsealed(sealer, fromBase64url(text), 'user'));
    },
  };
}

function inLocalpart(address: BareJid, sealer: Sealer | undefined): Form {
  const host = domainOf(address);
  const sealedResource = (resource: string, local: string) =>
    sealer === undefined ? resource : sealer.seal(resource, `resource\0${local}`).toString('base64url');
  const localpart = (user: BareJid): string => {
    if (sealer !== undefined) return base32(sealer.seal(user, 'user'));
    return escapeLocal(user.includes('@') ? user : `@${user}`); // a server has the @, too: it can be no service address's name
  };
  const userOf = (local: string): BareJid | undefined => {
    const text = sealer === undefined ? unescapeLocal(local) : unsealed(sealer, fromBase32(local), 'user');
    const user = readJid(sealer === undefined && text?.startsWith('@') ? text.slice(1) : text);
    // one text for each user: XEP-0106 §4.2 wants escaped addresses compared as they stand
    return user === undefined || isFull(user) || localpart(user) !== local ? undefined : user;
  };
  return {
    encode(user) {
      const local = localpart(bare(user));
      return `${local}@${host}${isFull(user) ? `/${sealedResource(resourceOf(user), local)}` : ''}`;
    },
    encodeToken: (token) => `${escapeLocal(mark + token)}@${host}` as Jid,
    decode(seen) {
      const local = localOf(seen);
      const isToken = local.startsWith(escapeLocal(mark));
      if (domainOf(seen) !== host || local === '') return undefined;
      if (isToken) return isFull(seen) ? undefined : { token: local.slice(escapeLocal(mark).length) };
      const user = userOf(local);
      if (user === undefined || !isFull(seen)) return user;
      const text = resourceOf(seen);
      const resource = sealer === undefined ? text : unsealed(sealer, fromBase64url(text), `resource\0${local}`);
      return resource === undefined ? undefined : readJid(`${user}/${resource}`);
    },
  };
}

const unsealed = (sealer: Sealer, bytes: Buffer | undefined, purpose: string): string | undefined =>
  bytes && sealer.open(bytes, purpose);

/** Can that localpart be the name of a service address? Those of users as targets see them cannot. */
export const isServiceName = (local: string): boolean => !/\\40|^\\3a/.test(local);
