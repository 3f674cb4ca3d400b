/** How far a client has what it was given. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { NS } from '../src/wire/ns.ts';
import { HandClock, inWorld } from './lib/edge.ts';
import { give, mute, places } from './lib/given.ts';
import { back, managed, noticed } from './lib/managed.ts';
import { login } from './lib/raw.ts';
import { Wire } from './lib/wire.ts';

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
