import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { NS } from '../src/wire/ns.ts';
import { Stanza } from '../src/wire/stanza.ts';
import { firstElement, xml } from '../src/wire/xml.ts';
import { HandClock, inWorld, startWorld } from './lib/edge.ts';
import { back, managed, noticed } from './lib/managed.ts';
import { login } from './lib/raw.ts';
import { header, Wire } from './lib/wire.ts';

test('stop: every stream gets the error, units get back what was not acknowledged, nothing is left', async () => {
  const clock = new HandClock();
  const world = await startWorld({ clock, plaintext: true });
  const { client, sid } = await managed(world.starttls, world.unit);
  const unready = await Wire.open(world.starttls);
  unready.send(header());
  await unready.sees(/features>$/);
  client.cut();
  await noticed(world);
  world.edge.link.deliver([sid], Stanza.of(xml('message', { id: 'kept' })));
  const other = await login({ jid: 'alice@work.example', password: 'work secret', ...world.direct });
  await other.enableSm();
  other.message('x@y.example', 'counted');
  await world.unit.hears('stanza');
  await world.stop();
  assert.match(
    await unready.end(),
    `<stream:error><system-shutdown xmlns="${NS.streams}"/></stream:error></stream:stream>`,
  );
  const last = await other.received(({ name }) => name === 'a');
  assert.is(last.attrs.h, '1');
  assert.is(firstElement(await other.received(({ name }) => name === 'error'))!.name, 'system-shutdown');
  await other.closed;
  assert.is((await world.unit.hears('detach', (told) => told.sid === sid)).isClean, false);
  assert.equal(world.edge.sessions(), []);
  assert.is(clock.set, 0);
  await Wire.open(world.starttls).then(
    () => assert.unreachable(),
    (error) => assert.is(error.code, 'ECONNREFUSED'),
  );
});

test('stop: a client that does not hang up is cut off', async () => {
  const world = await startWorld({ plaintext: true, limits: { closing: 50 } });
  const wire = await Wire.open(world.starttls);
  wire.send(header());
  await wire.sees(/features>$/);
  wire.socket.pause();
  const began = Date.now();
  await world.stop();
  assert.ok(Date.now() - began >= 45);
  wire.socket.destroy();
});

test('sessions are ended by what they are', () =>
  inWorld({}, async (world) => {
    const { edge, unit, starttls } = world;
    const { client } = await managed(starttls, unit);
    const identity = await login({ jid: 'alice@work.example', password: 'work secret', ...starttls });
    edge.endSessions(({ bare }) => bare === 'alice@proxy.example', 'not-authorized', 'the password was changed');
    const error = await client.received(({ name }) => name === 'error');
    assert.is(firstElement(error)!.name, 'not-authorized');
    assert.is(error.getChildText('text', NS.streams as never), 'the password was changed');
    await client.closed;
    await identity.roundtrip('proxy.example');
    assert.equal(
      edge.sessions().map(({ bare }) => bare),
      ['alice@work.example'],
    );
    const again = await back(starttls);
    assert.is((await again.resume(client)).name, 'failed');
    await again.close();
    await identity.close();
  }));

test.run();
