/**
 * Does a resource still answer? One that does not gets no new requests while others do: after a ping without answer
 * (XEP-0199), which follows each time-out and each long silence, and after three time-outs in a row even if it answers pings.
 */
import type { Timer } from '../wire/clock.ts';
import type { Condition } from '../wire/error.ts';
import { NS } from '../wire/ns.ts';
import { iqAround } from '../wire/stanza.ts';
import type { Open } from './open.ts';
import { conditionOf, type Place } from './place.ts';
import type { Resource } from './target.ts';
import type { NoticeKind } from './types.ts';

/** Milliseconds. */
const round = 10_000;
/** A ping's time-out. */
const patience = 10_000;
/** Without a word while requests are open; without any. */
const busySilence = 15_000;
const idleSilence = 5 * 60_000;
/** How long one that is silent is left alone. */
const rest = 30_000;
const mostTimeouts = 3;

/** An error of a server about a resource that is not there (RFC 6120 §8.3.3, RFC 6121 §8.5.3.2). */
const isDead = (condition: Condition): boolean =>
  condition === 'recipient-unavailable' ||
  condition === 'remote-server-not-found' ||
  condition === 'remote-server-timeout';

interface Told {
  notice(kind: NoticeKind, resource: Resource): void;
  /** It says that it cannot do what it is asked, or its server says so, for it is not there. */
  doubt(resource: Resource): void;
}

export class Health {
  readonly #place: Place;
  readonly #told: Told;
  #timer: Timer | undefined;

  constructor(place: Place, told: Told) {
    this.#place = place;
    this.#told = told;
  }

  /** Goes on while there are resources. */
  watch(): void {
    if (this.#timer !== undefined || this.#place.target.size === 0) return;
    this.#timer = this.#place.world.clock.after(round, () => {
      this.#timer = undefined;
      const now = this.#place.world.clock.now();
      for (const resource of [...this.#place.target.resources()]) this.#check(resource, now);
      this.watch();
    });
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #check(resource: Resource, now: number): void {
    const quiet = now - Math.max(resource.heard, resource.silent ?? 0);
    const long = resource.silent !== undefined ? rest : resource.open > 0 ? busySilence : idleSilence;
    if (quiet >= long) this.#ping(resource);
  }

  /** It has answered a request. */
  answered(resource: Resource, now: number): void {
    resource.timeouts = 0;
    this.#speaks(resource, now);
  }

  /** It has said that, or a server between. */
  refused(resource: Resource, condition: Condition | undefined): void {
    if (condition === undefined) return;
    if (condition === 'service-unavailable' || isDead(condition)) this.#told.doubt(resource);
  }

  #speaks(resource: Resource, now: number): void {
    resource.heard = now;
    if (resource.silent === undefined) return;
    resource.silent = undefined;
    this.#place.target.changed();
    this.#told.notice('answers', resource);
  }

  /** A request has had no answer in time. */
  missed(resource: Resource): void {
    resource.timeouts++;
    if (resource.timeouts >= mostTimeouts) this.#falls(resource);
    else this.#ping(resource);
  }

  #falls(resource: Resource): void {
    const isNew = resource.silent === undefined;
    resource.silent = this.#place.world.clock.now();
    if (!isNew) return;
    this.#place.target.changed();
    if (!resource.gone) this.#told.notice('silent', resource);
  }

  #ping(resource: Resource): void {
    const { address, open: table, ways, world } = this.#place;
    if (resource.gone || resource.pinged !== undefined) return;
    const now = world.clock.now();
    const id = table.newId();
    const ping = iqAround(`<ping xmlns="${NS.ping}"/>`, { type: 'get', id, to: resource.jid, from: address });
    const open: Open = {
      owner: this,
      request: ping,
      asker: address,
      way: resource.way,
      since: now,
      deadline: now + patience,
      answered: (response) => {
        resource.pinged = undefined;
        const condition = response.type === 'error' ? conditionOf(response) : undefined;
        if (condition !== undefined && isDead(condition)) return this.#falls(resource);
        this.refused(resource, condition);
        if (resource.silent !== undefined) resource.timeouts = Math.min(resource.timeouts, mostTimeouts - 1);
        this.#speaks(resource, world.clock.now());
      },
      expired: () => {
        resource.pinged = undefined;
        this.#falls(resource);
      },
      name: undefined,
    };
    resource.pinged = now;
    table.add(open);
    table.ask(open, resource.jid, address);
    ways.send(resource.way, ping); // what is not sent is not answered
  }
}
