/** How much one user, and all of them, may ask of an address: token buckets, and who may at all. */
import { BoundedMap } from '../wire/bounded.ts';
import { type BareJid, bare, domainOf, type Jid } from '../wire/jid.ts';
import type { AddressSettings, Rate } from './types.ts';

/** Users whose bucket is remembered; a new one starts full, so the address' own bucket bounds what many can do. */
const most = 10_000;

interface Bucket {
  left: number;
  at: number;
}

/** Of what is open. */
interface Share {
  count: number;
  length: number;
}

function add(share: Share, count: number, length: number): void {
  share.count += count;
  share.length += length;
}

function tally(shares: Map<BareJid, Share>, whose: BareJid, count: number, length: number): void {
  const share = shares.get(whose) ?? { count: 0, length: 0 };
  add(share, count, length);
  if (share.count > 0) shares.set(whose, share);
  else shares.delete(whose);
}

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
  readonly #all: Share = { count: 0, length: 0 };
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
   * May that one ask now, with so many characters? If so it has a place until `closed()` with the same. A target has no sender:
   * it counts among all alone. The users of one server, as many as it makes, leave room for others.
   */
  opens(sender: BareJid | undefined, length: number, now: number): boolean {
    const { limits } = this.#settings;
    if (this.#all.count >= limits.open || this.#all.length + length > limits.length) return false;
    if (sender !== undefined) {
      const own = this.#open.get(sender);
      if (own !== undefined && own.count >= limits.openOfSender) return false;
      if ((own?.length ?? 0) + length > limits.lengthOfSender) return false;
      if (this.#isCrowded(domainOf(sender), length)) return false;
      if (!this.#requests.passes(sender, limits.requestsOfSender, limits.requests, now)) return false;
    }
    this.#count(sender, 1, length);
    return true;
  }

  #isCrowded(domain: BareJid, length: number): boolean {
    const { limits } = this.#settings;
    const [places, room] = [Math.floor(limits.open / 10), limits.length / 10];
    const share = this.#ofDomain.get(domain);
    if (share === undefined || (share.count < places && share.length + length < room)) return false;
    return this.#all.count >= limits.open - places || this.#all.length + length > limits.length - room;
  }

  closed(sender: BareJid | undefined, length: number): void {
    this.#count(sender, -1, -length);
  }

  #count(sender: BareJid | undefined, count: number, length: number): void {
    add(this.#all, count, length);
    if (sender === undefined) return;
    tally(this.#open, sender, count, length);
    tally(this.#ofDomain, domainOf(sender), count, length);
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
