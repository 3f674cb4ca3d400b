/** Requests of users to a service address: one resource, one answer, whatever becomes of either. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { defaultLimits } from '../src/jat/types.ts';
import { desk, iq, isError, romeo, seenRomeo, svc, TestWorld } from './lib/jat.ts';

const question = '<query xmlns="urn:example:q"/>';
const answer = '<query xmlns="urn:example:q">42</query>';
const a = `${desk}/a`;
const b = `${desk}/b`;

test('a request goes to a resource as from its user, the answer comes from the address', async () => {
  const world = await TestWorld.of();
  world.asks('1');
  assert.is(world.one(), iq('get', '1', seenRomeo, a, question));
  world.answers('1', { inside: answer });
  assert.is(world.one(), iq('result', '1', svc, romeo, answer));
});

test('the answer comes from exactly what was asked', async () => {
  for (const asked of [svc, 'svc.example/bot', 'room@svc.example', 'room@svc.example/nick']) {
    const world = await TestWorld.of();
    world.asks('1', { to: asked });
    assert.is(world.one(), iq('get', '1', seenRomeo, a, question));
    world.answers('1');
    assert.is(world.one(), iq('result', '1', asked, romeo));
  }
});

test('addresses are compared prepared, and answered as they were written', async () => {
  const world = await TestWorld.of();
  world.asks('1', { from: 'Romeo@M.example/orchard', to: 'SVC.example' });
  assert.is(world.one(), iq('get', '1', seenRomeo, a, question));
  world.answers('1', { from: 'Desk@HOME.example/a', to: 'SVC.example/romeo@m.example/orchard' });
  assert.is(world.one(), iq('result', '1', 'SVC.example', 'Romeo@M.example/orchard'));
});

test('an error of the target is passed on, with what it says', async () => {
  const world = await TestWorld.of();
  world.asks('1').take();
  const error =
    '<error type="cancel" by="desk@home.example"><conflict xmlns="urn:ietf:params:xml:ns:xmpp-stanzas"/></error>';
  world.answers('1', { type: 'error', inside: question + error });
  assert.is(world.one(), iq('error', '1', svc, romeo, question + error.replace('desk@home.example', svc)));
});

test('xml:lang stays', async () => {
  const world = await TestWorld.of();
  world.says(`<iq type="get" id="1" from="${romeo}" to="${svc}" xml:lang="cs">${question}</iq>`);
  assert.match(world.one(), /xml:lang="cs"/);
});

test('ids stay, unless one is open between the same two: then the answer has it again', async () => {
  const world = await TestWorld.of();
  world.asks('1').asks('1', { to: 'svc.example/other' }).asks('1', { from: 'romeo@m.example/street' });
  const [first, second, third] = world.take();
  assert.match(first!, / id="1" /);
  assert.match(third!, / id="1" from="svc.example\/romeo@m.example\/street"/);
  const id = / id="([^"]+)"/.exec(second!)![1]!;
  assert.is.not(id, '1');
  world.answers(id, { inside: answer });
  assert.is(world.one(), iq('result', '1', 'svc.example/other', romeo, answer));
  world.answers('1');
  assert.is(world.one(), iq('result', '1', svc, romeo));
});

test('no answer in time: remote-server-timeout, and what comes later is dropped', async () => {
  const world = await TestWorld.of();
  world.asks('1').take();
  world.clock.pass(29_999);
  assert.not(world.take().some((text) => text.includes('error')));
  world.clock.pass(1);
  const [error] = world.take();
  isError(error, 'remote-server-timeout', 'wait');
  assert.match(error!, new RegExp(`id="1" from="${svc}" to="${romeo}"`));
  world.answers('1');
  assert.equal(world.take(), []);
  assert.is(world.status().counters.dropped['late answer'], 1);
  assert.is(world.status().counters.timeouts, 1);
});

test('what had no answer takes no room any more', async () => {
  const world = await TestWorld.of({ limits: { ...defaultLimits, openOfSender: 1 } });
  world.asks('1').take();
  world.clock.pass(30_000);
  world.asks('2');
  assert.ok(world.take().includes(iq('get', '2', seenRomeo, a, question)));
});

test('each address has its own time-out', async () => {
  const world = await TestWorld.of({ timeout: 2000 });
  await world.add({ address: 'slow@svc.example' as never, timeout: 60_000 });
  world.there(a, '', 'slow@svc.example').forget();
  world.asks('1', { to: 'slow@svc.example' }).asks('2').take();
  world.clock.pass(2000);
  assert.match(world.take()[0]!, /type="error" id="2"/);
  world.clock.pass(58_000);
  assert.ok(world.take().some((text) => /type="error" id="1"/.test(text)));
});

test('its resource goes: a get is asked once more elsewhere', async () => {
  const world = await TestWorld.of({}, ['a', 'b']);
  world.asks('1');
  assert.is(world.one(), iq('get', '1', seenRomeo, a, question));
  world.leaves(a);
  assert.is(world.one(), iq('get', '1', seenRomeo, b, question));
  world.answers('1', { from: a }).answers('1', { from: b });
  assert.is(world.one(), iq('result', '1', svc, romeo));
  assert.is(world.status().counters.dropped['late answer'], 1);
  assert.is(world.status().counters.retried, 1);
});

test('… but not twice, and not where nobody is left', async () => {
  const world = await TestWorld.of({}, ['a', 'b', 'c']);
  world.asks('1').take();
  world.leaves(a).take();
  world.leaves(b);
  isError(world.one(), 'recipient-unavailable', 'wait');
  world.asks('2').take();
  world.leaves(`${desk}/c`);
  isError(world.one(), 'recipient-unavailable', 'wait');
});

test('its resource goes: a set is answered at once, for it may have been done', async () => {
  const world = await TestWorld.of({}, ['a', 'b']);
  world.asks('1', { type: 'set' }).take();
  world.leaves(a);
  const error = world.one();
  isError(error, 'recipient-unavailable', 'wait');
  assert.match(error, new RegExp(`id="1" from="${svc}" to="${romeo}"`));
});

test('its resource is gone and only its server knows: the same', async () => {
  const world = await TestWorld.of({}, ['a', 'b']);
  const bounce = '<error type="wait"><recipient-unavailable xmlns="urn:ietf:params:xml:ns:xmpp-stanzas"/></error>';
  world.asks('1').asks('2', { type: 'set' }).take();
  world.answers('1', { type: 'error', inside: bounce }).answers('2', { type: 'error', inside: bounce });
  const [again, error] = world.take();
  assert.is(again, iq('get', '1', seenRomeo, b, question));
  isError(error, 'recipient-unavailable');
  world.answers('1', { from: b });
  assert.is(world.one(), iq('result', '1', svc, romeo));
  assert.is(world.status().open, 0);
});

test('nobody there: refused at once', async () => {
  const world = await TestWorld.of();
  world.leaves(a).asks('1');
  isError(world.one(), 'service-unavailable', 'cancel');
});

test('a request before the first presence waits for it', async () => {
  const world = await TestWorld.of({}, []);
  world.asks('1').asks('2', { type: 'set' });
  assert.equal(world.take(), []);
  assert.is(world.status().waiting, 2);
  world.there(a);
  assert.equal(world.take(), [iq('get', '1', seenRomeo, a, question), iq('set', '2', seenRomeo, a, question)]);
  world.answers('1');
  assert.is(world.one(), iq('result', '1', svc, romeo));
});

test('… for five seconds, then nobody waits any more', async () => {
  const world = await TestWorld.of({}, []);
  world.asks('1');
  world.clock.pass(4999);
  assert.equal(world.take(), []);
  world.clock.pass(1);
  isError(world.one(), 'service-unavailable');
  world.asks('2');
  isError(world.one(), 'service-unavailable');
  world.there(a).forget().asks('3');
  assert.is(world.one(), iq('get', '3', seenRomeo, a, question));
});

test.run();
