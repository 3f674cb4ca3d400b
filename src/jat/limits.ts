/** How much one user, and all of them, may ask of an address: token buckets, and who may at all. */
import { type BareJid, bare, domainOf, type Jid } from '../wire/jid.ts';
import { BoundedMap } from './bounded.ts';
import type { AddressSettings, Rate } from './types.ts';

/** Users whose bucket is remembered; a new one starts full, so the address' own bucket bounds what many can do. */
const most = 10_000;

interface Bucket {
  left: number;
  at: number;
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
  readonly #open = new Map<BareJid, number>();
  #all = 0;
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

  /** May that one ask now? If so it has a place until `closed()`. A target has no sender: it counts among all alone. */
  opens(sender: BareJid | undefined, now: number): boolean {
    const { limits } = this.#settings;
    if (this.#all >= limits.open) return false;
    if (sender !== undefined) {
      const open = this.#open.get(sender) ?? 0;
      if (open >= limits.openOfSender) return false;
      if (!this.#requests.passes(sender, limits.requestsOfSender, limits.requests, now)) return false;
      this.#open.set(sender, open + 1);
    }
    this.#all++;
    return true;
  }

  closed(sender: BareJid | undefined): void {
    this.#all--;
    if (sender === undefined) return;
    const open = this.#open.get(sender) ?? 0;
    if (open > 1) this.#open.set(sender, open - 1);
    else this.#open.delete(sender);
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
