import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { UnitLink } from '../src/link/link.ts';
import { NS } from '../src/wire/ns.ts';
import { firstElement, serialize, xml } from '../src/wire/xml.ts';
import { domain, type FakeUnit, fakeAuthority, inWorld, verifierOf } from './lib/edge.ts';
import { type Endpoint, login, RawClient } from './lib/raw.ts';

const alice = (endpoint: Endpoint, resource?: string) =>
  login({ jid: 'alice@work.example', password: 'work secret', ...(resource && { resource }), ...endpoint });
const root = (endpoint: Endpoint) => login({ jid: 'alice@proxy.example', password: 'proxy secret', ...endpoint });

async function authenticated(endpoint: Endpoint): Promise<RawClient> {
  const client = await RawClient.open(domain, endpoint);
  await client.authenticate('alice', 'proxy secret');
  return client;
}
const bind = (resource: string) => xml('bind', NS.bind, xml('resource', {}, resource));
const condition = (answer: { getChild: RawClient['features']['getChild'] }) =>
  firstElement(answer.getChild('error')!)!.name;

test('what a session may have', () =>
  inWorld({}, async ({ starttls }) => {
    const client = await authenticated(starttls);
    const offered = client.features.getChildElements().map(({ name, attrs }) => `${name} ${attrs.xmlns}`);
    assert.equal(offered, [
      `bind ${NS.bind}`,
      `session ${NS.session}`,
      `sm ${NS.sm}`,
      `csi ${NS.csi}`,
      `ver ${NS.ver}`,
      `limits ${NS.limits}`,
    ]);
    assert.ok(client.features.getChild('session')!.getChild('optional'));
    assert.is(client.features.getChild('limits')!.getChildText('max-bytes'), '262144');
    assert.is(client.features.getChild('limits')!.getChildText('idle-seconds'), '900');
    await client.close();
  }));

test('the resource that is asked for, in its own view; the unit learns of the session after the client', () =>
  inWorld({}, async ({ edge, unit, starttls }) => {
    const client = await alice(starttls, 'desk & chair');
    assert.is(client.jid, 'alice@work.example/desk & chair');
    const { sid, facts } = await unit.hears('attach');
    assert.equal(facts, {
      view: 'identity',
      bare: 'alice@work.example',
      address: 'alice@work.example/desk & chair',
      carbons: false,
      interested: false,
      blocklist: false,
      presence: undefined,
      inactive: false,
      directed: [],
      rooms: [],
      stream: { id: facts.stream.id, from: undefined },
      delivered: 0,
      acknowledged: 0,
      isOpen: true,
    });
    assert.match(facts.stream.id, /^[\w-]{24}$/);
    const [info] = edge.sessions();
    assert.is(info?.sid, sid);
    assert.is(info?.user, 'alice');
    assert.is(info?.mechanism, 'PLAIN');
    assert.is(info?.connected, true);
    const merged = await root(starttls);
    const other = await unit.hears('attach', (told) => told.sid !== sid);
    assert.is(other.facts.view, 'merged');
    assert.match(merged.jid, /^alice@proxy\.example\/[\w-]{12}$/);
    await merged.close();
    await client.close();
    await unit.hears('detach', (told) => told.sid === sid);
  }));

test('a resource that is none, an iq without id, a second bind', () =>
  inWorld({}, async ({ starttls, unit }) => {
    const client = await authenticated(starttls);
    assert.is(condition(await client.iq('set', undefined, bind('a\u2028b'))), 'bad-request');
    assert.is(condition(await client.iq('set', undefined, bind('x'.repeat(1024)))), 'bad-request');
    client.send(`<iq type="set"><bind xmlns="${NS.bind}"/></iq>`);
    assert.is(condition(await client.next()), 'bad-request');
    assert.equal(unit.told, []);
    await client.bind('desk');
    const again = client.iq('set', undefined, bind('chair'));
    assert.is(condition(await again), 'not-allowed');
    await client.close();
  }));

test('the same resource again closes the older session, and the unit sees them in that order', () =>
  inWorld({}, async ({ edge, unit, starttls }) => {
    const older = await alice(starttls, 'desk');
    await older.enableSm();
    const { sid } = await unit.hears('attach');
    const newer = await alice(starttls, 'desk');
    const error = await older.received(({ name }) => name === 'error');
    assert.is(firstElement(error)!.name, 'conflict');
    await older.closed;
    await unit.hears('attach', (told) => told.sid !== sid);
    assert.equal(
      unit.told.map((told) => `${told.what} ${told.sid === sid ? 'older' : 'newer'}`),
      ['attach older', 'resumable older', 'detach older', 'attach newer'],
    );
    assert.is(edge.sessions().length, 1);
    await newer.close();
  }));

test('the older session of a resource cannot be resumed', () =>
  inWorld({}, async ({ starttls }) => {
    const older = await root(starttls);
    await older.enableSm();
    const newer = await authenticated(starttls);
    await newer.bind(older.jid.split('/')[1]!);
    await older.closed;
    const back = await authenticated(starttls);
    assert.is((await back.resume(older)).name, 'failed');
    await back.close();
    await newer.close();
  }));

