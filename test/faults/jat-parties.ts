/** Who asks a service address, and the apps that answer for it. */
import type { Element } from '../../src/wire/xml.ts';
import { serialize, xml } from '../../src/wire/xml.ts';
import type { Chance } from '../lib/random.ts';
import type { RawClient } from '../lib/raw.ts';
import { accepting, reply, work } from '../lib/services.ts';
import type { Wire } from './jat-wire.ts';

export interface JatFound {
  rounds: number;
  faults: number;
  requests: number;
  /** Result, or the condition of the error. */
  answers: Record<string, number>;
  /** Requests of streams that ended before the answer: the server that carried them was restarted. */
  ended: number;
  /** Requests that were under way, or their answers, as the component's connection ended. */
  cut: number;
  unanswered: string[];
  /** Answered twice, or never asked. */
  doubled: string[];
  /** From another address, to another user, or another's answer. */
  wrong: string[];
}

/** Milliseconds that an answer may take, whatever happens. */
export const atMost = 15_000;
const conditionOf = (stanza: Element): string =>
  stanza.getChild('error')?.children.flatMap((child) => (typeof child === 'string' ? [] : [child.name]))[0] ?? '?';

interface Asked {
  to: string;
  nonce: string;
  since: number;
}

/** Somebody who always has requests open. */
export class User {
  readonly #name: string;
  readonly #found: JatFound;
  readonly #address: string;
  readonly #chance: Chance;
  readonly #share: number;
  /** Between this one's server and the component. */
  readonly #wire: Wire | undefined;
  readonly #open = new Map<string, Asked>();
  /** Of streams that are over: an answer may still come to the next one, which has the same address. */
  readonly #ended = new Set<string>();
  #client: RawClient | undefined;
  #count = 0;
  #asks = true;

  constructor(name: string, address: string, share: number, found: JatFound, chance: Chance, wire?: Wire) {
    this.#name = name;
    this.#address = address;
    this.#share = share;
    this.#found = found;
    this.#chance = chance;
    this.#wire = wire;
  }

  get open(): number {
    return this.#open.size;
  }

  takes(client: RawClient): void {
    this.#client = client;
    client.witness = (stanza) => this.#heard(client, stanza);
    this.#fill();
  }

  /** Its stream is over, and nobody can answer to it any more. */
  leaves(): void {
    this.#found.ended += this.#open.size;
    for (const id of this.#open.keys()) this.#ended.add(id);
    this.#open.clear();
    this.#client = undefined;
  }

  rest(): void {
    this.#asks = false;
  }
  goOn(): void {
    this.#asks = true;
    this.#fill();
  }

  /** The component's connection is over: what was under way is gone. */
  cut(): void {
    for (const id of this.#open.keys()) if (this.#wire?.isLost(id)) this.#writeOff(id);
    this.#fill();
  }

  /** It stands again, and what is owed over it may come from now on. */
  reconnected(): void {
    for (const asked of this.#open.values()) asked.since = Date.now();
  }

  /** Those that have had no answer for too long are told of. */
  check(): void {
    const late = [...this.#open].filter(([, { since }]) => Date.now() - since > atMost);
    for (const [id, { to }] of late) {
      const hasReached = this.#wire === undefined || (this.#wire.hasReached(id) && !this.#wire.isLost(id));
      if (!hasReached) this.#writeOff(id);
      else {
        this.#open.delete(id);
        const hasLeft = this.#wire?.hasLeft(id) === true ? ', whose server has the answer' : '';
        this.#found.unanswered.push(`${this.#name} ${id} to ${to}${hasLeft}`);
      }
    }
  }

  #writeOff(id: string): void {
    this.#open.delete(id);
    this.#ended.add(id);
    this.#found.cut++;
  }

  #fill(): void {
    while (this.#asks && this.#client !== undefined && this.#open.size < this.#share) this.#ask(this.#client);
  }

  #ask(client: RawClient): void {
    const id = `${this.#name}-${++this.#count}`;
    const to = this.#chance.of([this.#address, `${this.#address}/x`, `${this.#address}/y z`]);
    const nonce = `${id} ${this.#chance.between(0, 999_999)}`;
    this.#open.set(id, { to, nonce, since: Date.now() });
    this.#found.requests++;
    client.send(serialize(xml('iq', { type: this.#chance.of(['get', 'set']), id, to }, work(nonce))));
  }

  #heard(client: RawClient, stanza: Element): void {
    const { attrs, name } = stanza;
    const { id, type, from, to } = attrs as { id: string; type: string; from: string; to: string };
    if (name !== 'iq' || (type !== 'result' && type !== 'error') || !id.startsWith(`${this.#name}-`)) return;
    const asked = this.#open.get(id);
    if (asked === undefined) {
      if (!this.#ended.delete(id)) this.#found.doubled.push(`${id} ${type} from ${from}`);
      return;
    }
    this.#open.delete(id);
    const what = type === 'result' ? 'result' : conditionOf(stanza);
    this.#found.answers[what] = (this.#found.answers[what] ?? 0) + 1;
    if (from !== asked.to || to !== client.jid) this.#found.wrong.push(`${id} from ${from} to ${to}`);
    if (type === 'result' && stanza.getChildText('work') !== asked.nonce)
      this.#found.wrong.push(`${id} has ${stanza.getChildText('work')}`);
    if (type === 'result' && this.#wire?.hasReached(id) === false)
      this.#found.wrong.push(`${id} has a result, and nobody was asked`);
    // not at once: a refusal that comes back at once would make a flood of it
    setTimeout(() => this.#fill(), type === 'result' ? 0 : this.#chance.between(20, 120));
  }
}

/** An app that answers, sooner or later, or not while it is silent. */
export class App {
  client: RawClient | undefined;
  readonly name: string;
  readonly #login: () => Promise<RawClient>;
  readonly #chance: Chance;
  #held: (() => void)[] | undefined;

  constructor(name: string, login: () => Promise<RawClient>, chance: Chance) {
    this.name = name;
    this.#login = login;
    this.#chance = chance;
  }

  async comes(): Promise<void> {
    const client = await this.#login();
    this.client = client;
    client.witness = (stanza) => {
      const { type } = stanza.attrs;
      const asked = stanza.name === 'iq' && (type === 'get' || type === 'set') ? stanza.getChild('work') : undefined;
      if (asked == null) return;
      const answer = () => reply(client, stanza, work(asked.getText()));
      if (this.#held !== undefined) this.#held.push(answer);
      else if (this.#chance.between(0, 3) === 0) setTimeout(answer, this.#chance.between(0, 29));
      else answer();
    };
    accepting(client);
  }

  async goes(): Promise<void> {
    const { client } = this;
    this.client = undefined;
    if (this.#chance.between(0, 1) === 0) client?.cut();
    else await client?.close().catch(() => {});
  }

  silent(): void {
    this.#held = [];
  }
  /** What it had not answered it answers now, too late. */
  speaks(): void {
    const held = this.#held ?? [];
    this.#held = undefined;
    for (const answer of held) answer();
  }
}
