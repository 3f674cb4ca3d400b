/** How much may be asked of a service address: by one, by all, by its own target. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { defaultLimits } from '../src/jat/types.ts';
import { desk, isError, romeo, seenRomeo, settle, svc, TestWorld } from './lib/jat.ts';

const a = `${desk}/a`;
const juliet = 'juliet@m.example/balcony';
const body = '<body>hi</body>';

const write = (world: TestWorld, from: string, to: string, id = 'm', type = 'chat'): TestWorld =>
  world.says(`<message type="${type}" id="${id}" from="${from}" to="${to}">${body}</message>`);
const droppedOf = (world: TestWorld) => ({ ...world.status().counters.dropped });

test('requests of one sender have a limit, those of all, too', async () => {
  const world = await TestWorld.of({ limits: { ...defaultLimits, openOfSender: 2, open: 3 } });
  world.asks('1').asks('2').take();
  world.asks('3', { from: 'romeo@m.example/street' });
  isError(world.one(), 'resource-constraint', 'wait');
  world.asks('4', { from: juliet });
  assert.match(world.one(), /type="get" id="4"/);
  world.asks('5', { from: 'nurse@m.example/x' });
  isError(world.one(), 'resource-constraint', 'wait');
  world.answers('1').take();
  world.asks('6', { from: 'nurse@m.example/x' });
  assert.match(world.one(), /type="get" id="6"/);
});

test('who waits has a place, however many come and go', async () => {
  const world = await TestWorld.of({ limits: { ...defaultLimits, openOfSender: 1 } });
  world.asks('kept').take();
  for (let turn = 0; turn < 2500; turn++) {
    const from = `guest${turn}@m.example/x`;
    world.asks('1', { from }).answers('1', { to: `${svc}/${from}` });
    assert.match(world.take().at(-1)!, /type="result" id="1"/);
  }
  world.asks('2');
  isError(world.one(), 'resource-constraint', 'wait');
  world.answers('kept').take();
  world.asks('2');
  assert.match(world.one(), /type="get" id="2"/);
});

test('… by time, where that is set', async () => {
  const limits = {
    ...defaultLimits,
    requestsOfSender: { perSecond: 1, burst: 2 },
    requests: { perSecond: 2, burst: 3 },
  };
  const world = await TestWorld.of({ limits });
  const passes = (from: string) => world.asks('1', { from }).one().includes('type="get"');
  assert.equal([romeo, romeo, romeo].map(passes), [true, true, false]);
  assert.equal([juliet, juliet].map(passes), [true, false], 'of all');
  world.clock.pass(1000);
  assert.equal([romeo, romeo, juliet].map(passes), [true, false, true]);
});

test('messages and presence have limits', async () => {
  const limits = { ...defaultLimits, messagesOfSender: { perSecond: 1, burst: 3 } };
  const world = await TestWorld.of({ limits });
  for (let turn = 0; turn < 3; turn++) assert.match(write(world, romeo, svc).one(), new RegExp(`to="${desk}"`));
  isError(write(world, romeo, svc).one(), 'resource-constraint', 'wait');
  world.says(`<presence type="probe" from="romeo@m.example" to="${svc}"/>`);
  assert.equal(world.take(), []);
  assert.is(droppedOf(world).limit, 1);
  for (let turn = 0; turn < 3; turn++) assert.match(write(world, a, seenRomeo).one(), new RegExp(`to="${romeo}"`));
  isError(write(world, a, seenRomeo).one(), 'resource-constraint', 'wait');
  world.clock.pass(1000);
  assert.match(write(world, romeo, svc).one(), new RegExp(`to="${desk}"`));
});

test('one message becomes no flood', async () => {
  const world = await TestWorld.of({ messages: 'resources' }, []);
  for (let turn = 0; turn < 100; turn++) world.there(`${desk}/${turn}`);
  world.take();
  assert.is(write(world, romeo, svc).take().length, 20);
});

test('a target that comes and goes does not flood its subscribers', async () => {
  const world = await TestWorld.of();
  const count = 150;
  for (let turn = 0; turn < count; turn++)
    world.says(`<presence type="subscribe" from="u${turn}@m.example" to="${svc}"/>`);
  await settle();
  world.take();
  for (let turn = 0; turn < 20; turn++) world.leaves(a).there(a);
  world.leaves(a);
  assert.is(world.take().length, count, 'the first change');
  world.there(a);
  world.clock.pass(1000);
  const last = world.take().filter((text) => !text.includes('ping'));
  assert.ok(last.length <= 2 * count, 'and how it ends');
  assert.not.match(last.at(-1)!, /unavailable/);
});

test('presence of a target cannot fill us', async () => {
  const world = await TestWorld.of({}, []);
  for (let turn = 0; turn < 1100; turn++) world.there(`${desk}/${turn}`);
  assert.is(world.status().accounts[0]!.resources.length, 1000);
});

test.run();
