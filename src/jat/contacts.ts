/**
 * The people an address knows: who wrote to it, who is subscribed to its presence. The target may write to them. Kept, but
 * for those that merely asked something: there may be very many of these, and of most nothing is heard again.
 */
import { BoundedMap } from '../wire/bounded.ts';
import { type BareJid, bare, domainOf, isFull, type Jid, readJid } from '../wire/jid.ts';
import type { ServiceStore } from './types.ts';

const most = 10_000;
/** An old acquaintance is written down again once a day, so that the oldest can be told. */
const day = 24 * 60 * 60_000;

/** Our addresses (nodes of one) that one user may be subscribed to. */
const mostSubscriptions = 10;

interface Contact {
  /** Which addresses of ours they are subscribed to. */
  subscribed: readonly BareJid[];
  /** The address that they wrote to last, where that is not ours itself. */
  asked?: Jid | undefined;
  /** When they were written down: milliseconds since the epoch. */
  at: number;
}

export class Contacts {
  readonly #address: BareJid;
  readonly #store: ServiceStore;
  readonly #failed: (reason: unknown) => void;
  readonly #kept = new Map<BareJid, Contact>();
  readonly #asking = new BoundedMap<BareJid, true>(most);
  #subscribers = 0;
  /** Of each domain. */
  readonly #ofDomain = new Map<BareJid, number>();
  /** Who wrote longest ago comes next; behind it are none but subscribers. */
  #oldest: Iterator<[BareJid, Contact]> | undefined;

  private constructor(address: BareJid, store: ServiceStore, failed: (reason: unknown) => void) {
    this.#address = address;
    this.#store = store;
    this.#failed = failed;
  }

  /** `failed`: something could not be kept, and nobody waits for it. */
  static async open(address: BareJid, store: ServiceStore, failed: (reason: unknown) => void): Promise<Contacts> {
    const contacts = new Contacts(address, store, failed);
    const kept = (await store.read(address, 'contact')).flatMap(({ key, value }) => readContact(key, value));
    for (const [user, contact] of kept.sort(([, a], [, b]) => a.at - b.at)) {
      contacts.#kept.set(user, contact);
      if (contact.subscribed.length > 0) contacts.#count(user, 1);
    }
    return contacts;
  }

  get subscribers(): number {
    return this.#subscribers;
  }

  /** Who is subscribed, and to which address of ours. */
  *subscribed(): IterableIterator<[BareJid, BareJid]> {
    for (const [user, { subscribed }] of this.#kept) for (const to of subscribed) yield [user, to];
  }

  isSubscribed(user: Jid, to: BareJid): boolean {
    return this.#kept.get(bare(user))?.subscribed.includes(to) ?? false;
  }

  knows(user: Jid): boolean {
    const whom = bare(user);
    return this.#kept.has(whom) || this.#asking.has(whom);
  }

  /** Where that user knows us. */
  asked(user: Jid): Jid {
    return this.#kept.get(bare(user))?.asked ?? this.#address;
  }

  /** They sent a request: known until the program ends. */
  asks(user: BareJid): void {
    if (!this.#asking.has(user)) this.#asking.set(user, true);
  }

  /** They sent a message to that address. */
  wrote(user: BareJid, to: Jid, now: number): void {
    const asked = to === this.#address ? undefined : to;
    const before = this.#kept.get(user);
    if (before !== undefined && before.asked === asked && now - before.at < day) return;
    this.#put(user, { subscribed: before?.subscribed ?? [], asked, at: now }).catch(this.#failed);
    this.#shrink();
  }

  /** Resolves when it is kept; false: there are too many. */
  async subscribe(user: BareJid, to: BareJid, now: number): Promise<boolean> {
    const before = this.#kept.get(user);
    const subscribed = before?.subscribed ?? [];
    if (subscribed.includes(to)) return true;
    if (subscribed.length >= mostSubscriptions || (subscribed.length === 0 && this.#isFull(user))) return false;
    if (subscribed.length === 0) this.#count(user, 1);
    try {
      await this.#put(user, { ...before, subscribed: [...subscribed, to], at: now });
    } catch (reason) {
      this.unsubscribe(user, to);
      throw reason;
    }
    return true;
  }

  /** From one address of ours, or all; which they were. */
  unsubscribe(user: BareJid, to?: BareJid): readonly BareJid[] {
    const before = this.#kept.get(user);
    if (before === undefined) return [];
    const ended = before.subscribed.filter((each) => to === undefined || each === to);
    const subscribed = before.subscribed.filter((each) => !ended.includes(each));
    if (ended.length === 0) return [];
    if (subscribed.length === 0) this.#count(user, -1);
    this.#put(user, { ...before, subscribed }).catch(this.#failed);
    return ended;
  }

  /** The last tenth is for domains that have less than a tenth: one server's users do not shut out all others. */
  #isFull(user: BareJid): boolean {
    const few = (this.#ofDomain.get(domainOf(user)) ?? 0) < most / 10;
    return this.#subscribers >= (few ? most : most - most / 10);
  }

  #count(user: BareJid, change: 1 | -1): void {
    this.#subscribers += change;
    const domain = domainOf(user);
    const count = (this.#ofDomain.get(domain) ?? 0) + change;
    if (count > 0) this.#ofDomain.set(domain, count);
    else this.#ofDomain.delete(domain);
  }

  #put(user: BareJid, contact: Contact): Promise<void> {
    this.#kept.delete(user); // to the end: the Map's order is that of `at`
    this.#kept.set(user, contact);
    return this.#store.put(this.#address, 'contact', user, JSON.stringify(contact));
  }

  /** Who wrote longest ago is forgotten, unless subscribed. */
  #shrink(): void {
    this.#oldest ??= this.#kept.entries();
    while (this.#kept.size - this.#subscribers > most) {
      const [user, { subscribed }] = this.#oldest.next().value as [BareJid, Contact];
      if (subscribed.length > 0) continue;
      this.#kept.delete(user);
      this.#store.remove(this.#address, 'contact', user).catch(this.#failed);
    }
  }
}

function readContact(key: string, value: string): [BareJid, Contact][] {
  const user = readBare(key);
  if (user === undefined) return [];
  try {
    const { subscribed, asked, at } = JSON.parse(value) as Record<string, unknown>;
    if (!Array.isArray(subscribed) || typeof at !== 'number') return [];
    const addresses = subscribed.map((text) => readBare(String(text))).filter((address) => address !== undefined);
    return [[user, { subscribed: addresses, asked: typeof asked === 'string' ? readJid(asked) : undefined, at }]];
  } catch {
    return [];
  }
}

function readBare(text: string): BareJid | undefined {
  const address = readJid(text);
  return address === undefined || isFull(address) ? undefined : (address as BareJid);
}
