/** What is kept for an address cannot be read: it refuses everything for now, and says nothing that it does not know. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { BareJid, Jid } from '../src/wire/jid.ts';
import { desk, isError, presence, settle, svc, TestWorld } from './lib/jat.ts';
import { MemoryStore } from './lib/jat-world.ts';

const user = 'romeo@m.example' as BareJid;

test('until it can be read all is refused, and who is subscribed stays so', async () => {
  const store = new MemoryStore();
  const before = await TestWorld.of({}, ['a'], store);
  before.says(presence({ type: 'subscribe', from: user, to: svc }));
  await settle();
  assert.match(before.take().join(), /type="subscribed"/);
  await before.services.stop();
  store.fail();
  const world = new TestWorld(store);
  world.services.opened(world.component);
  assert.is(await world.add().catch((error: Error) => error.message), 'damaged');
  assert.ok(world.services.serves(svc) && world.services.serves(`${svc}/x` as Jid));
  assert.not(world.services.serves('other.example' as Jid));
  world.asks('1');
  isError(world.one(), 'resource-constraint', 'wait');
  world.says(presence({ type: 'subscribe', from: user, to: svc }));
  assert.match(world.one(), /type="error".*resource-constraint/);
  for (const type of ['probe', 'unsubscribe']) world.says(presence({ type, from: user, to: svc }));
  assert.equal(world.take(), [], 'not even that nobody is subscribed');
  store.fail(false);
  await world.add();
  world.take();
  world.says(presence({ type: 'probe', from: user, to: svc }));
  const [known, ...more] = world.take();
  assert.match(known!, `to="${user}"`);
  assert.not.match([known, ...more].join(), 'unsubscribed');
  await world.services.stop();
});

test('one that is removed meanwhile is gone', async () => {
  const store = new MemoryStore();
  store.fail();
  const world = new TestWorld(store);
  await world.add().catch(() => {});
  assert.ok(world.services.serves(svc, desk));
  await world.services.remove(svc).catch(() => {});
  assert.not(world.services.serves(svc, desk));
});

test.run();
