/** An address is available while a resource of its target is: who is subscribed to it, and what they are told. */
import type { Timer } from '../wire/clock.ts';
import { type BareJid, bare, type Jid } from '../wire/jid.ts';
import { errorOf, Stanza } from '../wire/stanza.ts';
import { xml } from '../wire/xml.ts';
import type { Place } from './place.ts';
import type { Way } from './types.ts';

/** From so many subscribers on, a target that comes and goes is told of more rarely: a millisecond for each. */
const many = 100;

export class Announcements {
  readonly #place: Place;
  /** What was said last to those that can be told by now; undefined: nothing. */
  #announced: boolean | undefined;
  #quietUntil = 0;
  #later: Timer | undefined;

  constructor(place: Place) {
    this.#place = place;
  }

  get available(): boolean {
    return this.#place.settings.enabled && this.#place.target.size > 0;
  }

  /** They may not use that address. */
  refuse(user: BareJid, asked: BareJid, way: Way): void {
    this.#tell(way, asked, user, 'unsubscribed');
  }

  async subscribe(presence: Stanza, user: BareJid, asked: BareJid, way: Way): Promise<void> {
    const { contacts, statistics, ways, world } = this.#place;
    try {
      if (!(await contacts.subscribe(user, asked, world.clock.now()))) {
        statistics.dropped('limit');
        return ways.answer(way, errorOf(presence, 'resource-constraint'));
      }
      this.#tell(way, asked, user, 'subscribed');
      if (this.available) ways.answer(way, this.#current(asked, user));
    } catch (reason) {
      world.log.error('subscriber not kept', { address: asked, reason: String(reason) });
      ways.answer(way, errorOf(presence, 'internal-server-error'));
    }
  }

  /** RFC 6121 §3.3.3 */
  unsubscribe(user: BareJid, asked: BareJid, way: Way): void {
    if (this.#place.contacts.unsubscribe(user, asked).length > 0) this.#tell(way, asked, user, 'unavailable');
  }

  /** RFC 6121 §4.3.2 */
  probed(user: Jid, asked: BareJid, way: Way): void {
    const isSubscribed = this.#place.contacts.isSubscribed(user, asked);
    if (isSubscribed) this.#place.ways.answer(way, this.#current(asked, user));
    else this.#tell(way, asked, bare(user), 'unsubscribed');
  }

  #tell(way: Way, from: BareJid, to: Jid, type: string): void {
    this.#place.ways.answer(way, Stanza.of(xml('presence', { type, from, to })));
  }

  #current(from: BareJid, to: Jid): Stanza {
    const { identity } = this.#place;
    return Stanza.of(this.available ? identity.presence() : xml('presence', { type: 'unavailable' })).readdress({
      from,
      to,
    });
  }

  /** Subscribers hear of a change; false: there is none, or not yet. */
  announce(): boolean {
    const { available } = this;
    const { contacts, isStarting, world } = this.#place;
    if (available === this.#announced) return false;
    if (this.#announced === undefined && !available && isStarting()) return false;
    const now = world.clock.now();
    if (now < this.#quietUntil) {
      this.#later ??= world.clock.after(this.#quietUntil - now, () => {
        this.#later = undefined;
        this.announce();
      });
      return false;
    }
    if (contacts.subscribers >= many) this.#quietUntil = now + contacts.subscribers;
    this.#announced = available;
    this.#toSubscribers(() => true);
    return true;
  }

  /** Who may not use the address any more hears no more of it. */
  dismiss(): void {
    const { address, contacts, limits, world } = this.#place;
    for (const [user, from] of [...contacts.subscribed()]) {
      if (limits.allows(user)) continue;
      contacts.unsubscribe(user, from);
      for (const type of ['unavailable', 'unsubscribed']) this.#tell(world.way(address, user), from, user, type);
    }
  }

  /** The name or picture is another. */
  renew(): void {
    if (this.#announced) this.#toSubscribers(() => true);
  }

  /** They shall be told again, with the next change. */
  unsaid(): void {
    this.#announced = undefined;
  }

  /** Nobody there can have heard anything while that way was down. */
  announceBy(way: Way): void {
    if (!this.announce()) this.#toSubscribers((each) => each === way);
  }

  #toSubscribers(fits: (way: Way) => boolean): void {
    const { address, contacts, identity, ways, world } = this.#place;
    const presence = Stanza.of(this.available ? identity.presence() : xml('presence', { type: 'unavailable' }));
    for (const [user, from] of contacts.subscribed()) {
      const way = world.way(address, user);
      if (fits(way)) ways.send(way, presence.readdress({ from, to: user }));
    }
  }

  /** The address is taken away, or the program ends. */
  end(type: 'unavailable' | 'unsubscribed'): void {
    const { address, contacts, ways, world } = this.#place;
    this.#later?.cancel();
    if (type === 'unavailable' && !this.#announced) return;
    const presence = Stanza.of(xml('presence', { type }));
    for (const [user, from] of contacts.subscribed())
      ways.send(world.way(address, user), presence.readdress({ from, to: user }));
  }
}
