/** Requests of users: each goes to one resource of the target and has exactly one answer, whatever becomes of that resource. */
import { type Condition, StanzaError } from '../wire/error.ts';
import { type BareJid, bare, type Jid, knownBare } from '../wire/jid.ts';
import { NS } from '../wire/ns.ts';
import { errorOf, resultOf, type Stanza } from '../wire/stanza.ts';
import { type Element, firstElement, xml } from '../wire/xml.ts';
import { toTarget, toUser } from './exchange.ts';
import type { Health } from './health.ts';
import { questionOf } from './identity.ts';
import type { Share } from './limits.ts';
import type { Open } from './open.ts';
import { conditionOf, endsOf, type Place, refuse } from './place.ts';
import type { Presences } from './presences.ts';
import { bondOf } from './sticky.ts';
import type { Resource } from './target.ts';
import type { Way } from './types.ts';

/** A user's request, from its coming to its answer. */
interface Asked extends Open {
  /** The asker's bare address. */
  readonly sender: BareJid;
  readonly asked: Jid;
  readonly payload: Element;
  /** Its place among what is open. */
  readonly share: Share;
  /** Who has it now. */
  resource: Resource | undefined;
  /** Who had it and is gone. */
  tried: Resource | undefined;
}

export class Requests {
  readonly #place: Place;
  readonly #health: Health;
  readonly #presences: Presences;
  /** Those that no resource has yet. */
  readonly #waiting = new Set<Asked>();

  constructor(place: Place, health: Health, presences: Presences) {
    this.#place = place;
    this.#health = health;
    this.#presences = presences;
  }

  get waiting(): number {
    return this.#waiting.size;
  }

  take(request: Stanza, user: Jid, asked: Jid, way: Way): void {
    const { contacts, limits, settings, statistics, world } = this.#place;
    const now = world.clock.now();
    const sender = knownBare(user);
    const payload = firstElement(request.tree);
    statistics.request(now);
    if (!limits.allows(user)) return this.#refuse(request, way, 'forbidden');
    if (request.id === undefined || payload === undefined) return this.#refuse(request, way, 'bad-request');
    if (!settings.enabled) return this.#refuse(request, way, 'service-unavailable');
    const share = limits.opens(sender, request.rest.length, now);
    if (share === undefined) return this.#refuse(request, way, 'resource-constraint');
    contacts.asks(sender);
    const known = request.type === 'get' ? this.#known(payload, now) : undefined;
    if (known !== undefined) {
      limits.closed(share, request.rest.length);
      statistics.counters.answered++;
      return this.#place.ways.answer(way, resultOf(request, known));
    }
    const open: Asked = {
      owner: this,
      request,
      asker: user,
      sender,
      asked,
      payload,
      share,
      way,
      since: now,
      deadline: now + settings.timeout,
      answered: (response) => this.#answered(open, response),
      expired: () => this.#expired(open),
      name: undefined,
      resource: undefined,
      tried: undefined,
    };
    this.#place.open.add(open);
    this.#hand(open);
  }

  #refuse(request: Stanza, way: Way, condition: Condition): void {
    refuse(this.#place, request, way, condition, 'undeliverable');
  }

