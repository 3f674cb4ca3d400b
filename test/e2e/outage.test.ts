/** Connections break, on either side; nobody loses or doubles a message (XEP-0198). */
import * as assert from 'uvu/assert';
import { NS } from '../../src/wire/ns.ts';
import { isMessage, type Party } from '../lib/party.ts';
import { Pipe } from '../lib/pipe.ts';
import type { RunningProxy } from '../lib/proxy.ts';
import { login, RawClient } from '../lib/raw.ts';
import type { Account } from '../lib/servers.ts';
import { Scenarios, until, type World } from '../lib/world.ts';

const scenarios = new Scenarios();

async function bobAt({ server }: World, name = 'bob'): Promise<RawClient> {
  const bob = await server.account(name, server.domains[1]);
  return available(await login({ ...bob, resource: 'desk', host: server.host, port: server.port, ca: server.ca }));
}

/** Until a peer has answered, the real server may not have taken the presence: it would put messages aside. */
async function available(client: RawClient, peer?: RawClient): Promise<RawClient> {
  client.send('<presence/>');
  await client.roundtrip(peer?.jid);
  return client;
}

const series = (what: string, count: number): string[] =>
  Array.from({ length: count }, (_, index) => `${what} ${index}`);
const ofSeries = (party: Party, what: string): string[] => party.bodies().filter((body) => body.startsWith(`${what} `));

/** The stream was cut; a new one takes the session up (XEP-0198 §5). */
async function resumed(proxy: RunningProxy, account: Account, before: RawClient): Promise<RawClient> {
  const [user, domain] = account.jid.split('@') as [string, string];
  const client = await RawClient.open(domain, proxy.endpoint());
  await client.authenticate(user, account.password);
  const answer = await client.resume(before);
  assert.is(answer.name, 'resumed', String(answer));
  return client;
}

scenarios.add('an app whose connection was cut resumes, and has missed nothing', async (world) => {
  const { proxy, server } = world;
  const alice = await proxy.account(server, 'alice');
  const bob = await bobAt(world);
  const phone = await proxy.login(alice, { resource: 'phone' });
  await phone.enableSm();
  await available(phone, bob);
  bob.message(alice.jid, 'inward 0');
  await phone.received(isMessage({ body: 'inward 0' }));
  phone.cut();
  await phone.closed;
  for (const body of series('inward', 5).slice(1)) bob.message(alice.jid, body);
  await bob.roundtrip();

  const again = await resumed(proxy, alice, phone);
  assert.is(again.jid, phone.jid);
  await again.received(isMessage({ body: 'inward 4' }));
  bob.message(alice.jid, 'inward 5');
  await again.received(isMessage({ body: 'inward 5' }));
  again.message(bob.jid, 'outward 0');
  await bob.received(isMessage({ body: 'outward 0' }));
  await again.roundtrip(bob.jid);
  assert.equal([...ofSeries(phone, 'inward'), ...ofSeries(again, 'inward')], series('inward', 6));
  await again.close();
});

scenarios.add(
  'what an app did not acknowledge comes again after resumption, what it sent is not sent twice',
  async (world) => {
    const { proxy, server } = world;
    const alice = await proxy.account(server, 'alice');
    const bob = await bobAt(world);
    const phone = await proxy.login(alice, { resource: 'phone' });
    await phone.enableSm();
    await available(phone);
    phone.acknowledges = false;
    for (const body of series('inward', 3)) bob.message(alice.jid, body);
    await phone.received(isMessage({ body: 'inward 2' }));
    phone.message(bob.jid, 'outward 0');
    await bob.received(isMessage({ body: 'outward 0' }));
    phone.cut();
    await phone.closed;
    const again = await resumed(proxy, alice, phone);
    await again.received(isMessage({ body: 'inward 2' }));
    await again.roundtrip(bob.jid);
    assert.equal(ofSeries(again, 'inward'), series('inward', 3));
    assert.equal(ofSeries(bob, 'outward'), ['outward 0']);
    await again.close();
  },
);

scenarios.add('a session that is not there cannot be resumed, and the stream goes on', async ({ proxy, server }) => {
  const alice = await proxy.account(server, 'alice');
  const [user, domain] = alice.jid.split('@') as [string, string];
  const client = await RawClient.open(domain, proxy.endpoint());
  await client.authenticate(user, alice.password);
  client.send(`<resume xmlns="${NS.sm}" previd="never-was" h="0"/>`);
  const answer = await client.received(({ name }) => name === 'failed' || name === 'resumed');
  assert.is(answer.name, 'failed');
  assert.ok(answer.getChild('item-not-found', NS.stanzas), String(answer));
  assert.is(await client.bind('phone'), `${alice.jid}/phone`);
  await available(client);
});

