/**
 * Presence between users and a target. What a user directs to an address (XEP-0045 §7.1 among others) goes to one resource,
 * which then has that user's room.
 */
import { type BareJid, bare, isFull, type Jid } from '../wire/jid.ts';
import { NS } from '../wire/ns.ts';
import { errorOf, Stanza } from '../wire/stanza.ts';
import { hasChild, xml } from '../wire/xml.ts';
import type { Announcements } from './announcements.ts';
import { Owned } from './bounded.ts';
import { toTarget, toUser } from './exchange.ts';
import { whyNot } from './initiative.ts';
import { endsOf, type Place } from './place.ts';
import type { Resource } from './target.ts';
import type { Way } from './types.ts';

/** Directed presence that is remembered, of all users and of one. */
const most = 10_000;
const mostOfUser = 100;

/** Presence that a user has directed to one address of ours. */
interface Directed {
  user: Jid;
  /** As it was addressed: a room's occupant, or an address. */
  asked: Jid;
  resource: Resource;
  way: Way;
  isRoom: boolean;
}

export class Presences {
  readonly #place: Place;
  /** By user, and the bare address asked. */
  readonly #directed = new Owned<Jid, Directed>(most, mostOfUser);
  readonly #announcements: Announcements;

  constructor(place: Place, announcements: Announcements) {
    this.#place = place;
    this.#announcements = announcements;
  }

  /** Who has a user's room: what is sent there goes to that one. */
  holder(user: Jid, asked: BareJid): Resource | undefined {
    if (this.#directed.isEmpty) return undefined;
    const directed = this.#directed.get(user, asked);
    return directed?.isRoom ? directed.resource : undefined;
  }

  /** As what that user knows a resource that has presence of theirs. */
  asked(user: Jid, from: Jid): Jid | undefined {
    return this.#of(user, from)?.asked;
  }

  #of(user: Jid, from: Jid): Directed | undefined {
    if (this.#directed.isEmpty) return undefined;
    return this.#directed.of(user).find(({ resource }) => resource.jid === from);
  }

  fromUser(presence: Stanza, user: Jid, asked: Jid, way: Way): void {
    const { limits, statistics, world } = this.#place;
    const now = world.clock.now();
    statistics.counters.presences++;
    if (presence.type === 'error') return this.#userError(presence, user);
    if (!limits.allows(user)) return this.#forbid(presence, user, asked, way);
    if (!limits.passesIn(bare(user), now)) return statistics.dropped('limit');
    switch (presence.type) {
      case undefined:
      case 'unavailable':
        return this.#direct(presence, user, asked, way);
      case 'subscribe':
        return void this.#announcements.subscribe(presence, bare(user), bare(asked), way);
      case 'unsubscribe':
        return this.#announcements.unsubscribe(bare(user), bare(asked), way);
      case 'probe':
        return this.#announcements.probed(user, bare(asked), way);
      case 'subscribed':
      case 'unsubscribed':
        return this.#toAccount(presence, bare(user), asked);
      default:
        return statistics.dropped('malformed');
    }
  }

  #forbid({ type }: Stanza, user: Jid, asked: Jid, way: Way): void {
    if (type === 'subscribe' || type === 'probe') this.#announcements.refuse(bare(user), bare(asked), way);
    this.#place.statistics.dropped('not allowed');
  }