  /** What the address says itself, or has heard from its target a moment ago. */
  #known(payload: Element, now: number): Element | undefined {
    const { identity } = this.#place;
    const question = questionOf(payload);
    if (question === 'info') return identity.cached(now);
    return question === 'card' && identity.hasCard ? identity.card() : undefined;
  }

  #hand(open: Asked): void {
    const { choice, settings, sticky, users } = this.#place;
    const user = open.asker;
    const bond = bondOf(open.payload);
    const holder = (bond && sticky.holder(user, bond.name)) ?? this.#presences.holder(user, bare(open.asked));
    if (holder?.gone) return this.#finish(open, 'item-not-found', 'That session has ended');
    const resource = holder ?? choice.choose(settings.policy, open.sender, open.tried);
    if (resource === undefined) return this.#nobody(open);
    const seen = users.seen(user);
    if (seen === undefined) return this.#finish(open, 'resource-constraint', 'Your address is too long');
    const written = users.ready(user);
    if (bond !== undefined && (bond.begins || holder !== undefined)) sticky.note(user, bond, resource);
    if (written === undefined) return this.#send(open, resource, seen);
    const again = () => void (this.#place.open.has(open) && this.#hand(open));
    written.then(again, () => this.#finish(open, 'internal-server-error'));
  }

  #send(open: Asked, resource: Resource, seen: Jid): void {
    const { open: table, ways } = this.#place;
    const id = table.ask(open, resource.jid, seen);
    open.resource = resource;
    resource.open++;
    const ends = endsOf(this.#place, open.asker, open.asked, resource.jid);
    if (!ways.send(resource.way, toTarget(open.request, ends, seen, id))) this.#lost(open);
  }

  /** Nobody is there: it waits for the first, or is answered. */
  #nobody(open: Asked): void {
    if (this.#place.isStarting()) this.#waiting.add(open);
    else this.#alone(open);
  }

  #alone(open: Asked): void {
    if (open.tried !== undefined) return this.#finish(open, 'recipient-unavailable', 'Whoever had it is gone');
    const own = open.request.type === 'get' ? this.#own(open.payload) : undefined;
    if (own === undefined) return this.#finish(open, 'service-unavailable', 'Nobody is there');
    if (this.#off(open)) this.#place.ways.answer(open.way, resultOf(open.request, own));
  }

  #own(payload: Element): Element | undefined {
    const question = questionOf(payload);
    if (question === 'info') return this.#place.identity.own();
    return question === 'items' ? xml('query', NS.discoItems) : undefined;
  }

  /** The first resource is there. */
  flush(): void {
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const open of waiting) if (this.#place.open.has(open)) this.#hand(open);
  }

  /** None has come in time. */
  giveUp(): void {
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const open of waiting) if (this.#place.open.has(open)) this.#alone(open);
  }

  /** That resource is gone: a get does no harm when it is asked again, a set might. */
  gone(resource: Resource): void {
    if (resource.open === 0) return;
    for (const open of this.#place.open.all())
      if (open.owner === this && (open as Asked).resource === resource) this.#lost(open as Asked);
  }

  #lost(open: Asked): void {
    const { open: table, statistics } = this.#place;
    table.recall(open);
    const before = open.resource!;
    before.open--;
    open.resource = undefined;
    const isFirst = open.tried === undefined;
    open.tried = before;
    if (open.request.type !== 'get' || !isFirst)
      return this.#finish(open, 'recipient-unavailable', 'Whoever had it is gone');
    statistics.counters.retried++;
    this.#hand(open);
  }

  #answered(open: Asked, response: Stanza): void {
    const { identity, limits, statistics, sticky, ways, world } = this.#place;
    const resource = open.resource!;
    const now = world.clock.now();
    const condition = response.type === 'error' ? conditionOf(response) : undefined;
    if (condition !== undefined) statistics.error(now, condition, resource.jid);
    // not a word of the resource itself: its server has found it gone, and says so before its presence does
    if (condition === 'recipient-unavailable') return this.#bounced(open);
    resource.open--;
    resource.answered++;
    this.#health.answered(resource, now);
    limits.closed(open.share, open.request.rest.length);
    statistics.answered(open.since, now);
    const payload = response.type === 'result' ? firstElement(response.tree) : undefined;
    const bond = bondOf(payload);
    if (bond !== undefined) sticky.note(open.asker, bond, resource);
    const ends = endsOf(this.#place, open.asker, open.asked, resource.jid);
    const { request } = open;
    let answer = toUser(response, ends, request.to!, request.from!, request.id);
    if (payload !== undefined && request.type === 'get' && questionOf(open.payload) === 'info') {
      identity.learn(firstElement(answer.tree)!, now);
      answer = resultOf(request, identity.cached(now));
    }
    ways.answer(open.way, answer);
    this.#health.refused(resource, condition);
  }

  /** Off the table already: on it again, to be lost in the usual way. */
  #bounced(open: Asked): void {
    this.#place.open.add(open);
    this.#lost(open);
  }

  #expired(open: Asked): void {
    const { limits, statistics, ways, world } = this.#place;
    const { resource } = open;
    this.#waiting.delete(open);
    limits.closed(open.share, open.request.rest.length);
    const isNew = resource === undefined && open.tried === undefined;
    const condition = isNew ? 'service-unavailable' : 'remote-server-timeout';
    statistics.refused(condition);
    statistics.error(world.clock.now(), condition, resource?.jid);
    ways.answer(open.way, errorOf(open.request, new StanzaError(condition, 'No answer in time')));
    if (resource === undefined) return;
    statistics.counters.timeouts++;
    resource.open--;
    this.#health.missed(resource);
  }

  /** Every other end. */
  #finish(open: Asked, condition: Condition, text = ''): void {
    const { statistics, ways, world } = this.#place;
    if (!this.#off(open)) return;
    statistics.refused(condition);
    statistics.error(world.clock.now(), condition, open.tried?.jid);
    ways.answer(open.way, errorOf(open.request, new StanzaError(condition, text)));
  }

  #off(open: Asked): boolean {
    this.#waiting.delete(open);
    if (!this.#place.open.remove(open)) return false;
    this.#place.limits.closed(open.share, open.request.rest.length);
    return true;
  }

  /** The address ends, or the program. */
  end(): void {
    for (const open of this.#place.open.all())
      if (open.owner === this) this.#finish(open as Asked, 'recipient-unavailable', 'The service stops');
  }
}
