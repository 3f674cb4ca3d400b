/** XEP-0198: a client is told of what would not be lost with us, and of no more. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { NS } from '../src/wire/ns.ts';
import { firstElement, serialize } from '../src/wire/xml.ts';
import { HandClock, inWorld, type World } from './lib/edge.ts';
import { back, managed, noticed } from './lib/managed.ts';
import { login, type RawClient } from './lib/raw.ts';

const ask = `<r xmlns="${NS.sm}"/>`;

const next = async (client: RawClient): Promise<string | undefined> =>
  (await client.received(({ name }) => name === 'a')).attrs.h;

/** The unit does not say what is stored; the test does. */
function withheld({ unit, edge }: World): (position: number) => void {
  let sid = 0;
  unit.store = (of) => {
    sid = of;
  };
  return (position) => edge.link.stored(sid, position);
}

test('it is answered at once, and told more when there is more', () =>
  inWorld({}, async (world) => {
    const { unit, starttls } = world;
    const stored = withheld(world);
    const { client } = await managed(starttls, unit);
    client.message('x@y.example', 'one');
    client.message('x@y.example', 'two');
    client.send(ask);
    assert.is(await next(client), '0');
    await unit.hears('stanza', ({ position }) => position === 2);
    stored(1);
    assert.is(await next(client), '1');
    client.message('x@y.example', 'three');
    await unit.hears('stanza', ({ position }) => position === 3);
    stored(3);
    assert.is(await next(client), '3', 'as far as it is when it is told');
    client.message('x@y.example', 'four');
    await unit.hears('stanza', ({ position }) => position === 4);
    stored(4);
    await client.roundtrip();
    assert.equal(client.rest(), [], 'it has not asked again');
    client.send(ask);
    assert.is(await next(client), '5');
    await client.close();
  }));

test('what never comes to the unit counts in its turn; the unit is told what the client was', () =>
  inWorld({}, async (world) => {
    const { unit, starttls } = world;
    const stored = withheld(world);
    const { client, sid } = await managed(starttls, unit);
    await client.roundtrip('proxy.example');
    client.send(ask);
    assert.is(await next(client), '1');
    assert.is((await unit.hears('passed')).position, 1);
    client.message('x@y.example', 'two');
    client.message('root@proxy.example', 'three');
    client.send('<message to="@"/>');
    client.send(ask);
    assert.is(await next(client), '1');
    stored(2);
    assert.is(await next(client), '4');
    assert.equal(
      unit.told.filter((told) => told.sid === sid).map(({ what }) => what),
      ['attach', 'resumable', 'passed', 'stanza', 'passed'],
    );
    await client.close();
  }));

test('a client that says good-bye is told of all it said, when that is durable', () =>
  inWorld({}, async (world) => {
    const { unit, starttls } = world;
    const stored = withheld(world);
    const { client, sid } = await managed(starttls, unit);
    client.message('x@y.example', 'last words');
    client.send('</stream:stream>');
    await unit.hears('stanza');
    await new Promise(setImmediate);
    assert.is(
      unit.told.some(({ what }) => what === 'detach'),
      false,
    );
    stored(1);
    assert.is(await next(client), '1');
    await client.closed;
    assert.is((await unit.hears('detach', (told) => told.sid === sid)).isClean, true);
  }));

test('its end does not wait for ever; then it may still ask', async () => {
  const clock = new HandClock();
  await inWorld({ clock }, async (world) => {
    const { unit, starttls } = world;
    withheld(world);
    const { client, sid } = await managed(starttls, unit);
    client.message('x@y.example', 'last words');
    client.send('</stream:stream>');
    await unit.hears('stanza');
    await new Promise(setImmediate);
    clock.move(1000);
    assert.is(await next(client), '0');
    await client.closed;
    assert.is((await unit.hears('detach', (told) => told.sid === sid)).isClean, false);
  });
});

test('who says good-bye and hangs up at once has not lost its stream', () =>
  inWorld({}, async (world) => {
    const { edge, unit, starttls } = world;
    const stored = withheld(world);
    const { client, sid } = await managed(starttls, unit);
    client.message('x@y.example', 'last words');
    client.send('</stream:stream>');
    await unit.hears('stanza');
    client.cut();
    await unit.hears('detach', (told) => told.sid === sid);
    assert.equal(edge.sessions(), []);
    stored(1);
  }));

test('a resumed client is not told too little: it would send again what is on its way to the disk', () =>
  inWorld({}, async (world) => {
    const { unit, starttls } = world;
    const stored = withheld(world);
    const { client } = await managed(starttls, unit);
    client.message('x@y.example', 'one');
    await unit.hears('stanza');
    client.cut();
    await noticed(world);
    const again = await back(starttls);
    const resumed = again.resume(client);
    again.message('x@y.example', 'two');
    const bystander = await back(starttls, 'bob');
    await bystander.bind();
    await bystander.roundtrip();
    assert.equal(unit.stanzas().length, 1, 'what follows waits');
    stored(1);
    assert.is(serialize(await resumed), `<resumed xmlns="${NS.sm}" previd="${client.sm!.id}" h="1"/>`);
    await unit.hears('stanza', ({ position }) => position === 2);
    await again.close();
    await bystander.close();
  }));

test('where that takes too long, the session is over, and what is durable counts', async () => {
  const clock = new HandClock();
  await inWorld({ clock }, async (world) => {
    const { edge, unit, starttls } = world;
    const stored = withheld(world);
    const { client, sid } = await managed(starttls, unit);
    client.message('x@y.example', 'one');
    client.message('x@y.example', 'two');
    await unit.hears('stanza', ({ position }) => position === 2);
    stored(1);
    client.cut();
    await noticed(world);
    const again = await back(starttls);
    unit.handled.set(client.sm!.id, 1);
    const before = clock.set;
    const failed = again.resume(client);
    while (clock.set === before) await new Promise(setImmediate);
    assert.is(edge.sessions().filter((session) => session.sid === sid).length, 1);
    clock.move(10_000);
    assert.is(
      serialize(await failed),
      `<failed xmlns="${NS.sm}" h="1"><item-not-found xmlns="${NS.stanzas}"/></failed>`,
    );
    assert.is((await unit.hears('detach', (told) => told.sid === sid)).isClean, false);
    await again.bind();
    await again.close();
  });
});

test('when the program stops, clients are told of all they said', async () => {
  await inWorld({}, async (world) => {
    const { edge, unit, starttls } = world;
    const stored = withheld(world);
    const { client } = await managed(starttls, unit);
    client.message('x@y.example', 'one');
    await unit.hears('stanza');
    const stopped = edge.stop();
    await new Promise(setImmediate);
    assert.is(
      unit.told.some(({ what }) => what === 'detach'),
      false,
    );
    stored(1);
    assert.is(await next(client), '1');
    assert.is(firstElement(await client.received(({ name }) => name === 'error'))!.name, 'system-shutdown');
    await stopped;
  });
});

test('a client without XEP-0198 that leaves is gone at once', () =>
  inWorld({}, async (world) => {
    const { unit, starttls } = world;
    const { store } = unit;
    withheld(world);
    const client = await login({ jid: 'alice@proxy.example', password: 'proxy secret', ...starttls });
    client.message('x@y.example', 'one');
    await client.close();
    assert.is((await unit.hears('detach')).isClean, false);
    unit.store = store;
    const other = await login({ jid: 'bob@proxy.example', password: 'bob secret', ...starttls });
    other.message('x@y.example', 'one');
    await other.close();
    assert.is((await unit.hears('detach', ({ sid }) => sid === 2)).isClean, true);
  }));

test.run();
