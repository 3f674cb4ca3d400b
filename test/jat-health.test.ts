/** Which resources of a target can be reached: silent ones, accounts at the proxy, accounts that change. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { BareJid } from '../src/wire/jid.ts';
import { asked, at, desk, isError, seenRomeo, svc, TestWorld, times } from './lib/jat.ts';

const pingOf = (text: string): string => / id="([^"]+)" from="svc.example" to="[^"]+"><ping /.exec(text)?.[1] ?? '';

test('after a time-out it is pinged; silent, it gets nothing more while another is there', async () => {
  const world = await TestWorld.of({ policy: 'round-robin', timeout: 1000 }, ['a', 'b']);
  world.asks('1').take();
  world.clock.pass(1000);
  const [error, ping] = world.take();
  isError(error, 'remote-server-timeout');
  assert.match(ping!, new RegExp(`from="${svc}" to="${at('a')}"><ping `));
  world.clock.pass(10_000);
  assert.equal(
    world.notices.map(({ kind, resource }) => `${kind} ${resource}`),
    [`silent ${at('a')}`],
  );
  world.take();
  assert.is(world.status().accounts[0]!.resources[0]!.health, 'silent');
  assert.is(
    times(3, () => asked(world)),
    'bbb',
  );
  world.leaves(at('b')).take();
  assert.is(asked(world, { keep: true }), 'a', 'better than to refuse');
});

test('… is asked again after a while, and back when it answers', async () => {
  const world = await TestWorld.of({ policy: 'round-robin', timeout: 1000 }, ['a', 'b']);
  world.asks('1').take();
  world.clock.pass(11_000);
  world.forget();
  world.there(at('b')); // somebody who is well says so
  world.clock.pass(40_000);
  const ping = world.take().find((text) => text.includes(`to="${at('a')}"`))!;
  world.says(
    `<iq type="error" id="${pingOf(ping)}" from="${at('a')}" to="${svc}"><error type="cancel"><service-unavailable xmlns="urn:ietf:params:xml:ns:xmpp-stanzas"/></error></iq>`,
  );
  assert.equal(
    world.notices.filter(({ resource }) => resource === at('a')).map(({ kind }) => kind),
    ['answers'],
  );
  world.take();
  assert.equal([...times(4, () => asked(world))].sort().join(''), 'aabb');
});

test('three time-outs in a row are enough, whatever it says to pings', async () => {
  const world = await TestWorld.of({ policy: 'sticky', timeout: 1000 }, ['a', 'b']);
  const first = asked(world);
  for (let turn = 0; turn < 3; turn++) {
    assert.is(asked(world, { keep: true }), first);
    world.clock.pass(1000);
    const ping = world
      .take()
      .map(pingOf)
      .find((id) => id !== '');
    if (ping !== undefined) world.answers(ping, { from: at(first), to: svc });
  }
  assert.equal(
    world.notices.map(({ kind }) => kind),
    ['silent'],
  );
  assert.is.not(asked(world), first);
});

test('a busy resource that says nothing is pinged; a quiet one after five minutes', async () => {
  const world = await TestWorld.of({ timeout: 60_000 }, ['a']);
  world.asks('1').take();
  world.clock.pass(20_000);
  assert.match(world.one(), /<ping /);
  const idle = await TestWorld.of();
  idle.clock.pass(299_000);
  assert.equal(idle.take(), []);
  idle.clock.pass(2000);
  assert.match(idle.one(), /<ping /);
});

test('a resource whose end nobody told of is found out', async () => {
  const world = await TestWorld.of({ policy: 'sticky' }, ['a', 'b']);
  const bounce = '<error type="cancel"><service-unavailable xmlns="urn:ietf:params:xml:ns:xmpp-stanzas"/></error>';
  const refuse = (id: string) => {
    world.asks(id);
    const to = / to="([^"]+)"/.exec(world.one())![1]!;
    world.answers(id, { from: to, type: 'error', inside: bounce });
    return { to, sent: world.take() };
  };
  world.clock.pass(1000);
  const { to, sent } = refuse('1');
  const other = to === at('a') ? at('b') : at('a');
  isError(sent[0], 'service-unavailable');
  assert.is(sent.length, 2);
  assert.match(sent[1]!, /<presence type="probe" from="svc.example" to="desk@home.example"/);
  assert.is(refuse('2').sent.length, 1, 'not each time');
  world.there(other);
  world.clock.pass(10_000);
  assert.equal(
    world.status().accounts[0]!.resources.map(({ resource }) => resource),
    [other],
  );
  world.clock.pass(60_000);
  world.take();
  refuse('3');
  world.clock.pass(10_000);
  assert.is(world.status().accounts[0]!.resources.length, 1, 'where nothing is heard nothing is known');
});

test('the domain of a target is gone: its account is probed, and has no resources until it is back', async () => {
  for (const condition of ['remote-server-not-found', 'remote-server-timeout']) {
    const world = await TestWorld.of({}, ['a', 'b']);
    const bounce = `<error type="cancel"><${condition} xmlns="urn:ietf:params:xml:ns:xmpp-stanzas"/></error>`;
    world.asks('1').take();
    world.answers('1', { from: at('a'), type: 'error', inside: bounce });
    const [answer, probe, ...more] = world.take();
    isError(answer, condition);
    assert.match(probe ?? '', /<presence type="probe" from="svc.example" to="desk@home.example"/);
    assert.equal(more, []);
    world.says(`<presence type="error" from="${desk}" to="${svc}">${bounce}</presence>`);
    assert.equal(world.status().accounts[0]!.resources, []);
    world.asks('2');
    isError(world.one(), 'service-unavailable');
    world.clock.pass(30_000);
    assert.match(world.one(), /<presence type="subscribe" from="svc.example" to="desk@home.example"/);
  }
});

test('an account that is at the proxy is told of by the edge, and needs no subscription', async () => {
  const world = new TestWorld();
  world.atEdge.add(desk);
  world.services.opened(world.component);
  world.services.opened(world.edge);
  await world.add();
  assert.equal(world.take(), []);
  assert.equal(world.take(world.edge), []);
  world.services.resource(at('a'), { priority: 0, show: undefined }, world.edge);
  world.asks('1');
  assert.match(world.one(world.edge), new RegExp(`from="${seenRomeo}" to="${at('a')}"`));
  world.answers('1', { way: world.edge });
  assert.match(world.one(), /type="result" id="1"/);
  world.services.resource(at('a'), undefined, world.edge);
  world.asks('2');
  isError(world.one(), 'service-unavailable');
  assert.is(world.status().accounts[0]!.subscription, 'direct');
});

test('an account that moves to the proxy, or away, is known in the other way', async () => {
  const world = await TestWorld.of();
  world.atEdge.add(desk);
  world.services.directness(desk);
  assert.match(world.one(world.edge), /type="unsubscribe"/);
  assert.is(world.status().accounts[0]!.subscription, 'direct');
  world.atEdge.delete(desk);
  world.services.directness(desk);
  assert.match(world.one(), /type="subscribe"/);
  assert.is(world.status().accounts[0]!.subscription, 'asked');
});

test('targets may change while requests are open', async () => {
  const other = 'other@home.example' as BareJid;
  const world = await TestWorld.of({ targets: [{ account: desk, weight: 1 }] });
  world.asks('1').take();
  await world.add({ targets: [{ account: other, weight: 1 }] });
  const sent = world.take();
  assert.match(sent[0]!, new RegExp(`type="unsubscribe" from="${svc}" to="${desk}"`));
  isError(sent[1], 'recipient-unavailable');
  assert.match(sent[2]!, new RegExp(`type="subscribe" from="${svc}" to="${other}"`));
  assert.is(sent.length, 3);
  world.there(`${other}/x`).asks('2');
  assert.match(world.one(), new RegExp(`to="${other}/x"`));
});

test.run();
