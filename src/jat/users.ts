/** The users of one address under the addresses by which its targets see them; tokens for those that fit in no other way. */
import { BoundedMap } from '../wire/bounded.ts';
import type { BareJid, Jid } from '../wire/jid.ts';
import { readJid } from '../wire/jid.ts';
import { type Codec, codecOf } from './encoding.ts';
import { base32, nameOf, sealerOf } from './seal.ts';
import type { AddressSettings, ServiceStore } from './types.ts';

/** Addresses whose form is remembered. */
const most = 10_000;
/** Tokens of an address; whoever makes more has them made in vain. */
const mostTokens = 10_000;

type Form = Pick<AddressSettings, 'address' | 'encoding' | 'private'>;

export class Users {
  readonly #address: BareJid;
  readonly #key: Uint8Array;
  readonly #store: ServiceStore;
  readonly #tokens = new Map<string, Jid>();
  /** Tokens that are not on the disk yet. */
  readonly #writing = new Map<Jid, Promise<void>>();
  #codec: Codec;
  #form: Form;
  #seen = new BoundedMap<Jid, Jid>(most);
  #users = new BoundedMap<Jid, Jid>(most);

  private constructor(form: Form, key: Uint8Array, store: ServiceStore) {
    this.#address = form.address;
    this.#key = key;
    this.#store = store;
    this.#form = form;
    this.#codec = this.#createCodec(form);
  }

  static async open(form: Form, key: Uint8Array, store: ServiceStore): Promise<Users> {
    const users = new Users(form, key, store);
    for (const { key: token, value } of await store.read(form.address, 'token')) {
      const user = readJid(value);
      if (user !== undefined) users.#tokens.set(token, user);
    }
    return users;
  }

  #createCodec({ address, encoding, private: sealed }: Form): Codec {
    return codecOf(address, encoding, sealed ? sealerOf(this.#key, address) : undefined);
  }

  configure(form: Form): void {
    if (form.encoding === this.#form.encoding && form.private === this.#form.private) return;
    this.#form = form;
    this.#codec = this.#createCodec(form);
    this.#seen = new BoundedMap(most);
    this.#users = new BoundedMap(most);
  }

  /** How a target sees that user; undefined: it cannot be told to it (no token is left). */
  seen(user: Jid): Jid | undefined {
    const known = this.#seen.get(user);
    if (known !== undefined) return known;
    const seen = this.#codec.encode(user) ?? this.#token(user);
    if (seen === undefined) return undefined;
    this.#seen.set(user, seen);
    this.#users.set(seen, user);
    return seen;
  }

  #token(user: Jid): Jid | undefined {
    const token = base32(nameOf(this.#key, this.#address, user));
    if (!this.#tokens.has(token)) {
      if (this.#tokens.size >= mostTokens) return undefined;
      this.#tokens.set(token, user);
      const written = this.#store.put(this.#address, 'token', token, user);
      this.#writing.set(user, written);
      written.then(
        () => void this.#writing.delete(user),
        () => this.#forget(user, token),
      );
    }
    return this.#codec.encodeToken(token);
  }

  /** It could not be written: the next time it is tried again. */
  #forget(user: Jid, token: string): void {
    this.#writing.delete(user);
    this.#tokens.delete(token);
    this.#seen.delete(user);
    this.#users.delete(this.#codec.encodeToken(token));
  }

  /** What has to end before a target may see that user: it could not answer after a restart otherwise. */
  ready(user: Jid): Promise<void> | undefined {
    return this.#writing.size === 0 ? undefined : this.#writing.get(user);
  }

  /** Who is meant by an address below ours. */
  userOf(seen: Jid): Jid | undefined {
    const known = this.#users.get(seen);
    if (known !== undefined) return known;
    const found = this.#codec.decode(seen);
    const user = typeof found === 'object' ? this.#tokens.get(found.token) : found;
    if (user !== undefined) this.#users.set(seen, user);
    return user;
  }
}