  #direct(presence: Stanza, user: Jid, asked: Jid, way: Way): void {
    const { choice, settings, statistics } = this.#place;
    const before = this.#directed.get(user, bare(asked));
    const isJoin = hasChild(presence.tree, 'x', NS.muc);
    if (presence.type === 'unavailable') this.#directed.delete(user, bare(asked));
    const holder = before?.resource.gone ? undefined : before?.resource;
    if (before === undefined && !isJoin && settings.encoding === 'localpart')
      return this.#toAccount(presence, user, asked);
    if (presence.type === 'unavailable' && holder === undefined) return statistics.dropped('undeliverable');
    const resource = holder ?? (settings.enabled ? choice.choose(settings.policy, bare(user)) : undefined);
    if (resource === undefined) {
      statistics.dropped('undeliverable');
      if (isJoin) this.#place.ways.answer(way, errorOf(presence, 'service-unavailable'));
      return;
    }
    const isRoom = isJoin || (before?.isRoom ?? false);
    if (presence.type === undefined) this.#directed.set(user, bare(asked), { user, asked, resource, way, isRoom });
    this.#send(presence, user, asked, resource.jid, resource.way);
  }

  /** To the bare address: its server tells whom it concerns. */
  #toAccount(presence: Stanza, user: Jid, asked: Jid): void {
    const { address, choice, statistics, world } = this.#place;
    const account = choice.account(bare(user));
    if (account === undefined) return statistics.dropped('undeliverable');
    this.#send(presence, user, asked, account, world.way(address, account));
  }

  #send(presence: Stanza, user: Jid, asked: Jid, to: Jid, way: Way): void {
    const { statistics, users, ways } = this.#place;
    const seen = users.seen(user);
    if (seen === undefined) return statistics.dropped('limit');
    const send = () => {
      const inward = toTarget(presence, endsOf(this.#place, user, asked, to), seen);
      if (!ways.send(way, inward)) statistics.dropped('closed');
    };
    const written = users.ready(user);
    if (written === undefined) send();
    else written.then(send, () => statistics.dropped('undeliverable'));
  }

  /** About presence of ours: the account is not there any more. */
  #userError(presence: Stanza, user: Jid): void {
    const { contacts, statistics } = this.#place;
    statistics.dropped('unasked error');
    const error = presence.tree.getChild('error');
    if (isFull(user) || error === undefined) return;
    if (hasChild(error, 'gone', NS.stanzas) || hasChild(error, 'item-not-found', NS.stanzas))
      contacts.unsubscribe(user as BareJid);
  }

  /** From a target to a user: what a user directed to it is answered so, and a target may want a user's presence. */
  fromTarget(presence: Stanza, from: Jid, user: Jid, way: Way): void {
    const { contacts, limits, statistics, world } = this.#place;
    statistics.counters.presences++;
    const directed = this.#of(user, from);
    if (presence.type === 'error' && directed === undefined) return statistics.dropped('unasked error');
    const forbidden = whyNot(this.#place, user);
    if (directed === undefined && forbidden !== undefined) {
      if (presence.type === 'subscribe') this.#toldTarget(presence, way);
      return statistics.dropped('not allowed');
    }
    if (!limits.passesOut(bare(user), world.clock.now())) return statistics.dropped('limit');
    if (presence.type === 'error') this.#directed.delete(user, bare(directed!.asked));
    if (presence.type === 'subscribed') return statistics.dropped('undeliverable'); // we have answered that
    if (presence.type === 'unsubscribed') contacts.unsubscribe(bare(user));
    const isAboutSubscription = presence.type?.includes('subscribe') ?? false;
    const asked = isAboutSubscription ? bare(contacts.asked(user)) : (directed?.asked ?? contacts.asked(user));
    const to = isAboutSubscription ? bare(user) : user;
    const outward = toUser(presence, endsOf(this.#place, user, asked, from), asked, to);
    if (!this.#place.ways.send(world.way(this.#place.address, user), outward)) statistics.dropped('closed');
  }

  /** It may not ask for that user's presence. */
  #toldTarget(presence: Stanza, way: Way): void {
    const { to, from } = presence;
    this.#place.ways.answer(way, Stanza.of(xml('presence', { type: 'unsubscribed', from: to, to: from })));
  }

  /** Its rooms are empty for those who were in. */
  gone(resource: Resource): void {
    for (const { asked, isRoom, resource: holder, user, way } of this.#directed.values()) {
      if (holder !== resource) continue;
      this.#directed.delete(user, bare(asked));
      const left = xml('presence', { type: 'unavailable', from: asked, to: user });
      if (isRoom) this.#place.ways.answer(way, Stanza.of(left));
    }
  }
}
