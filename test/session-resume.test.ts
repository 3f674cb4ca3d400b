/** XEP-0198 over real sockets: a client that comes back finds its session as it was, nothing lost, nothing doubled. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { NS } from '../src/wire/ns.ts';
import { firstElement, serialize } from '../src/wire/xml.ts';
import { HandClock, inWorld } from './lib/edge.ts';
import { back, body, managed, noticed, say } from './lib/managed.ts';
import { login } from './lib/raw.ts';

test('both sides are told what was handled', () =>
  inWorld({}, async ({ edge, unit, starttls }) => {
    const { client, sid } = await managed(starttls, unit);
    client.message('x@y.example', 'one');
    client.message('root@proxy.example', 'two');
    client.send('<message to="@"/>');
    await client.acknowledged(3);
    assert.is((await client.next()).attrs.type, 'error');
    say(edge.link, sid, 'a', 'b');
    await body(client);
    await body(client);
    client.send(`<a xmlns="${NS.sm}" h="${client.sm!.handled}"/>`);
    await client.close();
    await unit.hears('detach');
  }));

test('after a cut: what was on the way comes, and once', () =>
  inWorld({}, async (world) => {
    const { edge, unit, starttls } = world;
    const { client, sid } = await managed(starttls, unit);
    edge.link.facts(sid, { presence: '<presence/>' });
    client.message('x@y.example', 'handled');
    say(edge.link, sid, 'one');
    assert.is(await body(client), 'one');
    await client.roundtrip();
    client.cut();
    await noticed(world);
    say(edge.link, sid, 'two', 'three');
    edge.outlet.say('alice@proxy.example' as never, 'four');
    const again = await back(starttls);
    const resumed = await again.resume(client);
    assert.is(serialize(resumed), `<resumed xmlns="${NS.sm}" previd="${client.sm!.id}" h="2"/>`);
    say(edge.link, sid, 'five');
    await again.roundtrip();
    assert.equal(again.bodies(), ['two', 'three', 'four', 'five']);
    again.message('x@y.example', 'later');
    await again.acknowledged(4);
    assert.is(unit.stanzas(sid).length, 2);
    const told = unit.told.filter((one) => one.sid === sid).map(({ what }) => what);
    assert.equal(told, ['attach', 'resumable', 'stanza', 'passed', 'stanza']);
    await again.close();
    await unit.hears('detach', (told) => told.sid === sid);
  }));

test('what the client had and did not acknowledge is sent again only if it does not say so when it comes back', () =>
  inWorld({}, async (world) => {
    const { edge, unit, starttls } = world;
    const { client, sid } = await managed(starttls, unit);
    client.cut();
    await noticed(world);
    say(edge.link, sid, 'one', 'two', 'three');
    client.sm!.handled = 2;
    const again = await back(starttls);
    await again.resume(client);
    await again.roundtrip();
    assert.equal(again.bodies(), ['three']);
    await again.close();
  }));

test('a stream that still lives is closed when its session is resumed on another', () =>
  inWorld({}, async ({ edge, unit, starttls }) => {
    const { client, sid } = await managed(starttls, unit);
    const again = await back(starttls);
    await again.resume(client);
    assert.is(firstElement(await client.received(({ name }) => name === 'error'))!.name, 'conflict');
    await client.closed;
    say(edge.link, sid, 'one');
    assert.is(await body(again), 'one');
    assert.is(edge.sessions().length, 1);
    await again.close();
    await unit.hears('detach');
    assert.equal(
      unit.told.map(({ what }) => what),
      ['attach', 'resumable', 'detach'],
    );
  }));

test("another login's session is nothing", () =>
  inWorld({}, async ({ edge, unit, starttls }) => {
    const { client } = await managed(starttls, unit);
    const bob = await back(starttls, 'bob');
    const failed = `<failed xmlns="${NS.sm}"><item-not-found xmlns="${NS.stanzas}"/></failed>`;
    assert.is(serialize(await bob.resume(client)), failed);
    await client.roundtrip();
    await bob.bind('here');
    assert.is(edge.sessions().length, 2);
    const { id } = client.sm!;
    await client.close();
    await unit.hears('detach');
    const other = await back(starttls, 'bob'); // nor does bob learn what it had handled
    other.send(`<resume xmlns="${NS.sm}" previd="${id}" h="0"/>`);
    assert.is(serialize(await other.next()), failed);
    await bob.close();
    await other.close();
  }));

test('a client that has more than it was sent loses its session', () =>
  inWorld({}, async ({ unit, starttls }) => {
    const { client } = await managed(starttls, unit);
    client.sm!.handled = 7;
    const again = await back(starttls);
    const { id } = client.sm!;
    again.send(`<resume xmlns="${NS.sm}" previd="${id}" h="7"/>`);
    const error = await again.received(({ name }) => name === 'error');
    assert.is(firstElement(error)!.name, 'undefined-condition');
    assert.is(error.getChild('handled-count-too-high', NS.sm)!.attrs['send-count'], '0');
    assert.is((await unit.hears('detach')).isClean, false);
    unit.handled.set(id, 0);
    const third = await back(starttls);
    third.send(`<resume xmlns="${NS.sm}" previd="${id}" h="0"/>`);
    const failed = await third.next();
    assert.is(failed.name, 'failed');
    assert.is(failed.attrs.h, '0');
    await third.close();
  }));

test('nobody waits for ever: the stanzas go back to the unit, and the count is remembered', async () => {
  const clock = new HandClock();
  await inWorld({ clock }, async (world) => {
    const { edge, unit, starttls } = world;
    const { client, sid } = await managed(starttls, unit);
    client.message('x@y.example', 'handled');
    await client.acknowledged(1);
    client.cut();
    await noticed(world);
    say(edge.link, sid, 'one', 'two');
    clock.move(299_999);
    assert.is(edge.sessions().length, 1);
    clock.move(1);
    assert.is(edge.sessions().length, 0);
    assert.is((await unit.hears('detach', (told) => told.sid === sid)).isClean, false);
    assert.equal(world.door.gone_.includes(sid), true);
    say(edge.link, sid, 'three');
    unit.handled.set(client.sm!.id, 1);
    const again = await back(starttls);
    const failed = await again.resume(client);
    assert.is(failed.name, 'failed');
    assert.is(failed.attrs.h, '1');
    await again.bind();
    await again.roundtrip();
    assert.equal(again.bodies(), []);
    await again.close();
  });
});

test('a client that asks for less patience gets it', async () => {
  const clock = new HandClock();
  await inWorld({ clock }, async (world) => {
    const { edge, unit, starttls } = world;
    const client = await login({ jid: 'alice@proxy.example', password: 'proxy secret', ...starttls });
    client.send(`<enable xmlns="${NS.sm}" resume="1" max="60"/>`);
    assert.is((await client.received(({ name }) => name === 'enabled')).attrs.max, '60');
    client.cut();
    await noticed(world);
    clock.move(60_000);
    assert.is(edge.sessions().length, 0);
    await unit.hears('detach');
  });
});

test('without resumption, or when the client says good-bye, the session ends with the stream', () =>
  inWorld({}, async ({ edge, unit, starttls }) => {
    const plain = await login({ jid: 'alice@proxy.example', password: 'proxy secret', ...starttls });
    const { sid } = await unit.hears('attach');
    plain.cut();
    await unit.hears('detach', (told) => told.sid === sid);
    const counted = await login({ jid: 'alice@proxy.example', password: 'proxy secret', ...starttls });
    counted.send(`<enable xmlns="${NS.sm}"/>`);
    assert.is(serialize(await counted.received(({ name }) => name === 'enabled')), `<enabled xmlns="${NS.sm}"/>`);
    const second = await unit.hears('attach', (told) => told.sid !== sid);
    counted.cut();
    await unit.hears('detach', (told) => told.sid === second.sid);
    const { client } = await managed(starttls, unit);
    const third = edge.sessions()[0]!.sid;
    await client.close();
    await unit.hears('detach', (told) => told.sid === third);
    assert.equal(edge.sessions(), []);
  }));

test('a resumed stream begins active (XEP-0352)', () =>
  inWorld({}, async (world) => {
    const { unit, starttls } = world;
    const { client, sid } = await managed(starttls, unit);
    client.send(`<inactive xmlns="${NS.csi}"/>`);
    await unit.hears('activity', (told) => told.inactive);
    client.cut();
    await noticed(world);
    const again = await back(starttls);
    await again.resume(client);
    await unit.hears('activity', (told) => told.sid === sid && !told.inactive);
    again.send(`<active xmlns="${NS.csi}"/>`);
    await again.roundtrip();
    assert.is(unit.told.filter(({ what }) => what === 'activity').length, 3);
    await again.close();
  }));

test.run();
