/** How far a client has what it was given, and when it can take more. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { NS } from '../src/wire/ns.ts';
import { Stanza } from '../src/wire/stanza.ts';
import { xml } from '../src/wire/xml.ts';
import { HandClock, inWorld, type World } from './lib/edge.ts';
import { back, managed, noticed } from './lib/managed.ts';
import { login } from './lib/raw.ts';
import { Wire } from './lib/wire.ts';

/** The unit delivers archived messages: their places are their bodies, with so much more text. */
function give({ edge }: World, sid: number, from: number, to = from, more = ''): void {
  for (let place = from; place <= to; place++) {
    const body = xml('body', {}, `${place}${more}`);
    edge.link.deliver([sid], Stanza.of(xml('message', { from: 'bob@home.example/x' }, body)), place);
  }
}

const places = ({ unit }: World): number[] =>
  unit.told.flatMap((told) => (told.what === 'acknowledged' ? [told.place] : []));
const flow = ({ unit }: World): boolean[] => unit.told.flatMap((told) => (told.what === 'flow' ? [told.isOpen] : []));

/** Takes everything, and says nothing by itself. */
async function mute(world: World): Promise<{ wire: Wire; sid: number }> {
  const wire = await Wire.bound(world.starttls);
  return { wire, sid: (await world.unit.hears('attach')).sid };
}

const pings = (text: string): string[] => [...text.matchAll(/<iq [^>]*id="([^"]+)"><ping /g)].map(([, id]) => id!);

test('the unit hears what is acknowledged: the highest place, once a turn', () =>
  inWorld({ plaintext: true }, async (world) => {
    const { wire, sid } = await mute(world);
    wire.send(`<enable xmlns="${NS.sm}" resume="true"/>`);
    await wire.sees(/<enabled /);
    give(world, sid, 10, 15);
    await wire.sees(/<r [^>]*>$/);
    wire.send(`<a xmlns="${NS.sm}" h="1"/><a xmlns="${NS.sm}" h="4"/>`);
    await world.unit.hears('acknowledged');
    wire.send(`<a xmlns="${NS.sm}" h="4"/><a xmlns="${NS.sm}" h="3"/><a xmlns="${NS.sm}" h="6"/>`);
    await world.unit.hears('acknowledged', ({ place }) => place === 15);
    assert.equal(places(world), [13, 15]);
    const { facts } = await world.unit.hears('attach');
    assert.equal([facts.delivered, facts.acknowledged], [15, 15], 'so that the next unit knows');
    wire.socket.destroy();
  }));

test('what a client acknowledges as it comes back, and as it goes, counts', () =>
  inWorld({}, async (world) => {
    const { client, sid } = await managed(world.starttls, world.unit);
    client.cut();
    await noticed(world);
    give(world, sid, 1, 4);
    client.sm!.handled = 2;
    const again = await back(world.starttls);
    await again.resume(client);
    await world.unit.hears('acknowledged', ({ place }) => place === 2);
    await again.roundtrip();
    again.send(`<a xmlns="${NS.sm}" h="4"/></stream:stream>`);
    await world.unit.hears('detach', (told) => told.sid === sid);
    assert.equal(places(world).at(-1), 4);
  }));

test('a client without XEP-0198 is asked by a ping in the same write as the message; the answer stays here', () =>
  inWorld({ plaintext: true }, async (world) => {
    const { wire, sid } = await mute(world);
    give(world, sid, 7, 8);
    await wire.sees(
      /<\/message><iq to="alice@proxy\.example\/desk" from="proxy\.example" type="get" [^>]*><ping xmlns="urn:xmpp:ping"\/><\/iq>$/,
    );
    const [id] = pings(wire.text);
    wire.send(
      `<iq type="error" id="${id}" to="proxy.example"><error type="cancel"><service-unavailable/></error></iq>`,
    );
    assert.is((await world.unit.hears('acknowledged')).place, 8);
    give(world, sid, 9);
    await wire.sees(/<body>9<\/body><\/message>$/);
    assert.is(pings(wire.text).length, 1, 'not so soon');
    assert.equal(world.unit.stanzas(), []);
    assert.equal(world.errors, []);
    wire.socket.destroy();
  }));

test('messages that are in no archive are not asked after', () =>
  inWorld({ plaintext: true }, async (world) => {
    const { wire, sid } = await mute(world);
    give(world, sid, 0);
    await wire.sees(/<\/message>$/);
    wire.socket.destroy();
  }));

