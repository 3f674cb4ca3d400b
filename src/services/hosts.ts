/** The component hosts: each a stream to its server, and a way for the translation. */
import { openComponent } from '../component/component.ts';
import type { Component, ComponentOptions, ComponentPlace, ComponentState } from '../component/types.ts';
import type { ServiceEngine, Way } from '../jat/types.ts';
import { StanzaError } from '../wire/error.ts';
import { type BareJid, domainOf, isAt, type Jid } from '../wire/jid.ts';
import { errorOf, isRequest, Stanza } from '../wire/stanza.ts';
import { xml } from '../wire/xml.ts';

export interface HostParts {
  options: ComponentOptions;
  engine: ServiceEngine;
  /** Is that stanza of a target not to be heard, because we know better? */
  ignores(stanza: Stanza): boolean;
  /** The component of that host, if it is at the same server. */
  beside(host: BareJid, place: ComponentPlace): Way | undefined;
  state(state: ComponentState): void;
}

/**
 * COMPAT: Prosody 0.12 and ejabberd's sample configuration end a component's stream at a stanza of 512 KiB, for everybody
 * who uses it. In bytes.
 */
const largest = 520_000;
/** What a character may take in UTF-8, by its length in a string. */
const widest = 3;

class Host implements Way {
  readonly name: BareJid;
  readonly place: ComponentPlace;
  readonly component: Component;
  readonly #parts: HostParts;

  constructor(place: ComponentPlace, parts: HostParts) {
    this.name = place.host;
    this.place = place;
    this.#parts = parts;
    this.component = openComponent(place, parts.options, {
      online: () => parts.engine.opened(this),
      offline: () => parts.engine.closed(this),
      stanza: (stanza) => this.#arrives(stanza),
      state: parts.state,
    });
  }

  send(stanza: Stanza): boolean {
    const text = stanza.toString();
    if (text.length * widest > largest && Buffer.byteLength(text) > largest) return this.#tooLarge(stanza);
    return this.component.send(text);
  }

  /** The same as if the other side had refused it. */
  #tooLarge(stanza: Stanza): boolean {
    const answerable = isRequest(stanza) || (stanza.name === 'message' && stanza.type !== 'error');
    const refusal = () => errorOf(stanza, new StanzaError('policy-violation', 'too large for its server'));
    if (answerable) process.nextTick(() => this.#parts.engine.stanza(refusal(), this));
    // an answer that cannot be given becomes one that can
    else if (stanza.name === 'iq') return this.component.send(tooLarge(stanza).toString());
    return true;
  }

  #arrives(stanza: Stanza): void {
    const { beside, engine, ignores, options } = this.#parts;
    const to = stanza.to as Jid;
    const way = isAt(to, this.name) ? this : beside(domainOf(to), this.place);
    if (way === undefined) options.log.warn('component stanza dropped', { host: this.name, reason: 'not for us' });
    else if (!ignores(stanza)) engine.stanza(stanza, way);
  }
}

const tooLarge = (answer: Stanza): Stanza =>
  Stanza.of(
    xml(
      'iq',
      { type: 'error', id: answer.id, from: answer.from, to: answer.to },
      new StanzaError('policy-violation', 'the answer is too large for its server').toElement(),
    ),
  );

export class Hosts {
  readonly #parts: HostParts;
  #hosts = new Map<BareJid, Host>();

  constructor(parts: Omit<HostParts, 'beside'>) {
    this.#parts = { ...parts, beside: (host, place) => this.#beside(host, place) };
  }

  #beside(name: BareJid, { server, port }: ComponentPlace): Host | undefined {
    const host = this.#hosts.get(name);
    return host?.place.server === server && host.place.port === port ? host : undefined;
  }

  /** Those that are not among them are closed; those that are as before stay as they are. */
  async configure(places: readonly ComponentPlace[]): Promise<void> {
    const wanted = new Map(places.map((place) => [place.host, place]));
    const leaving = [...this.#hosts.values()].filter((host) => !isSame(host.place, wanted.get(host.name)));
    for (const { name } of leaving) this.#hosts.delete(name);
    await Promise.all(leaving.map(({ component }) => component.stop(1000)));
    for (const [name, place] of wanted) {
      if (this.#hosts.has(name)) continue;
      const host = new Host(place, this.#parts);
      this.#hosts.set(name, host);
      host.component.start();
    }
  }

  way(address: Jid): Way | undefined {
    return this.#hosts.get(domainOf(address));
  }

  all(): Host[] {
    return [...this.#hosts.values()];
  }

  async stop(within: number): Promise<void> {
    await Promise.all([...this.#hosts.values()].map(({ component }) => component.stop(within)));
  }
}

const isSame = (one: ComponentPlace, other: ComponentPlace | undefined): boolean =>
  other !== undefined &&
  one.server === other.server &&
  one.port === other.port &&
  one.tls === other.tls &&
  one.secret === other.secret &&
  one.pin === other.pin;
