/** Which resource gets the next request. The weight counts for each resource of an account. */
import { createHash } from 'node:crypto';
import { BoundedMap } from '../wire/bounded.ts';
import type { BareJid } from '../wire/jid.ts';
import type { Resource, Target } from './target.ts';
import type { Policy } from './types.ts';

/** Senders whose resource is remembered. */
const most = 10_000;

export class Choice {
  readonly #target: Target;
  readonly #random: () => number;
  /** Whom a sender has had, where that must or shall stay so. */
  readonly #stuck = new BoundedMap<BareJid, Resource>(most);

  constructor(target: Target, random: () => number) {
    this.#target = target;
    this.#random = random;
  }

  /** Undefined: nobody is there, but for `not`. */
  choose(policy: Policy, sender: BareJid, not?: Resource): Resource | undefined {
    const all = this.#target.candidates;
    const candidates = not === undefined ? all : all.filter((resource) => resource !== not);
    if (candidates.length < 2) return candidates[0];
    switch (policy) {
      case 'random':
        return weighted(candidates, this.#random());
      case 'round-robin':
        return next(candidates);
      case 'least-pending':
        return this.#least(candidates);
      case 'sticky':
        return this.#stick(candidates, sender);
    }
  }

  /** For messages: one account for one sender, whoever of it is there. */
  account(sender: BareJid): BareJid | undefined {
    const resource = this.choose('sticky', sender);
    if (resource !== undefined) return resource.account.jid;
    const accounts = [...this.#target.accounts.values()];
    const open = accounts.filter(({ drained }) => !drained);
    return best(open.length > 0 ? open : accounts, ({ jid, weight }) => score(sender, jid, weight))?.jid;
  }

  #least(candidates: readonly Resource[]): Resource {
    const share = ({ open, account }: Resource) => open / account.weight;
    const least = Math.min(...candidates.map(share));
    const equal = candidates.filter((resource) => share(resource) === least);
    return equal.length === 1 ? equal[0]! : weighted(equal, this.#random());
  }

  #stick(candidates: readonly Resource[], sender: BareJid): Resource {
    const before = this.#stuck.get(sender);
    if (before !== undefined && candidates.includes(before)) return before;
    const chosen = best(candidates, ({ jid, account }) => score(sender, jid, account.weight))!;
    this.#stuck.set(sender, chosen);
    return chosen;
  }
}

function weighted(candidates: readonly Resource[], random: number): Resource {
  let total = 0;
  for (const { account } of candidates) total += account.weight;
  let left = random * total;
  for (const resource of candidates) {
    left -= resource.account.weight;
    if (left < 0) return resource;
  }
  return candidates.at(-1)!;
}

/** Smooth weighted round-robin: each gains its weight, the richest pays for all. */
function next(candidates: readonly Resource[]): Resource {
  let total = 0;
  let richest = candidates[0]!;
  for (const resource of candidates) {
    total += resource.account.weight;
    resource.turn += resource.account.weight;
    if (resource.turn > richest.turn) richest = resource;
  }
  richest.turn -= total;
  return richest;
}

/** Rendezvous hashing: the same sender finds the same one after a restart, and others coming and going move few. */
function score(sender: BareJid, jid: string, weight: number): number {
  const hash = createHash('sha1').update(`${sender}\0${jid}`).digest().readUInt32BE(0);
  return -weight / Math.log((hash + 1) / (2 ** 32 + 1));
}

function best<T>(list: readonly T[], of: (item: T) => number): T | undefined {
  let found: T | undefined;
  let most = Number.NEGATIVE_INFINITY;
  for (const item of list) {
    const value = of(item);
    if (value > most) [found, most] = [item, value];
  }
  return found;
}
