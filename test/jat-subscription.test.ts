/** Our subscription to a target: how its resources become known, and what happens when it is refused. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { desk, isError, presence, settle, svc, TestWorld } from './lib/jat.ts';

const user = 'romeo@m.example';

const says = (world: TestWorld, type: string | undefined, from = user, to: string = svc, inside = ''): TestWorld =>
  world.says(`<presence${type === undefined ? '' : ` type="${type}"`} from="${from}" to="${to}">${inside}</presence>`);
const told = (type: string | undefined, from: string, to: string, inside = ''): string =>
  presence({ ...(type && { type }), from, to }, inside);

async function subscribed(world: TestWorld, from = user, to: string = svc): Promise<TestWorld> {
  says(world, 'subscribe', from, to);
  await settle();
  return world;
}

test('we subscribe, and probe only once that is granted', async () => {
  const world = new TestWorld();
  await world.add();
  assert.equal(world.take(), [], 'no way stands');
  world.services.opened(world.component);
  assert.is(world.one(), told('subscribe', svc, desk));
  assert.is(world.status().accounts[0]!.subscription, 'asked');
  world.accepts();
  assert.is(world.one(), told('probe', svc, desk));
  assert.is(world.status().accounts[0]!.subscription, 'subscribed');
  world.services.closed(world.component);
  world.services.opened(world.component);
  assert.is(world.one(), told('subscribe', svc, desk), 'a server that has it says so again');
});

test('nobody grants it: somebody is told, once', async () => {
  const world = new TestWorld();
  await world.add();
  world.services.opened(world.component);
  world.clock.pass(9_999);
  assert.equal(world.notices, []);
  world.clock.pass(1);
  assert.equal(world.notices, [
    { kind: 'asked', address: svc, account: desk, condition: undefined, retryAt: undefined },
  ]);
  world.clock.pass(50 * 60_000);
  assert.is(world.notices.length, 1);
  world.accepts();
  assert.is(world.notices[1]!.kind, 'accepted');
});

test('it is refused: the resources are gone, and we ask again, later each time', async () => {
  const world = await TestWorld.of();
  world.asks('1', { type: 'set' }).take();
  const refuses = () => says(world, 'unsubscribed', desk);
  refuses();
  isError(world.one(), 'recipient-unavailable');
  assert.is(world.status().accounts[0]!.subscription, 'refused');
  assert.equal(world.notices.map(({ kind }) => kind).sort(), ['empty', 'refused']);
  const waits: number[] = [];
  for (let turn = 0; turn < 10; turn++) {
    const since = world.clock.now();
    for (let waited = 0; waited < 3700 && world.component.sent.length === 0; waited++) world.clock.pass(1000);
    assert.ok(world.take().includes(told('subscribe', svc, desk)));
    waits.push((world.clock.now() - since) / 1000);
    refuses();
  }
  assert.equal(waits, [15, 30, 60, 120, 240, 480, 960, 1800, 1800, 1800]);
  assert.is(world.notices.length, 2, 'nobody hears of it again');
});

test('the account is deleted, or its server cannot be reached: the same, with what was said', async () => {
  const world = await TestWorld.of();
  says(
    world,
    'error',
    desk,
    svc,
    '<error type="cancel"><item-not-found xmlns="urn:ietf:params:xml:ns:xmpp-stanzas"/></error>',
  );
  const [account] = world.status().accounts;
  assert.is(account!.subscription, 'unreachable');
  assert.is(account!.condition, 'item-not-found');
  assert.equal(account!.resources, []);
  assert.equal(world.notices.map(({ kind, condition }) => `${kind} ${condition}`).sort(), [
    'empty undefined',
    'unreachable item-not-found',
  ]);
  world.clock.pass(30_000);
  world.accepts();
  assert.is(world.status().accounts[0]!.condition, undefined);
  assert.is(world.notices.at(-1)!.kind, 'accepted');
});

test('unavailable presence of the account itself is that of all its resources', async () => {
  const world = await TestWorld.of({}, ['a', 'b']);
  says(world, 'unavailable', desk);
  assert.equal(world.status().accounts[0]!.resources, []);
});

test('the target may have its own address in its roster', async () => {
  const world = await TestWorld.of();
  await subscribed(world, desk);
  assert.equal(world.take(), [told('subscribed', svc, desk), told(undefined, svc, desk)]);
});

test.run();
