/** Clients that do not answer, do not read, or are away for too long (XEP-0198). */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { NS } from '../src/wire/ns.ts';
import { StreamParser } from '../src/wire/parser.ts';
import { HandClock, inWorld, type World } from './lib/edge.ts';
import { back, body, managed, noticed, say } from './lib/managed.ts';
import { Wire } from './lib/wire.ts';

test('more than may wait for a client that is away ends its session', () =>
  inWorld({ limits: { unacknowledged: { stanzas: 10, bytes: 1e6 } } }, async (world) => {
    const { edge, unit, starttls } = world;
    const { client, sid } = await managed(starttls, unit);
    client.cut();
    await noticed(world);
    const bodies = Array.from({ length: 11 }, (_, at) => String(at));
    say(edge.link, sid, ...bodies);
    assert.is(unit.told.filter(({ what, sid: of }) => what === 'detach' && of === sid).length, 0); // not within the call
    await unit.hears('detach', (told) => told.sid === sid);
  }));

/** Takes everything and never acknowledges. */
async function deaf({ starttls, unit }: World): Promise<{ wire: Wire; sid: number; id: string }> {
  const wire = await Wire.bound(starttls);
  wire.send(`<enable xmlns="${NS.sm}" resume="true"/>`);
  const [, id = ''] = /id="([^"]+)"/.exec(await wire.sees(/<enabled [^>]*>/))!;
  return { wire, id, sid: (await unit.hears('attach')).sid };
}

test('a client that takes everything and acknowledges nothing is closed', async () => {
  const clock = new HandClock();
  const limits = { unacknowledged: { stanzas: 10, bytes: 1e6 } };
  await inWorld({ clock, limits, plaintext: true }, async (world) => {
    const { edge, unit } = world;
    const { wire, sid } = await deaf(world);
    const bodies = Array.from({ length: 12 }, (_, at) => String(at));
    say(edge.link, sid, ...bodies);
    await wire.sees(/<body>11<\/body><\/message><r xmlns="urn:xmpp:sm:3"\/>$/);
    assert.is(edge.sessions().length, 1, 'it has time to answer');
    clock.move(15_000);
    assert.match(await wire.end(), '<stream:error><resource-constraint ');
    await unit.hears('detach');
  });
});

test('a client that is asked and gives no sign of life loses its stream, not its session', async () => {
  const clock = new HandClock();
  await inWorld({ clock, plaintext: true }, async (world) => {
    const { edge, starttls } = world;
    const { wire, id, sid } = await deaf(world);
    say(edge.link, sid, 'one');
    await wire.sees(/<r [^>]*>$/);
    clock.move(75_000);
    assert.match(await wire.end(), '<stream:error><connection-timeout ');
    assert.equal(
      edge.sessions().map(({ connected }) => connected),
      [false],
    );
    const again = await back(starttls);
    again.send(`<resume xmlns="${NS.sm}" previd="${id}" h="0"/>`);
    assert.is(await body(again), 'one');
    await again.close();
  });
});

test('a stream that is silent for a while sleeps; what then comes is as ever', async () => {
  const clock = new HandClock();
  const { sleep } = StreamParser.prototype;
  let slept = 0;
  StreamParser.prototype.sleep = function () {
    slept += 1;
    sleep.call(this);
  };
  try {
    await inWorld({ clock, plaintext: true }, async ({ edge, starttls, unit }) => {
      const wire = await Wire.bound(starttls);
      const { sid } = await unit.hears('attach');
      wire.send('<message id="1" to="x@y.example"/>');
      await unit.hears('stanza');
      clock.move(15_000);
      assert.is(slept, 1);
      wire.send(' <message id="2" to="x@y.example"><body>half');
      wire.send('</body></message><stream:x/>');
      await unit.hears('stanza', ({ stanza }) => stanza.id === '2');
      assert.equal(unit.stanzas(sid)[1], '<message to="x@y.example" id="2"><body>half</body></message>');
      assert.match(await wire.end(), '<unsupported-stanza-type ', 'the prefix is known still');
      assert.is(edge.sessions().length, 0);
    });
  } finally {
    StreamParser.prototype.sleep = sleep;
  }
});

test('an idle client is asked whether it is there', async () => {
  const clock = new HandClock();
  await inWorld({ clock, plaintext: true }, async (world) => {
    const { wire } = await deaf(world);
    clock.move(899_000);
    assert.not.match(wire.text, '<r ');
    clock.move(15_000);
    await wire.sees(/<r [^>]*>$/);
    wire.send(`<a xmlns="${NS.sm}" h="0"/><message to="x@y.example"/>`);
    await world.unit.hears('stanza');
    clock.move(600_000);
    assert.is(world.edge.sessions()[0]?.connected, true);
    wire.socket.destroy();
  });
});

test('a client that does not read is cut off, and finds its session when it comes back', () => {
  const limits = { unflushed: 100_000, unacknowledged: { stanzas: 1e6, bytes: 1e9 } };
  return inWorld({ plaintext: true, limits }, async (world) => {
    const { edge, starttls } = world;
    const { wire, id, sid } = await deaf(world);
    wire.socket.pause();
    let count = 0;
    for (; edge.sessions()[0]?.connected && count < 1000; count += 1) {
      say(edge.link, sid, `${count} ${'x'.repeat(50_000)}`);
      await new Promise<void>((resolve) => setImmediate(resolve));
    }
    assert.ok(count < 1000, 'it is cut off');
    const again = await back(starttls);
    again.send(`<resume xmlns="${NS.sm}" previd="${id}" h="0"/>`);
    await again.received(({ name }) => name === 'resumed');
    await again.received((element) => element.getChildText('body')?.startsWith(`${count - 1} `) ?? false);
    assert.equal(
      again.bodies().map((text) => Number.parseInt(text, 10)),
      Array.from({ length: count }, (_, at) => at),
    );
    await again.close();
  });
});

test('one long answer is no sign of a slow reader', () =>
  inWorld({ plaintext: true, limits: { unflushed: 10_000 } }, async (world) => {
    const { wire, sid } = await deaf(world);
    say(world.edge.link, sid, 'x'.repeat(900_000), 'end');
    await wire.sees(/<body>end/);
    wire.socket.destroy();
  }));

test.run();