test('a login has room for so many sessions', () =>
  inWorld({ limits: { sessions: 2 } }, async ({ edge, starttls }) => {
    const [one, two] = [await root(starttls), await root(starttls)];
    const third = await authenticated(starttls);
    assert.is(condition(await third.iq('set', undefined, bind('x'))), 'resource-constraint');
    await one.close();
    const deadline = Date.now() + 10_000;
    while (Date.now() < deadline && (await third.iq('set', undefined, bind('x'))).attrs.type !== 'result')
      await two.roundtrip(); // until our side has seen the end of the first
    assert.is(edge.sessions().length, 2);
    await two.close();
    await third.close();
  }));

test('what comes while the unit starts waits for it, and comes in order', async () => {
  let start: (unit: FakeUnit) => void = () => {};
  const started = new Promise<UnitLink>((resolve) => {
    start = resolve;
  });
  await inWorld({ unitOf: () => started }, async ({ starttls, unit }) => {
    const client = await authenticated(starttls);
    client.send(`<iq type="set" id="b">${serialize(bind('desk'))}</iq><presence/><message to="x@y.example" id="m"/>`);
    const other = await RawClient.open(domain, starttls); // a barrier: that has been read by now
    await other.close();
    assert.equal(unit.told, []);
    start(unit);
    await unit.hears('stanza', ({ stanza }) => stanza.id === 'm');
    assert.equal(
      unit.told.map(({ what }) => what),
      ['attach', 'stanza', 'stanza'],
    );
    assert.is((await client.next()).attrs.id, 'b');
    await client.close();
  });
});

test('a unit that does not start is our fault, and may be asked again', async () => {
  let tries = 0;
  const unitOf = (unit: FakeUnit) => (++tries === 1 ? Promise.reject(new Error('no disk')) : Promise.resolve(unit));
  await inWorld({ unitOf }, async ({ starttls, errors }) => {
    const client = await authenticated(starttls);
    assert.is(condition(await client.iq('set', undefined, bind('desk'))), 'internal-server-error');
    assert.is(errors.length, 1);
    assert.is(await client.bind('desk'), 'alice@proxy.example/desk');
    await client.close();
  });
});

test('a unit that fails when a session comes or goes takes that session with it and no more', () =>
  inWorld({}, async ({ edge, unit, starttls, errors }) => {
    unit.on = ({ what }) => {
      if (what === 'attach') throw new Error('a fault');
    };
    const client = await authenticated(starttls);
    await client.bind('desk');
    assert.is(firstElement(await client.received(({ name }) => name === 'error'))!.name, 'internal-server-error');
    assert.is(errors.length, 1);
    unit.on = ({ what }) => {
      if (what === 'detach') throw new Error('another fault');
    };
    const other = await root(starttls);
    await other.close();
    await unit.hears('detach', ({ sid }) => sid === 2);
    assert.is(errors.length, 2);
    assert.equal(edge.sessions(), []);
  }));

test('a client that leaves while its unit starts has no session', async () => {
  let start: (unit: FakeUnit) => void = () => {};
  const started = new Promise<UnitLink>((resolve) => {
    start = resolve;
  });
  await inWorld({ unitOf: () => started }, async ({ edge, starttls, unit }) => {
    const client = await authenticated(starttls);
    client.send(`<iq type="set" id="b">${serialize(bind('desk'))}</iq>`);
    client.cut();
    await client.closed;
    const other = await authenticated(starttls); // a barrier
    start(unit);
    await other.bind('chair');
    assert.equal(
      edge.sessions().map(({ address }) => address),
      ['alice@proxy.example/chair'],
    );
    await other.close();
  });
});

for (const [change, late] of [
  ['before it binds', false],
  ['while its unit starts', true],
] as const)
  test(`a login whose password is another one ${change} gets no session`, () => {
    let password = 'proxy secret';
    let start = (_: UnitLink) => {};
    const started = new Promise<UnitLink>((resolve) => {
      start = resolve;
    });
    const authority = fakeAuthority({
      verifier: (_, mechanism) => verifierOf(mechanism, password, Buffer.from(password)),
    });
    return inWorld({ authority, unitOf: () => started }, async ({ edge, starttls, unit }) => {
      const client = await authenticated(starttls);
      if (!late) password = 'another';
      client.send(xml('iq', { type: 'set', id: 'b' }, bind('desk')).toString());
      if (late) await (await authenticated(starttls)).close(); // a barrier: the other one waits by now
      password = 'another';
      start(unit);
      const error = await client.next();
      assert.is(error.name, 'error');
      assert.is(firstElement(error)!.name, 'not-authorized');
      assert.equal(edge.sessions(), []);
      await client.closed;
    });
  });

test('stream management before a resource is bound', () =>
  inWorld({}, async ({ starttls }) => {
    const client = await authenticated(starttls);
    client.send(`<enable xmlns="${NS.sm}"/>`);
    assert.is(serialize(await client.next()), failed);
    await client.bind();
    await client.enableSm();
    client.send(`<enable xmlns="${NS.sm}"/>`);
    assert.is(serialize(await client.next()), failed);
    client.send(`<resume xmlns="${NS.sm}" previd="x" h="0"/>`);
    assert.is(serialize(await client.next()), failed);
    await client.close();
  }));

const failed = `<failed xmlns="${NS.sm}"><unexpected-request xmlns="${NS.stanzas}"/></failed>`;

test.run();
