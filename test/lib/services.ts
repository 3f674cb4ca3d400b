/** What tests of service addresses play in: a real server with component hosts, the proxy as those components. */
import { test } from 'uvu';
import { NS } from '../../src/wire/ns.ts';
import { type Element, serialize, xml } from '../../src/wire/xml.ts';
import type { Pipe } from './pipe.ts';
import { RunningProxy } from './proxy.ts';
import { login, type RawClient } from './raw.ts';
import { type Account, type RealServer, startServer } from './servers.ts';
import { type Setting, settings, until } from './world.ts';

/** Component hosts of every world: one for addresses of all sorts, others that are addresses themselves. */
export const hosts = ['svc.work.example', 'focus.work.example', 'proxy.domain.example'].map((host) => ({
  host,
  secret: `s3cret-${host}`,
}));
/** Another, which the proxy does not have. */
export const far = { host: 'far.example', secret: 's3cret-far.example' };
const domains = ['work.example', 'home.example', 'some-domain.example'];
/** A payload that no test client answers by itself. */
export const work = (text = ''): Element => xml('work', 'urn:example:work', text);

export class ServiceWorld {
  readonly server: RealServer;
  readonly proxy: RunningProxy;
  #addresses = 0;

  private constructor(server: RealServer, proxy: RunningProxy) {
    this.server = server;
    this.proxy = proxy;
  }

  /** `pipe`: between the proxy and the server's component port. */
  static async make(
    { kind, workers }: Setting,
    env: Record<string, string> = {},
    program: 'usual' | 'mortal' = 'usual',
    pipe?: (port: number) => Promise<Pipe>,
  ): Promise<ServiceWorld> {
    const server = await startServer(kind, { domains, components: hosts, farComponents: [far] });
    const components = server.componentSettings((await pipe?.(server.componentPort))?.port);
    const proxy = await RunningProxy.start({
      server,
      program,
      env: { WORKERS: workers, SASL_PLUS: 'off', ...components, ...env },
    });
    return new ServiceWorld(server, proxy);
  }

  async stop(): Promise<void> {
    await this.proxy.stop();
    await this.server.stop();
  }

  /** Says that to root; the answer must not be a refusal. */
  async root(text: string, fits: RegExp = /./): Promise<string> {
    return this.proxy.rootSays(text, fits);
  }

  /** Puts a fresh account behind a fresh address. */
  async serve(address?: string, account?: Account): Promise<{ desk: Account; address: string }> {
    const at = address ?? `desk${++this.#addresses}@svc.work.example`;
    const desk = account ?? (await this.server.account('desk'));
    await this.root(`target add ${at} ${desk.jid}`, /People reach it at/);
    return { desk, address: at };
  }

  /** Logs in at the real server. */
  client(account: Account, resource?: string): Promise<RawClient> {
    const { host, port } = this.server;
    return login({ ...account, host, port, ...(resource && { resource }) });
  }

  /** An app of that account, as bots are: whoever asks to see its presence may. */
  async implementing(account: Account, resource: string, at: 'server' | 'proxy' = 'server'): Promise<RawClient> {
    const client =
      at === 'server' ? await this.client(account, resource) : await this.proxy.login(account, { resource });
    accepting(client);
    await client.roundtrip();
    return client;
  }

  /** Somebody who uses services. */
  async user(name = 'romeo', at: 'server' | 'proxy' = 'server'): Promise<RawClient> {
    const account = at === 'server' ? await this.server.account(name) : await this.proxy.account(this.server, name);
    const client =
      at === 'server'
        ? await this.client(account, 'orchard')
        : await this.proxy.login(account, { resource: 'orchard' });
    await client.iq('get', undefined, xml('query', NS.roster)); // only then it hears of subscriptions (RFC 6121 §2.2)
    client.send('<presence/>');
    await client.roundtrip();
    return client;
  }

  /** Resolves when as many apps answer there. */
  async answering(address: string, resources = 1): Promise<void> {
    await this.showing(address, new RegExp(`(?:^[●◐] .*: .*open[\\s\\S]*?){${resources}}`, 'm'));
  }

  /**
   * Resolves with what root shows of an address when it fits. COMPAT: ejabberd 23.01 spreads what is for a host over all connections of
   * that port, so what was sent first may come last: only by this is it known that all has come.
   */
  async showing(address: string, fits: RegExp): Promise<string> {
    let shown = '';
    const look = async () => {
      shown = await this.root(`target show ${address}`);
    };
    await until(`${address} as ${fits}`, () => fits.test(shown), look);
    return shown;
  }
}

/** Subscriptions are accepted from now on; available. */
export function accepting(client: RawClient): void {
  const before = client.witness;
  client.witness = (stanza) => {
    before?.(stanza);
    const { from, type } = stanza.attrs;
    if (stanza.name === 'presence' && type === 'subscribe')
      client.send(serialize(xml('presence', { to: from, type: 'subscribed' })));
  };
  client.send('<presence/>');
}

/** What an implementing client says to a request. */
export function reply(client: RawClient, request: Element, ...payload: Element[]): void {
  const { id, from } = request.attrs;
  client.send(serialize(xml('iq', { type: 'result', id, to: from }, ...payload)));
}

/** Type and outer addresses. */
export const outer = ({ attrs }: Element) => [attrs.type, attrs.from, attrs.to];

/** Every request of that kind is answered from now on, by who did it. */
export function working(client: RawClient): void {
  const before = client.witness;
  client.witness = (stanza) => {
    before?.(stanza);
    const { type } = stanza.attrs;
    if (stanza.name === 'iq' && (type === 'get' || type === 'set') && stanza.getChild('work', 'urn:example:work'))
      reply(client, stanza, work(client.jid));
  };
}

/** As Scenarios, in worlds with components. */
export class ServiceScenarios {
  readonly #settings: readonly Setting[];
  readonly #worlds = new Map<Setting, Promise<ServiceWorld>>();

  constructor(which: readonly Setting[] = settings) {
    this.#settings = which;
  }

  add(name: string, run: (world: ServiceWorld) => Promise<void>): void {
    for (const setting of this.#settings)
      test(`${name} (${setting.kind}, WORKERS=${setting.workers})`, async () => {
        if (!this.#worlds.has(setting)) this.#worlds.set(setting, ServiceWorld.make(setting));
        await run(await this.#worlds.get(setting)!);
      });
  }

  /** A world of its own for each run: for tests that stop and start things. */
  alone(
    name: string,
    run: (world: ServiceWorld) => Promise<void>,
    env?: Record<string, string>,
    program?: 'usual' | 'mortal',
  ): void {
    for (const setting of this.#settings)
      test(`${name} (${setting.kind}, WORKERS=${setting.workers})`, async () => {
        const world = await ServiceWorld.make(setting, env, program);
        await run(world);
        await world.stop();
      });
  }

  run(): void {
    test('all is stopped', async () => {
      for (const world of this.#worlds.values()) await (await world).stop();
    });
    test.run();
  }
}