test('who was not asked with a message is asked later; a phone that sleeps is not woken for that', async () => {
  const clock = new HandClock();
  await inWorld({ plaintext: true, clock }, async (world) => {
    const { wire, sid } = await mute(world);
    const answer = async (place: number) => {
      wire.send(`<iq type="result" id="${pings(wire.text).at(-1)}"/>`);
      await world.unit.hears('acknowledged', (told) => told.place === place);
    };
    give(world, sid, 1);
    await wire.sees(/ping"\/><\/iq>$/);
    await answer(1);
    give(world, sid, 2);
    await wire.sees(/<body>2<\/body><\/message>$/);
    clock.move(15_000);
    await wire.sees(/<body>2<\/body><\/message><iq [^>]*><ping xmlns="urn:xmpp:ping"\/><\/iq>$/);
    await answer(2);
    wire.send(`<inactive xmlns="${NS.csi}"/>`);
    await world.unit.hears('activity');
    give(world, sid, 3);
    await wire.sees(/<body>3<\/body><\/message>$/);
    const { length } = wire.text;
    clock.move(60_000);
    give(world, sid, 4);
    await wire.sees(/<body>4<\/body><\/message><iq [^>]*><ping xmlns="urn:xmpp:ping"\/><\/iq>$/);
    assert.is(wire.text.slice(length).indexOf('<message'), 0, 'nothing came before');
    await answer(4);
    wire.socket.destroy();
  });
});

test('who answers no pings gets no more, in later sessions neither; what it says well after a message counts', async () => {
  const clock = new HandClock();
  await inWorld({ plaintext: true, clock }, async (world) => {
    const { wire, sid } = await mute(world);
    /** Bytes come, and it is looked after. */
    const speaks = async (on: Wire, after: number) => {
      clock.move(after);
      const count = world.unit.stanzas().length;
      on.send('<message to="x@y.example"/>');
      await world.unit.hears('stanza', ({ position }) => world.unit.stanzas().length > count || position < 0);
      while (world.unit.stanzas().length === count) await new Promise(setImmediate);
      clock.move(15_000);
    };
    give(world, sid, 1);
    await wire.sees(/ping"\/><\/iq>$/);
    for (let count = 0; count < 3; count++) await speaks(wire, 60_000);
    await new Promise(setImmediate);
    assert.equal(places(world), []);
    await speaks(wire, 10_000);
    await world.unit.hears('acknowledged');
    assert.is(pings(wire.text).length, 3);
    wire.socket.destroy();
    await world.unit.hears('detach');
    const next = await Wire.bound(world.starttls);
    const { sid: other } = await world.unit.hears('attach', (told) => told.sid !== sid);
    give(world, other, 2);
    await next.sees(/<body>2<\/body><\/message>$/);
    await speaks(next, 10_000);
    await world.unit.hears('acknowledged', ({ place }) => place === 2);
    next.socket.destroy();
  });
});

test('a dead socket confirms nothing', async () => {
  const clock = new HandClock();
  await inWorld({ plaintext: true, clock }, async (world) => {
    const { wire, sid } = await mute(world);
    give(world, sid, 1);
    await wire.sees(/ping"\/><\/iq>$/);
    clock.move(600_000);
    wire.socket.destroy();
    await world.unit.hears('detach');
    assert.equal(places(world), []);
  });
});

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

test('a client that is not read is not blamed for its silence', async () => {
  const clock = new HandClock();
  await inWorld({ clock }, async (world) => {
    const { edge, unit, starttls } = world;
    const { client, sid } = await managed(starttls, unit);
    edge.link.pause(sid);
    give(world, sid, 1);
    await client.received(({ name }) => name === 'message');
    clock.move(600_000);
    assert.is(edge.sessions()[0]?.connected, true);
    edge.link.resume(sid);
    clock.move(45_000);
    assert.is(edge.sessions()[0]?.connected, true);
    await unit.hears('acknowledged');
    await client.close();
  });
});

test('other clients are none of its business', () =>
  inWorld({}, async (world) => {
    const client = await login({ jid: 'alice@proxy.example', password: 'proxy secret', ...world.starttls });
    const { sid } = await world.unit.hears('attach');
    const other = await login({ jid: 'bob@proxy.example', password: 'bob secret', ...world.starttls });
    give(world, sid, 5);
    assert.is((await world.unit.hears('acknowledged')).sid, sid, 'a client that is alive answers');
    await other.roundtrip();
    assert.equal(other.all.length, 2, 'what binding and the ping brought');
    await client.close();
    await other.close();
  }));

test.run();
