/** Where faults happen: a real server, a network that can fail, the proxy on a small disk, three apps and a peer. */
import { join } from 'node:path';
import { Disk } from '../lib/disk.ts';
import { Pipe } from '../lib/pipe.ts';
import { RunningProxy } from '../lib/proxy.ts';
import type { Chance } from '../lib/random.ts';
import { type Account, type Kind, type RealServer, startServer } from '../lib/servers.ts';
import { App } from './client.ts';

/** One thing that goes wrong and, after a while, right again. */
export type Fault = 'proxy' | 'worker' | 'server' | 'app' | 'disk' | 'cut' | 'stall';
export const faults: readonly Fault[] = ['proxy', 'worker', 'server', 'app', 'disk', 'cut', 'stall'];

/** What a fault takes away; two of one kind cannot be at once. */
const things: Record<Fault, string> = {
  proxy: 'program',
  worker: 'program',
  server: 'server',
  app: 'app',
  disk: 'disk',
  cut: 'network',
  stall: 'network',
};
export const areApart = (one: Fault, other: Fault): boolean => things[one] !== things[other];

/** Megabytes of the disk that `data/` is on. */
const diskSize = 48;

const pause = (milliseconds: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, milliseconds));

export interface Scene {
  kind: Kind;
  chance: Chance;
  log(text: string): void;
}

export class FaultyWorld {
  readonly server: RealServer;
  readonly network: Pipe;
  readonly proxy: RunningProxy;
  readonly disk: Disk;
  readonly alice: Account;
  readonly bob: Account;
  /** The three apps of alice's. */
  readonly apps: App[] = [];
  readonly peer: App;
  /** When the server was killed: milliseconds since the epoch. */
  readonly serverDeaths: number[] = [];
  /** When the disk was full: milliseconds since the epoch. */
  readonly full: { from: number; to: number }[] = [];
  readonly #chance: Chance;
  readonly #log: (text: string) => void;
  #workers: string;

  static async open({ kind, chance, log }: Scene): Promise<FaultyWorld> {
    const server = await startServer(kind);
    const network = await Pipe.to(server.port);
    const disk = await Disk.make(diskSize);
    const routes = server.domains.map((domain) => `${domain}=127.0.0.1:${network.port}`).join(',');
    const env = { UPSTREAM_ROUTES: routes, DATA_DIR: join(disk.folder, 'data'), SASL_PLUS: 'off', WORKERS: '1' };
    const proxy = await RunningProxy.start({ server, env, program: 'mortal' });
    const alice = await server.account('alice');
    const bob = await server.account('bob', server.domains[1]);
    await server.stop(); // ejabberd writes accounts to the disk some time later, or when it ends
    await server.start();
    await proxy.add(alice);
    return new FaultyWorld({ server, network, proxy, disk, alice, bob, chance, log });
  }

  private constructor(parts: {
    server: RealServer;
    network: Pipe;
    proxy: RunningProxy;
    disk: Disk;
    alice: Account;
    bob: Account;
    chance: Chance;
    log(text: string): void;
  }) {
    this.server = parts.server;
    this.network = parts.network;
    this.proxy = parts.proxy;
    this.disk = parts.disk;
    this.alice = parts.alice;
    this.bob = parts.bob;
    this.#chance = parts.chance;
    this.#log = parts.log;
    this.#workers = '1';
    const { host, port, ca } = this.server;
    const at = { account: this.alice, endpoint: this.proxy.endpoint(), log: this.#log };
    this.apps.push(
      new App({ ...at, name: 'archive', skills: { managed: false, archive: true, carbons: true } }),
      new App({ ...at, name: 'managed', skills: { managed: true, archive: false, carbons: true } }),
      new App({ ...at, name: 'plain', skills: { managed: false, archive: false, carbons: false } }),
    );
    const skills = { managed: true, archive: false, carbons: false };
    this.peer = new App({ name: 'peer', account: this.bob, endpoint: { host, port, ca }, skills, log: this.#log });
  }

  get everybody(): App[] {
    return [...this.apps, this.peer];
  }

  /** Does it, and mends it again. */
  async happen(fault: Fault): Promise<void> {
    const chance = this.#chance;
    this.#log(`fault: ${fault}`);
    const ways: Record<Fault, () => Promise<void>> = {
      proxy: async () => {
        await this.proxy.kill();
        await pause(chance.between(0, 1500));
        this.#workers = chance.of(['0', '1', '2']);
        await this.#startProxy();
      },
      worker: async () => {
        if (this.#workers !== '0') await this.proxy.killWorker(chance.between(0, 1));
        else chance.of(this.apps).cut(true);
      },
      server: async () => {
        this.serverDeaths.push(Date.now());
        await this.server.kill();
        await pause(chance.between(0, 1500));
        await this.server.start();
      },
      app: async () => chance.of(this.everybody).cut(chance.next() < 0.5),
      disk: async () => {
        const spell = { from: Date.now(), to: Number.POSITIVE_INFINITY };
        this.full.push(spell);
        try {
          this.disk.fill();
          await pause(chance.between(500, 3000));
        } finally {
          this.disk.free();
          spell.to = Date.now();
        }
      },
      cut: async () => {
        if (chance.next() < 0.5) return this.network.cut();
        this.network.close();
        await pause(chance.between(100, 2000));
        this.network.open();
      },
      stall: async () => {
        this.network.stall();
        await pause(chance.between(200, 3000));
        this.network.flow();
      },
    };
    await ways[fault]();
  }

  get #isFull(): boolean {
    return this.full.some(({ to }) => to === Number.POSITIVE_INFINITY);
  }

  /** A start on a full disk may fail; one without is not allowed to. */
  async #startProxy(): Promise<void> {
    const begun = Date.now();
    try {
      await this.proxy.start({ WORKERS: this.#workers });
    } catch (error) {
      if (this.full.every(({ to }) => to < begun)) throw error;
      this.#log('the proxy did not start on a full disk');
      while (this.#isFull) await pause(50);
      await this.proxy.kill();
      await this.#startProxy();
    }
  }

  async close(): Promise<void> {
    await Promise.all(this.everybody.map((app) => app.stop()));
    await this.proxy.stop();
    this.network.close();
    await this.server.stop();
    await this.disk.close();
  }
}
