/** Messages between users and a target, both ways, with what is said about them: errors, receipts, states. */
import { BoundedMap } from '../wire/bounded.ts';
import { bare, detached, isFull, type Jid } from '../wire/jid.ts';
import type { Stanza } from '../wire/stanza.ts';
import { brief } from './bounded.ts';
import { toTarget, toUser } from './exchange.ts';
import { whyNot } from './initiative.ts';
import { endsOf, type Place, refuse } from './place.ts';
import type { Presences } from './presences.ts';
import { bondOf, sessionPayload } from './sticky.ts';
import type { Resource } from './target.ts';
import type { Way } from './types.ts';

/** Messages whose error would be passed on. */
const most = 5000;

/** What one message may become. */
const mostCopies = 20;

/** One place that a message goes to. */
interface Receiver {
  to: Jid;
  way: Way;
}

export class Messages {
  readonly #place: Place;
  readonly #presences: Presences;
  /** Messages of users: user and id; and of targets, with who wrote it. */
  readonly #inward = new BoundedMap<string, { asked: Jid; user: Jid; way: Way }>(most);
  readonly #outward = new BoundedMap<string, { from: Jid; way: Way }>(most);

  constructor(place: Place, presences: Presences) {
    this.#place = place;
    this.#presences = presences;
  }

  fromUser(message: Stanza, user: Jid, asked: Jid, way: Way): void {
    const { contacts, limits, settings, statistics, users, world } = this.#place;
    if (message.type === 'error') return this.#userError(message, user, asked);
    const now = world.clock.now();
    const sender = bare(user);
    if (!limits.allows(user)) return refuse(this.#place, message, way, 'forbidden', 'not allowed');
    if (!settings.enabled) return refuse(this.#place, message, way, 'service-unavailable', 'undeliverable');
    if (!limits.passesIn(sender, now)) return refuse(this.#place, message, way, 'resource-constraint', 'limit');
    const seen = users.seen(user);
    if (seen === undefined)
      return refuse(this.#place, message, way, 'resource-constraint', 'limit', 'Your address is too long');
    contacts.wrote(sender, asked, now);
    statistics.message(now);
    const written = users.ready(user);
    if (written === undefined) return this.#deliver(message, user, asked, way, seen);
    written.then(
      () => this.#deliver(message, user, asked, way, seen),
      () => refuse(this.#place, message, way, 'internal-server-error', 'undeliverable'),
    );
  }

  #deliver(message: Stanza, user: Jid, asked: Jid, way: Way, seen: Jid): void {
    const receivers = this.#receivers(message, user, asked);
    if (typeof receivers === 'string') return refuse(this.#place, message, way, receivers, 'undeliverable');
    let isSent = false;
    for (const { to, way: away } of receivers) {
      const inward = toTarget(message, endsOf(this.#place, user, asked, to), seen);
      isSent = this.#place.ways.send(away, inward) || isSent;
    }
    if (!isSent) return refuse(this.#place, message, way, 'recipient-unavailable', 'undeliverable');
    if (message.id !== undefined) this.#inward.set(detached(keyOf(seen, message.id)), { asked, user, way });
  }

  /** RFC 6121 §8.5: what is part of a session goes to who has it; other messages to the account, or to each resource. */
  #receivers(message: Stanza, user: Jid, asked: Jid): readonly Receiver[] | 'service-unavailable' | 'item-not-found' {
    const { address, choice, settings, sticky, target, world } = this.#place;
    const bond = bondOf(sessionPayload(message.tree));
    const holder = (bond && sticky.holder(user, bond.name)) ?? this.#presences.holder(user, bare(asked));
    if (holder?.gone) return 'item-not-found';
    if (holder !== undefined) {
      if (bond !== undefined) sticky.note(user, bond, holder);
      return [receiver(holder)];
    }
    if (message.type === 'groupchat') return 'service-unavailable'; // in no room
    if (settings.messages === 'resources' && target.candidates.length > 0)
      return target.candidates.slice(0, mostCopies).map(receiver);
    const account = choice.account(bare(user));
    return account === undefined ? 'service-unavailable' : [{ to: account, way: world.way(address, account) }];
  }

  /** A user's error is about a message of the target, or about nothing. */
  #userError(message: Stanza, user: Jid, asked: Jid): void {
    const { statistics, users } = this.#place;
    const key = keyOf(bare(user), message.id);
    const about = this.#outward.get(key);
    const seen = users.seen(user);
    if (about === undefined || seen === undefined) return statistics.dropped('unasked error');
    this.#outward.delete(key);
    const ends = endsOf(this.#place, user, asked, about.from);
    if (!this.#place.ways.send(about.way, toTarget(message, ends, seen))) statistics.dropped('closed');
  }

  fromTarget(message: Stanza, from: Jid, user: Jid, way: Way): void {
    const { contacts, limits, settings, statistics, world } = this.#place;
    if (message.type === 'error') return this.#targetError(message, from, user);
    const now = world.clock.now();
    const forbidden = settings.enabled ? whyNot(this.#place, user) : 'service-unavailable';
    if (forbidden !== undefined) return refuse(this.#place, message, way, forbidden, 'not allowed');
    if (!limits.passesOut(bare(user), now)) return refuse(this.#place, message, way, 'resource-constraint', 'limit');
    statistics.message(now);
    this.#bind(message, from, user);
    const asked = this.#presences.asked(user, from) ?? contacts.asked(user);
    const outward = toUser(message, endsOf(this.#place, user, asked, from), asked, user);
    if (!this.#place.ways.send(world.way(this.#place.address, user), outward))
      return refuse(this.#place, message, way, 'recipient-unavailable', 'undeliverable');
    if (message.id !== undefined) this.#outward.set(detached(keyOf(bare(user), message.id)), { from, way });
  }

  #bind(message: Stanza, from: Jid, user: Jid): void {
    const { sticky, target } = this.#place;
    const resource = isFull(from) ? target.resource(from) : undefined;
    const bond = resource && bondOf(sessionPayload(message.tree));
    if (bond === undefined || resource === undefined) return;
    sticky.note(user, bond, resource);
  }

  /** Of several receivers' errors the first is passed on: the user wrote one message. */
  #targetError(message: Stanza, from: Jid, user: Jid): void {
    const { statistics, users } = this.#place;
    const key = keyOf(users.seen(user), message.id);
    const about = this.#inward.get(key);
    if (about === undefined) return statistics.dropped('unasked error');
    this.#inward.delete(key);
    const ends = endsOf(this.#place, about.user, about.asked, from);
    this.#place.ways.answer(about.way, toUser(message, ends, about.asked, about.user));
  }
}

const receiver = ({ jid, way }: Resource): Receiver => ({ to: jid, way });

const keyOf = (user: Jid | undefined, id = ''): string => `${user}\n${brief(id)}`;
