/** What an end-to-end test plays in: a real server, the proxy before it, slixmpp. */
import { test } from 'uvu';
import { SlixProcess } from './client.ts';
import { RunningProxy } from './proxy.ts';
import { hasQuirk, type Kind, type Quirk, type RealServer, startServer } from './servers.ts';

export interface World {
  server: RealServer;
  proxy: RunningProxy;
  slix: SlixProcess;
}

export interface Setting {
  kind: Kind;
  workers: '0' | '1';
}

/** Each server and each way to run units stands here once. */
export const settings: readonly Setting[] = [
  { kind: 'prosody', workers: '0' },
  { kind: 'ejabberd', workers: '1' },
];
/** Each server with each way to run units. */
export const allSettings: readonly Setting[] = [
  ...settings,
  { kind: 'prosody', workers: '1' },
  { kind: 'ejabberd', workers: '0' },
];

const nameOf = ({ kind, workers }: Setting): string => `${kind}, WORKERS=${workers}`;

export async function makeWorld({ kind, workers }: Setting, env: Record<string, string> = {}): Promise<World> {
  const server = await startServer(kind);
  const proxy = await RunningProxy.start({ server, env: { WORKERS: workers, SASL_PLUS: 'off', ...env } });
  return { server, proxy, slix: await SlixProcess.start() };
}

export async function stopWorld({ server, proxy, slix }: World): Promise<void> {
  await slix.stop();
  await proxy.stop();
  await server.stop();
}

/** The tests of a file: each runs once in each setting; those of one setting share a world, made by the first. */
export class Scenarios {
  readonly #settings: readonly Setting[];
  readonly #worlds = new Map<Setting, Promise<World>>();

  constructor(which: readonly Setting[] = settings) {
    this.#settings = which;
  }

  /** `without`: what a server must not have, or there is nothing to test with it. */
  add(name: string, run: (world: World) => Promise<void>, { without }: { without?: Quirk } = {}): void {
    for (const setting of this.#settings.filter(({ kind }) => without === undefined || !hasQuirk(kind, without)))
      test(`${name} (${nameOf(setting)})`, async () => {
        if (!this.#worlds.has(setting)) this.#worlds.set(setting, makeWorld(setting));
        await run(await this.#worlds.get(setting)!);
      });
  }

  /** A world of its own for each run: for tests that stop and start things. */
  alone(name: string, run: (world: World) => Promise<void>, env?: Record<string, string>): void {
    for (const setting of this.#settings)
      test(`${name} (${nameOf(setting)})`, async () => {
        const world = await makeWorld(setting, env);
        await run(world);
        await stopWorld(world);
      });
  }

  run(): void {
    test('all is stopped', async () => {
      for (const world of this.#worlds.values()) await stopWorld(await world);
    });
    test.run();
  }
}

/** Resolves when that holds; asks again and again, each time after `between` has run. For states that come with time alone. */
export async function until(
  what: string,
  holds: () => boolean,
  between: () => Promise<unknown>,
  limit = 30_000,
): Promise<void> {
  const deadline = Date.now() + limit;
  while (!holds()) {
    if (Date.now() > deadline) throw new Error(`${what}: not within ${limit} ms`);
    await between();
  }
}
