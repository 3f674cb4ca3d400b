/**
 * Requests to a service address while apps come and go, fall silent, workers die, the component's connection stalls and ends, and the
 * server restarts: each has exactly one answer, from the address that was asked, for whom asked.
 */
import { Pipe } from '../lib/pipe.ts';
import { Chance } from '../lib/random.ts';
import type { RawClient } from '../lib/raw.ts';
import type { Account, Kind } from '../lib/servers.ts';
import { ServiceWorld } from '../lib/services.ts';
import { until } from '../lib/world.ts';
import { App, atMost, type JatFound, User } from './jat-parties.ts';
import { Wire } from './jat-wire.ts';

export type JatFault = 'app' | 'silence' | 'worker' | 'component' | 'server';
export const jatFaults: readonly JatFault[] = ['app', 'silence', 'worker', 'component', 'server'];

export interface JatOrder {
  kind: Kind;
  seed: number;
  goesOn(round: number): boolean;
  /** All where left out. */
  faults?: readonly JatFault[];
  log(text: string): void;
}

/** In flight at once, of all. */
const inFlight = 64;
/** The address's, in milliseconds. */
const timeout = 3000;
/** A component that is cut again and again waits up to a minute before it connects. */
const reconnect = 90_000;
const pause = (milliseconds: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, milliseconds));

class Chaos {
  readonly found: JatFound = {
    rounds: 0,
    faults: 0,
    requests: 0,
    answers: {},
    ended: 0,
    cut: 0,
    unanswered: [],
    doubled: [],
    wrong: [],
  };
  readonly #order: JatOrder;
  readonly #world: ServiceWorld;
  readonly #pipe: Pipe;
  readonly #wire: Wire;
  readonly #chance: Chance;
  #apps: App[] = [];
  /** Those at the server, and how they log in again; those at the proxy. */
  #far: { user: User; account: Account }[] = [];
  #near: User[] = [];
  /** Of the component's connection. */
  #cuts = 0;

  constructor(order: JatOrder, world: ServiceWorld, pipe: Pipe, wire: Wire) {
    this.#order = order;
    this.#world = world;
    this.#pipe = pipe;
    this.#wire = wire;
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
    const user = (name: string, wire?: Wire) => new User(name, address, share, this.found, this.#chance, wire);
    for (const name of ['u1', 'u2', 'u3', 'u4'])
      this.#far.push({ user: user(name, this.#wire), account: await world.server.account(name) });
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
    let wasCut = false;
    for (let count = 0; count < 6; count++) {
      await pause(this.#chance.between(0, 600));
      // the first round has each of them; later a restart is worth a round of the others, and who is cut too often waits longer and longer
      const isFirst = this.found.rounds === 0 && count < kinds.length;
      const kind = isFirst ? kinds[count]! : this.#chance.of(kinds);
      if (kind === 'server' && count > 0 && kinds.length > 1 && !isFirst) continue;
      if (kind === 'component' && wasCut && kinds.length > 1) continue;
      wasCut ||= kind === 'component';
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
    if (kind === 'component') return this.#disconnect();
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

  /** Nothing passes for a while, or the connection ends, or one after the other. Users stay, and ask. */
  async #disconnect(): Promise<void> {
    const how = this.#cuts === 0 ? 'cut' : this.#chance.of(['stall', 'cut', 'both'] as const);
    if (how !== 'cut') {
      this.#pipe.stall();
      await pause(this.#chance.between(200, timeout + 1500));
    }
    if (how === 'stall') return this.#pipe.flow();
    const count = this.#connects;
    this.#cuts++;
    await this.#pipe.sever();
    for (const { user } of this.#far) user.cut();
    await until(
      'component online',
      () => this.#connects > count,
      () => pause(20),
      reconnect,
    );
    for (const { user } of this.#far) user.reconnected();
  }

  get #connects(): number {
    return this.#world.proxy.output.match(/component online.*svc\.work\.example/g)?.length ?? 0;
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
  const wire = new Wire('u');
  let pipe: Pipe | undefined;
  const world = await ServiceWorld.make({ kind: order.kind, workers: '1' }, {}, 'mortal', async (port) => {
    pipe = await Pipe.to(port, wire.hears);
    return pipe;
  });
  const chaos = new Chaos(order, world, pipe!, wire);
  await chaos.begin();
  while (order.goesOn(chaos.found.rounds)) await chaos.round();
  await world.stop();
  const { unanswered, doubled, wrong } = chaos.found;
  for (const text of unanswered) order.log(`lost: ${text}`);
  for (const text of doubled) order.log(`doubled: ${text}`);
  for (const text of wrong) order.log(`misordered: ${text}`);
  return chaos.found;
}
