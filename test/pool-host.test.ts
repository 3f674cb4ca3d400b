/** A unit in the main thread, over a real file: what clients say is stored, and read as fast as that goes. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { AccountSettings, EdgeLink, SessionFacts, UnitLink, UnitSettings } from '../src/link/link.ts';
import { createHost } from '../src/pool/host.ts';
import type { BareJid, FullJid } from '../src/wire/jid.ts';
import { saying } from './lib/crowd.ts';
import { within } from './lib/process.ts';

const jid = 'alice@work.example' as BareJid;
/** Its server is away: what is said waits. */
const account = { jid, label: 'work', password: 'x', resource: 'core', enabled: false } as AccountSettings;
const silent = { debug() {}, info() {}, warn() {}, error() {} };

class World {
  readonly folder = mkdtempSync(join(tmpdir(), 'host-'));
  readonly paused: number[] = [];
  readonly stored = new Map<number, number>();
  unit!: UnitLink;
  #watch = () => {};

  async start(): Promise<UnitLink> {
    const edge: EdgeLink = {
      deliver() {},
      stored: (sid, position) => {
        this.stored.set(sid, Math.max(position, this.stored.get(sid) ?? 0));
        this.#watch();
      },
      facts() {},
      close() {},
      pause: (sid) => void this.paused.push(sid),
      resume: (sid) => void this.paused.splice(this.paused.indexOf(sid), 1),
      account() {},
      ask: () => Promise.reject(new Error('nobody answers here')),
    };
    const domain = 'proxy.example' as BareJid;
    const settings: UnitSettings = {
      ...{ user: 'alice', domain, root: `root@${domain}` as BareJid, accounts: [account], mirror: 'off' },
      ...{ awayText: '', autoAway: false, archiveDir: this.folder },
      upstream: { routes: {}, ca: undefined, allowPrivate: false, allowPlaintext: false },
    };
    this.unit = await createHost(edge, '0', silent).open(settings);
    return this.unit;
  }

  attach(sid: number, id: string): void {
    const nothing = { carbons: false, interested: false, blocklist: false, inactive: false, directed: [], rooms: [] };
    const session = { view: 'identity', bare: jid, address: `${jid}/${id}` as FullJid, presence: undefined } as const;
    const stream = { id, from: undefined };
    const facts: SessionFacts = { ...session, ...nothing, stream, delivered: 0, acknowledged: 0, isOpen: true };
    this.unit.attach(sid, facts);
  }

  async until(sid: number, position: number): Promise<void> {
    const there = new Promise<void>((resolve) => {
      this.#watch = () => {
        if ((this.stored.get(sid) ?? 0) >= position) resolve();
      };
      this.#watch();
    });
    await within(10_000, () => `${position} of ${sid} is not stored, but ${this.stored.get(sid)}`, there);
  }

  static async run(act: (world: World) => Promise<void>): Promise<void> {
    const world = new World();
    await world.start();
    try {
      await act(world);
    } finally {
      await world.unit.ask('stop', { within: 0 });
      rmSync(world.folder, { recursive: true });
    }
  }
}

test('a message counts when it is on the disk, not before', () =>
  World.run(async (world) => {
    world.attach(1, 'phone');
    world.unit.stanza(1, saying('hi'), 1);
    assert.is(world.stored.get(1), undefined);
    await world.until(1, 1);
  }));

test('above 1 MiB that is not on the disk clients are not read, and are again when it is', () =>
  World.run(async (world) => {
    world.attach(1, 'phone');
    world.attach(2, 'laptop');
    const big = 'x'.repeat(100_000);
    for (let position = 1; position <= 10; position++) world.unit.stanza(1, saying(big, `${position}`), position);
    assert.equal(world.paused, []);
    world.unit.stanza(1, saying(big, '11'), 11);
    assert.equal(world.paused, [1, 2]);
    await world.until(1, 11);
    assert.equal(world.paused, []);
  }));

test('the next process knows how far a stream had got', () =>
  World.run(async (world) => {
    world.attach(1, 'phone');
    world.unit.stanza(1, saying('before'), 1);
    world.unit.resumable(1, 1);
    world.unit.stanza(1, saying('one'), 2);
    world.unit.stanza(1, saying('two'), 3);
    await world.until(1, 3);
    await world.unit.ask('stop', { within: 0 });
    await world.start();
    const ask = (bare: BareJid) => world.unit.ask('handled', { account: jid, bare, id: 'phone' });
    assert.is(await ask(jid), 2);
    assert.is(await ask('alice+work@proxy.example' as BareJid), null);
  }));

test('the end of a session is stored behind all it said', () =>
  World.run(async (world) => {
    world.attach(1, 'phone');
    world.unit.stanza(1, saying('last words'), 1);
    world.unit.detach(1, false);
    await world.until(1, Number.MAX_SAFE_INTEGER);
  }));

test.run();
