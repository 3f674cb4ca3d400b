/** Requests of users to a service address: one resource, one answer, whatever becomes of either. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { desk, iq, isError, romeo, seenRomeo, svc, TestWorld } from './lib/jat.ts';

const question = '<query xmlns="urn:example:q"/>';
const answer = '<query xmlns="urn:example:q">42</query>';

test('a request goes to a resource as from its user, the answer comes from the address', async () => {
  const world = await TestWorld.of();
  world.asks('1');
  assert.is(world.one(), iq('get', '1', seenRomeo, `${desk}/a`, question));
  world.answers('1', { inside: answer });
  assert.is(world.one(), iq('result', '1', svc, romeo, answer));
});

test('the answer comes from exactly what was asked', async () => {
  for (const asked of [svc, 'svc.example/bot', 'room@svc.example', 'room@svc.example/nick']) {
    const world = await TestWorld.of();
    world.asks('1', { to: asked });
    assert.is(world.one(), iq('get', '1', seenRomeo, `${desk}/a`, question));
    world.answers('1');
    assert.is(world.one(), iq('result', '1', asked, romeo));
  }
});

test('nobody there: refused', async () => {
  const world = await TestWorld.of();
  world.leaves(`${desk}/a`).asks('1');
  isError(world.one(), 'service-unavailable', 'cancel');
});

test.run();
