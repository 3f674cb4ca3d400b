/** When a client can take more, and when it has had enough: at the limits. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { NS } from '../src/wire/ns.ts';
import { inWorld } from './lib/edge.ts';
import { flow, give, mute, places } from './lib/given.ts';
import { managed, noticed } from './lib/managed.ts';

test('above 500 stanzas that are not acknowledged, the unit is told to wait; below 250, to go on', () =>
  inWorld({ plaintext: true }, async (world) => {
    const { wire, sid } = await mute(world);
    wire.send(`<enable xmlns="${NS.sm}" resume="true"/>`);
    await wire.sees(/<enabled /);
    give(world, sid, 1, 500);
    await wire.sees(/<body>500</);
    assert.equal(flow(world), []);
    give(world, sid, 501);
    assert.equal(flow(world), [], 'not within the call: the unit may be in the midst of it');
    await world.unit.hears('flow');
    wire.send(`<a xmlns="${NS.sm}" h="250"/>`);
    await world.unit.hears('acknowledged', ({ place }) => place === 250);
    assert.equal(flow(world), [false]);
    wire.send(`<a xmlns="${NS.sm}" h="251"/>`);
    await world.unit.hears('flow', ({ isOpen }) => isOpen);
    wire.socket.destroy();
  }));

test('the same by octets: half a mebibyte', () =>
  inWorld({ plaintext: true }, async (world) => {
    const { wire, sid } = await mute(world);
    wire.send(`<enable xmlns="${NS.sm}" resume="true"/>`);
    await wire.sees(/<enabled /);
    const more = 'x'.repeat(100_000);
    give(world, sid, 1, 5, more);
    await wire.sees(/<body>5x+</);
    assert.equal(flow(world), []);
    give(world, sid, 6, 6, more);
    await world.unit.hears('flow');
    wire.send(`<a xmlns="${NS.sm}" h="4"/>`);
    await world.unit.hears('flow', ({ isOpen }) => isOpen);
    assert.equal(flow(world), [false, true]);
    wire.socket.destroy();
  }));

test('a thousand that are not acknowledged may wait for a client that is away; one more, and the archive serves', () =>
  inWorld({}, async (world) => {
    const { edge, unit, starttls } = world;
    const { client, sid } = await managed(starttls, unit);
    client.cut();
    await noticed(world);
    give(world, sid, 1, 1000);
    await unit.hears('flow');
    await new Promise(setImmediate);
    assert.is(edge.sessions().length, 1);
    give(world, sid, 1001);
    await unit.hears('detach', (told) => told.sid === sid);
    assert.equal(places(world), []);
  }));

test('the same by octets: a mebibyte', () =>
  inWorld({}, async (world) => {
    const { edge, unit, starttls } = world;
    const { client, sid } = await managed(starttls, unit);
    client.cut();
    await noticed(world);
    const more = 'x'.repeat(100_000);
    give(world, sid, 1, 10, more);
    await unit.hears('flow');
    await new Promise(setImmediate);
    assert.is(edge.sessions().length, 1);
    give(world, sid, 11, 11, more);
    await unit.hears('detach', (told) => told.sid === sid);
  }));

test('without XEP-0198, what is not sent yet counts: above half a mebibyte the unit waits until all is gone', () =>
  inWorld({ plaintext: true }, async (world) => {
    const { wire, sid } = await mute(world);
    wire.socket.pause();
    const more = 'x'.repeat(100_000);
    let count = 0;
    for (; flow(world).length === 0 && count < 1000; count++) {
      give(world, sid, count + 1, count + 1, more);
      await new Promise(setImmediate);
    }
    assert.equal(flow(world), [false]);
    assert.ok(count > 5, 'the system takes some, too');
    wire.socket.resume();
    await world.unit.hears('flow', ({ isOpen }) => isOpen);
    await wire.sees(new RegExp(`<body>${count}x+<`));
    assert.equal(flow(world), [false, true]);
    wire.socket.destroy();
  }));

test('an app that neither reads nor has XEP-0198 is cut off; nothing of it is confirmed', () => {
  const limits = { unflushed: 100_000 };
  return inWorld({ plaintext: true, limits }, async (world) => {
    const { wire, sid } = await mute(world);
    wire.socket.pause();
    const more = 'x'.repeat(50_000);
    let place = 1;
    for (; world.edge.sessions().length > 0 && place < 1000; place++) {
      give(world, sid, place, place, more);
      await new Promise<void>((resolve) => setImmediate(resolve));
    }
    assert.ok(place < 1000, 'it is cut off');
    await world.unit.hears('detach');
    assert.equal([places(world), flow(world)], [[], [false]]);
  });
});

test.run();
