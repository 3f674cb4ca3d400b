/**
 * Requests to a service address while apps come and go, fall silent, workers die and the server restarts: each has exactly
 * one answer, from the address that was asked, for whom asked. One file, so that what is counted can be seen as one.
 */
import type { Element } from '../../src/wire/xml.ts';
import { serialize, xml } from '../../src/wire/xml.ts';
import { Chance } from '../lib/random.ts';
import type { RawClient } from '../lib/raw.ts';
import type { Account, Kind } from '../lib/servers.ts';
import { accepting, reply, ServiceWorld, work } from '../lib/services.ts';

export type JatFault = 'app' | 'silence' | 'worker' | 'server';
export const jatFaults: readonly JatFault[] = ['app', 'silence', 'worker', 'server'];

export interface JatOrder {
  kind: Kind;
  seed: number;
  goesOn(round: number): boolean;
  /** All where left out. */
  faults?: readonly JatFault[];
  log(text: string): void;
}

export interface JatFound {
  rounds: number;
  faults: number;
  requests: number;
  /** Result, or the condition of the error. */
  answers: Record<string, number>;
  /** Requests of streams that ended before the answer: the server that carried them was restarted. */
  ended: number;
  unanswered: string[];
  /** Answered twice, or never asked. */
  doubled: string[];
  /** From another address, to another user, or another's answer. */
  wrong: string[];
}

/** In flight at once, of all. */
const inFlight = 64;
/** Milliseconds. */
const timeout = 3000;
const atMost = 15_000;
const pause = (milliseconds: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, milliseconds));
const conditionOf = (stanza: Element): string =>
  stanza.getChild('error')?.children.flatMap((child) => (typeof child === 'string' ? [] : [child.name]))[0] ?? '?';

interface Asked {
  to: string;
  nonce: string;
  since: number;
}

/** Somebody who always has requests open. */
class User {
  readonly #name: string;
  readonly #found: JatFound;
  readonly #address: string;
  readonly #chance: Chance;
  readonly #share: number;
  readonly #open = new Map<string, Asked>();
  /** Of streams that are over: an answer may still come to the next one, which has the same address. */
  readonly #ended = new Set<string>();
  #client: RawClient | undefined;
  #count = 0;
  #asks = true;

  constructor(name: string, address: string, share: number, found: JatFound, chance: Chance) {
    this.#name = name;
    this.#address = address;
    this.#share = share;
    this.#found = found;
    this.#chance = chance;
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

  /** Those that have had no answer for too long are told of. */
  check(): void {
    const late = [...this.#open].filter(([, { since }]) => Date.now() - since > atMost);
    for (const [id, { to }] of late) {
      this.#open.delete(id);
      this.#found.unanswered.push(`${this.#name} ${id} to ${to}`);
    }
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
    // not at once: a refusal that comes back at once would make a flood of it
    setTimeout(() => this.#fill(), type === 'result' ? 0 : 20);
  }
}

/** An app that answers, sooner or later, or not while it is silent. */
class App {
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

class Chaos {
  readonly found: JatFound = {
    rounds: 0,
    faults: 0,
    requests: 0,
    answers: {},
    ended: 0,
    unanswered: [],
    doubled: [],
    wrong: [],
  };
  readonly #order: JatOrder;
  readonly #world: ServiceWorld;
  readonly #chance: Chance;
  #apps: App[] = [];
  /** Those at the server, and how they log in again; those at the proxy. */
  #far: { user: User; account: Account }[] = [];
  #near: User[] = [];

  constructor(order: JatOrder, world: ServiceWorld) {
    this.#order = order;
    this.#world = world;
    this.#chance = new Chance(order.seed);
  }

  async begin(): Promise<void> {
    const world = this.#world;
    const address = 'load@svc.work.example';
    const far = await world.server.account('far');
    const near = await world.proxy.account(world.server, 'near');
    await world.root(`target add ${address} ${far.jid}`);
    await world.root(`target add ${address} ${near.jid}`);
    await world.root(`target set ${address} timeout=${timeout / 1000}`);
    for (const resource of ['a', 'b', 'c']) this.#app(`far/${resource}`, () => world.client(far, resource));
    for (const resource of ['d', 'e']) this.#app(`near/${resource}`, () => world.proxy.login(near, { resource }));
    for (const app of this.#apps) await app.comes();
    await world.answering(address, this.#apps.length - 3);
    const share = Math.ceil(inFlight / 6);
    const user = (name: string) => new User(name, address, share, this.found, this.#chance);
    for (const name of ['u1', 'u2', 'u3', 'u4'])
      this.#far.push({ user: user(name), account: await world.server.account(name) });
    for (const { user: one, account } of this.#far) one.takes(await world.client(account, 'x'));
    for (const name of ['v1', 'v2']) {
      const one = user(name);
      one.takes(await world.user(name, 'proxy'));
      this.#near.push(one);
    }
  }

  #app(name: string, login: () => Promise<RawClient>): void {
    this.#apps.push(new App(name, login, this.#chance));
  }

  get #users(): User[] {
    return [...this.#far.map(({ user }) => user), ...this.#near];
  }

  /** Some faults under full load; then all is waited for. */
  async round(): Promise<void> {
    for (const user of this.#users) user.goOn();
    const kinds = this.#order.faults ?? jatFaults;
    for (let count = 0; count < 6; count++) {
      await pause(this.#chance.between(0, 600));
      // a restart is worth a round of the others
      const kind = this.#chance.of(kinds);
      if (kind === 'server' && count > 0 && kinds.length > 1) continue;
      this.#order.log(`fault: ${kind}`);
      this.found.faults++;
      await this.#fault(kind);
    }
    for (const user of this.#users) user.rest();
    const deadline = Date.now() + atMost + 1000;
    while (this.#users.some(({ open }) => open > 0) && Date.now() < deadline) await pause(50);
    for (const user of this.#users) user.check();
    this.found.rounds++;
  }

  async #fault(kind: JatFault): Promise<void> {
    if (kind === 'worker') return this.#world.proxy.killWorker();
    if (kind === 'server') return this.#restart();
    const app = this.#chance.of(this.#apps);
    if (kind === 'silence') {
      app.silent();
      await pause(this.#chance.between(0, timeout + 1500));
      return app.speaks();
    }
    await app.goes();
    await pause(this.#chance.between(0, 800));
    await app.comes();
  }

  async #restart(): Promise<void> {
    const { server } = this.#world;
    for (const { user } of this.#far) user.leaves();
    for (const app of this.#apps) if (app.name.startsWith('far')) app.client = undefined;
    await (this.#chance.between(0, 1) === 0 ? server.stop() : server.kill());
    await pause(this.#chance.between(0, 1000));
    await server.start();
    for (const app of this.#apps) if (app.client === undefined) await app.comes();
    for (const { user, account } of this.#far) user.takes(await this.#world.client(account, 'x'));
  }
}

/** Runs it, whole rounds; everything is stopped at the end. */
export async function runJat(order: JatOrder): Promise<JatFound> {
  const world = await ServiceWorld.make({ kind: order.kind, workers: '1' }, {}, 'mortal');
  const chaos = new Chaos(order, world);
  await chaos.begin();
  while (order.goesOn(chaos.found.rounds)) await chaos.round();
  await world.stop();
  const { unanswered, doubled, wrong } = chaos.found;
  for (const text of unanswered) order.log(`lost: ${text}`);
  for (const text of doubled) order.log(`doubled: ${text}`);
  for (const text of wrong) order.log(`misordered: ${text}`);
  return chaos.found;
}
