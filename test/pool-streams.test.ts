/** How far each client's stream has got, durably: what a client is told that comes back after a restart (XEP-0198 §5). */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { openMemoryStore } from '../src/archive/store.ts';
import type { Store } from '../src/archive/types.ts';
import type { SessionFacts } from '../src/link/link.ts';
import { end } from '../src/pool/held.ts';
import { Streams } from '../src/pool/streams.ts';
import type { BareJid } from '../src/wire/jid.ts';

const jid = 'alice@work.example' as BareJid;
const facts = (id: string, change: Partial<SessionFacts> = {}) =>
  ({ bare: jid, stream: { id, from: undefined }, ...change }) as SessionFacts;

class World {
  readonly stored: [number, number][] = [];
  now = Date.UTC(2030, 0, 1);
  readonly store: Store;
  streams!: Streams;

  constructor(store: Store) {
    this.store = store;
  }

  /** The unit, or the next one. */
  async start(isMortal = false): Promise<Streams> {
    this.streams?.close();
    const { store } = this;
    const stored = (sid: number, position: number) => void this.stored.push([sid, position]);
    this.streams = new Streams({ store, isMortal, stored, now: () => this.now });
    await this.streams.load([jid]);
    return this.streams;
  }

  /** As a unit does what a client says: something is written. */
  write(sid: number, position: number): void {
    void this.store.put(jid, 'meta', 'x', String(position));
    this.streams.took(sid, position, true);
  }

  /** All is durable, and what waited for that, too. */
  async quiet(): Promise<void> {
    while (this.store.settled() !== undefined) await this.store.settled();
  }

  async rows(): Promise<Record<string, unknown>> {
    const rows = await this.store.read(jid, 'stream');
    return Object.fromEntries(rows.map(({ key, value }) => [key, JSON.parse(value).position]));
  }
}

const inWorld =
  (run: (world: World) => Promise<void>): (() => Promise<void>) =>
  async () => {
    const world = new World(await openMemoryStore());
    try {
      await world.start();
      await run(world);
    } finally {
      world.streams.close();
      await world.store.close();
    }
  };

/** Of an account that is removed. */
async function removed(world: World): Promise<void> {
  world.streams.forgotten(jid);
  await world.store.forget(jid);
}

const turn = () => new Promise(setImmediate);
const ask = ({ streams }: World, id: string, bare = jid) => streams.handled(jid, bare, id);

test(
  'what needs not be durable is stored at once, the rest with its transaction, and what follows it in order',
  inWorld(async (world) => {
    const { streams, stored, store } = world;
    streams.attach(1, facts('a'));
    streams.took(1, 1, false);
    assert.equal(stored, [[1, 1]]);
    world.write(1, 2);
    streams.took(1, 3, false);
    await turn();
    assert.equal(stored.length, 1);
    await store.settled();
    assert.equal(stored, [
      [1, 1],
      [1, 3],
    ]);
  }),
);

test(
  'after a restart the count is known, for that login alone',
  inWorld(async (world) => {
    const { streams, store } = world;
    streams.attach(1, facts('a'));
    streams.took(1, 1, false);
    streams.resumable(1, 1);
    for (const position of [2, 3]) world.write(1, position);
    await turn();
    await store.settled();
    await world.start();
    assert.is(await ask(world, 'a'), 2);
    assert.is(await ask(world, 'a', 'alice@proxy.example' as BareJid), null);
    assert.is(await ask(world, 'b'), null);
  }),
);

test(
  'what is on its way to the disk counts when it is there',
  inWorld(async (world) => {
    world.streams.attach(1, facts('a'));
    world.streams.resumable(1, 0);
    world.write(1, 1);
    world.streams.detach(1, false);
    assert.is(await ask(world, 'a'), 1);
    assert.is(world.store.settled(), undefined);
  }),
);

test(
  'the end of a session is stored behind all it said; a clean one leaves nothing',
  inWorld(async (world) => {
    const { store, stored } = world;
    world.streams.attach(1, facts('a'));
    world.streams.resumable(1, 0);
    world.write(1, 1);
    await turn();
    await store.settled();
    assert.equal(await world.rows(), { a: 1 });
    world.streams.detach(1, true);
    await turn();
    await world.quiet();
    assert.equal(stored.at(-1), [1, end]);
    assert.equal(await world.rows(), {});
    assert.is(await ask(world, 'a'), null);
  }),
);

test(
  'fifty streams that are over are kept, for a day and what a client may be away',
  inWorld(async (world) => {
    for (let sid = 1; sid <= 60; sid++) {
      world.streams.attach(sid, facts(`s${sid}`));
      world.streams.resumable(sid, 0);
      world.write(sid, 1);
      await turn();
      world.streams.detach(sid, false);
      world.now += 1000;
    }
    await world.quiet();
    const kept = Object.keys(await world.rows());
    assert.is(kept.length, 50);
    assert.equal([kept.includes('s10'), kept.includes('s11')], [false, true]);
    world.now += 86_400_000 + 3_600_000 - 30_000;
    await world.start();
    await world.quiet();
    assert.is(Object.keys(await world.rows()).length, 30);
    assert.equal([await ask(world, 's30'), await ask(world, 's31')], [null, 1]);
  }),
);

test(
  'a unit that starts anew knows what the one before it had done of each session, also without XEP-0198',
  inWorld(async (world) => {
    await world.start(true);
    world.streams.attach(1, facts('a'));
    world.streams.attach(2, facts('b'));
    world.write(1, 4);
    await turn();
    await world.store.settled();
    await world.start(true);
    world.streams.attach(1, facts('a'));
    world.streams.attach(2, facts('b'));
    assert.equal(
      [4, 5].map((position) => world.streams.isDone(1, position)),
      [true, false],
    );
    assert.not(world.streams.isDone(2, 1));
    for (let sid = 10; sid < 70; sid++) {
      world.streams.attach(sid, facts(`s${sid}`));
      world.write(sid, 7);
    }
    await turn();
    await world.store.settled();
    await world.start(true);
    for (let sid = 10; sid < 70; sid++) {
      world.streams.attach(sid, facts(`s${sid}`));
      assert.ok(world.streams.isDone(sid, 7), `${sid}, of more than are kept of those that are over`);
    }
  }),
);

test(
  'where units do not die alone, what cannot be resumed is not kept',
  inWorld(async (world) => {
    world.streams.attach(1, facts('a'));
    world.write(1, 1);
    await turn();
    await world.store.settled();
    assert.equal(await world.rows(), {});
  }),
);

test(
  'nothing is kept of the streams of an account that is removed, whenever they end',
  inWorld(async (world) => {
    world.streams.attach(1, facts('one'));
    world.streams.resumable(1, 0);
    world.write(1, 1);
    await world.quiet();
    await removed(world);
    world.streams.took(1, 2, true);
    world.streams.detach(1, false);
    await turn();
    await world.quiet();
    assert.equal(await world.rows(), {});
    assert.ok(
      world.stored.some(([sid, position]) => sid === 1 && position === end),
      'its client waits for nothing',
    );
  }),
);

test.run();