scenarios.add('slixmpp resumes after its connection was cut', async (world) => {
  const { proxy, server, slix } = world;
  const alice = await proxy.account(server, 'alice');
  const bob = await bobAt(world);
  const phone = slix.client(proxy.slix(alice, 'phone', { mechanism: 'SCRAM-SHA-256', plugins: ['xep_0198'] }));
  assert.is(await phone.connect(), 'session');
  await phone.presence();
  await phone.roundtrip(bob.jid);
  await phone.cut();
  for (const body of series('missed', 5)) bob.message(alice.jid, body);
  await bob.roundtrip();
  assert.is(await phone.connect(), 'resumed');
  await phone.received(isMessage({ body: 'missed 4' }));
  await phone.say(bob.jid, 'thank you');
  await bob.received(isMessage({ body: 'thank you' }));
  await phone.roundtrip(bob.jid);
  assert.equal(ofSeries(phone, 'missed'), series('missed', 5));
  await phone.disconnect();
});

scenarios.alone(
  'the real server is killed and comes back: apps stay, and what they said meanwhile arrives once',
  async (world) => {
    const { proxy, server } = world;
    const alice = await proxy.account(server, 'alice');
    const bobs = await server.account('bob', server.domains[1]);
    const phone = await available(await proxy.login(alice, { resource: 'phone' }));
    const laptop = await available(await proxy.login(alice, { resource: 'laptop' }));
    await untilKept();
    await server.kill();
    // It may take the proxy a moment to notice; from here on nothing can get through.
    for (const body of series('meanwhile', 10)) phone.message(bobs.jid, body);
    await phone.roundtrip(`${alice.jid}/laptop`);
    await server.start();
    const bob = await available(
      await login({ ...bobs, resource: 'desk', host: server.host, port: server.port, ca: server.ca }),
    );
    await bob.received(isMessage({ body: 'meanwhile 9' }), { within: 60_000 });
    bob.message(alice.jid, 'welcome back');
    for (const app of [phone, laptop]) await app.received(isMessage({ body: 'welcome back' }));
    await phone.roundtrip(bob.jid);
    assert.equal(ofSeries(bob, 'meanwhile'), series('meanwhile', 10));
    assert.is(phone.bodies().filter((body) => body === 'welcome back').length, 1);
  },
);

/** A server that is killed the moment it took an account may forget it: ejabberd writes within two seconds. */
const untilKept = () => new Promise((resolve) => setTimeout(resolve, 3000));

scenarios.alone(
  'the connection to the real server breaks and is resumed: nothing is lost, nothing comes twice',
  async (world) => {
    const { server } = world;
    const pipe = await Pipe.to(server.port);
    const routes = server.domains.map((domain) => `${domain}=127.0.0.1:${pipe.port}`).join(',');
    await world.proxy.stop();
    await world.proxy.start({ UPSTREAM_ROUTES: routes });
    const { proxy } = world;
    const alice = await proxy.account(server, 'alice');
    const bob = await bobAt(world);
    const phone = await available(await proxy.login(alice, { resource: 'phone' }));
    await phone.roundtrip(bob.jid);

    const count = 150;
    for (const [index, body] of series('inward', count).entries()) {
      bob.message(alice.jid, body);
      phone.message(bob.jid, `outward ${index}`);
      if (index === 50) pipe.cut();
      if (index === 100) {
        pipe.close();
        await bob.roundtrip();
      }
    }
    await bob.roundtrip();
    pipe.open();
    const last = `ward ${count - 1}`;
    await phone.received(isMessage({ body: `in${last}` }), { within: 60_000 });
    await bob.received(isMessage({ body: `out${last}` }), { within: 60_000 });
    await phone.roundtrip(bob.jid);
    await bob.roundtrip();
    assert.equal(ofSeries(phone, 'inward'), series('inward', count));
    assert.equal(ofSeries(bob, 'outward'), series('outward', count));
    assert.match(proxy.output, /resumed=true/, 'the stream was resumed, not made anew');
  },
);

scenarios.alone(
  'the server is away for a while: root says how it is, and it mends itself',
  async ({ server, proxy }) => {
    const alice = await proxy.account(server, 'alice');
    let list = '';
    const look = async () => {
      list = await proxy.rootSays('account list', new RegExp(alice.jid));
    };
    await until('root says that it is online', () => list.includes('●'), look);
    await server.stop();
    await until('root says that it is not', () => /[◐✖]/.test(list), look);
    await server.start();
    await until('root says that it is online again', () => list.includes('●'), look, 60_000);
  },
);

scenarios.run();
