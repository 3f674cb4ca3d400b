/** Requests of a target to users: it may ask whom it knows, or everybody where that is allowed. */
import { type Condition, StanzaError } from '../wire/error.ts';
import { isFull, type Jid } from '../wire/jid.ts';
import { errorOf, type Stanza } from '../wire/stanza.ts';
import { firstElement } from '../wire/xml.ts';
import { toTarget, toUser } from './exchange.ts';
import type { Share } from './limits.ts';
import type { Open } from './open.ts';
import { endsOf, type Place, refuse } from './place.ts';
import { bondOf } from './sticky.ts';
import type { Way } from './types.ts';

interface Asked extends Open {
  /** By which it went to the user. */
  readonly away: Way;
  readonly share: Share;
}

/** Why a target may not speak to that user; undefined: it may. */
export function whyNot({ contacts, limits, serves, settings }: Place, user: Jid): Condition | undefined {
  if (serves(user)) return 'not-allowed'; // from here to another address of ours, and on for ever
  if (contacts.knows(user)) return undefined;
  return settings.initiate && limits.allows(user) ? undefined : 'forbidden';
}

export class Initiative {
  readonly #place: Place;

  constructor(place: Place) {
    this.#place = place;
  }

  /** `seen`: the user as the target sees them. */
  take(request: Stanza, from: Jid, user: Jid, way: Way): void {
    const { contacts, limits, open: table, settings, sticky, target, world } = this.#place;
    const now = world.clock.now();
    const payload = firstElement(request.tree);
    const { length } = request.rest;
    if (request.id === undefined || payload === undefined) return this.#refuse(request, way, 'bad-request');
    const forbidden = settings.enabled ? whyNot(this.#place, user) : 'service-unavailable';
    if (forbidden !== undefined) return this.#refuse(request, way, forbidden);
    const share = limits.opens(undefined, length, now);
    if (share === undefined) return this.#refuse(request, way, 'resource-constraint');
    const asked = contacts.asked(user);
    const ends = endsOf(this.#place, user, asked, from);
    const resource = isFull(from) ? target.resource(from) : undefined;
    const bond = bondOf(payload);
    if (bond !== undefined && resource !== undefined) sticky.note(user, bond, resource);
    const away = world.way(this.#place.address, user);
    const open: Asked = {
      owner: this,
      request,
      asker: from,
      way,
      away,
      share,
      since: now,
      deadline: now + settings.timeout,
      answered: (response) => {
        limits.closed(share, length);
        this.#place.ways.answer(way, toTarget(response, ends, request.to!, request.id));
      },
      expired: () => {
        limits.closed(share, length);
        this.#place.ways.answer(way, errorOf(request, new StanzaError('remote-server-timeout', 'No answer in time')));
      },
      name: undefined,
    };
    table.add(open);
    const id = table.ask(open, user, asked);
    if (!this.#place.ways.send(away, toUser(request, ends, asked, user, id))) this.#finish(open);
  }

  #refuse(request: Stanza, way: Way, condition: Condition): void {
    refuse(this.#place, request, way, condition, 'not allowed');
  }

  #finish(open: Asked): void {
    const { limits, open: table, ways } = this.#place;
    table.recall(open);
    if (!table.remove(open)) return;
    limits.closed(open.share, open.request.rest.length);
    ways.answer(open.way, errorOf(open.request, new StanzaError('remote-server-timeout', 'No way to that user now')));
  }

  /** That way is down, and answers that should come by it may be lost. */
  closed(way: Way): void {
    this.#end((open) => open.away === way);
  }

  /** The address ends, or the program. */
  end(): void {
    this.#end(() => true);
  }

  #end(which: (open: Asked) => boolean): void {
    for (const open of this.#place.open.all())
      if (open.owner === this && which(open as Asked)) this.#finish(open as Asked);
  }
}
