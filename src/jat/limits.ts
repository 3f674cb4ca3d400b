/** How much one user, and all of them, may ask of an address: token buckets, and who may at all. */
import { BoundedMap } from '../wire/bounded.ts';
import { type BareJid, bare, domainOf, type Jid } from '../wire/jid.ts';
import type { AddressSettings, Rate } from './types.ts';

/** Users whose bucket is remembered; a new one starts full, so the address' own bucket bounds what many can do. */
const most = 10_000;
/** Users with nothing open whose share is kept at least: it would be made anew with each request of theirs. */
const mostIdle = 1000;

interface Bucket {
  left: number;
  at: number;
}

/** What is open of one user, of the users of a domain (which contains theirs), or of all. */
export interface Share {
  readonly within: Share | undefined;
  count: number;
  length: number;
}

const newShare = (within?: Share): Share => ({ within, count: 0, length: 0 });

/** May another one pass now? Takes it. */
export function take(bucket: Bucket, { perSecond, burst }: Rate, now: number): boolean {
  bucket.left = Math.min(burst, bucket.left + ((now - bucket.at) / 1000) * perSecond);
  bucket.at = now;
  if (bucket.left < 1) return false;
  bucket.left -= 1;
  return true;
}

/** A rate for one, a rate for all. */
class Meter {
  readonly #ofSender = new BoundedMap<BareJid, Bucket>(most);
  #ofAll: Bucket | undefined;

  passes(sender: BareJid, one: Rate | undefined, all: Rate | undefined, now: number): boolean {
    if (one !== undefined) {
      let bucket = this.#ofSender.get(sender);
      if (bucket === undefined) {
        bucket = { left: one.burst, at: now };
        this.#ofSender.set(sender, bucket);
      }
      if (!take(bucket, one, now)) return false;
    }
    if (all === undefined) return true;
    this.#ofAll ??= { left: all.burst, at: now };
    return take(this.#ofAll, all, now);
  }
}

export class Limits {
  readonly #requests = new Meter();
  readonly #in = new Meter();
  readonly #out = new Meter();
  readonly #open = new Map<BareJid, Share>();
  readonly #ofDomain = new Map<BareJid, Share>();
  readonly #all: Share = newShare();
  /** So many users' shares, and idle ones go. */
  #tidyAt = mostIdle;
  #allow: ReadonlySet<BareJid> = new Set();
  #settings: AddressSettings;

  constructor(settings: AddressSettings) {
    this.#settings = settings;
    this.configure(settings);
  }

  configure(settings: AddressSettings): void {
    this.#settings = settings;
    this.#allow = new Set(settings.allow);
  }

  allows(user: Jid): boolean {
    if (this.#allow.size === 0) return true;
    return this.#allow.has(bare(user)) || this.#allow.has(domainOf(user));
  }

  /**
   * May that one ask now, with so many characters? If so it has a place until `closed()` with what is given back. A target has
   * no sender: it counts among all alone. The users of one server, as many as it makes, leave room for others.
   */
  opens(sender: BareJid | undefined, length: number, now: number): Share | undefined {
    const { limits } = this.#settings;
    if (this.#all.count >= limits.open || this.#all.length + length > limits.length) return undefined;
    if (sender === undefined) return this.#count(this.#all, 1, length);
    const own = this.#open.get(sender) ?? this.#newcomer(sender);
    if (own.count >= limits.openOfSender || own.length + length > limits.lengthOfSender) return undefined;
    if (this.#isCrowded(own.within!, length)) return undefined;
    if (!this.#requests.passes(sender, limits.requestsOfSender, limits.requests, now)) return undefined;
    return this.#count(own, 1, length);
  }

  #newcomer(sender: BareJid): Share {
    if (this.#open.size >= this.#tidyAt) this.#tidy();
    const domain = domainOf(sender);
    const within = this.#ofDomain.get(domain) ?? newShare(this.#all);
    const own = newShare(within);
    this.#ofDomain.set(domain, within);
    this.#open.set(sender, own);
    return own;
  }

  #tidy(): void {
    for (const shares of [this.#open, this.#ofDomain])
      for (const [whose, { count }] of shares) if (count === 0) shares.delete(whose);
    this.#tidyAt = Math.max(mostIdle, 2 * this.#open.size);
  }

  #isCrowded({ count, length: taken }: Share, length: number): boolean {
    const { limits } = this.#settings;
    const places = Math.floor(limits.open / 10);
    const room = limits.length / 10;
    if (count < places && taken + length < room) return false;
    return count > 0 && (this.#all.count >= limits.open - places || this.#all.length + length > limits.length - room);
  }

  closed(share: Share, length: number): void {
    this.#count(share, -1, -length);
  }

  #count(share: Share, count: number, length: number): Share {
    for (let each: Share | undefined = share; each !== undefined; each = each.within) {
      each.count += count;
      each.length += length;
    }
    return share;
  }

  /** Messages and presence of that user. */
  passesIn(user: BareJid, now: number): boolean {
    const { messagesOfSender, messagesOfAll } = this.#settings.limits;
    return this.#in.passes(user, messagesOfSender, messagesOfAll, now);
  }

  /** Messages and presence to that user. */
  passesOut(user: BareJid, now: number): boolean {
    const { messagesOfSender, messagesOfAll } = this.#settings.limits;
    return this.#out.passes(user, messagesOfSender, messagesOfAll, now);
  }
}
