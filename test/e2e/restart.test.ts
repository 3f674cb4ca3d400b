/** The proxy ends and starts again, gently or not: everything is as it was. */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { NS } from '../../src/wire/ns.ts';
import type { Element } from '../../src/wire/xml.ts';
import { askRoster, available, befriend } from '../lib/contacts.ts';
import { isMessage, isPresence } from '../lib/party.ts';
import { askRoot, RunningProxy } from '../lib/proxy.ts';
import { login, type RawClient } from '../lib/raw.ts';
import type { Account } from '../lib/servers.ts';
import { Scenarios, type World } from '../lib/world.ts';

const scenarios = new Scenarios();
const mood = 'http://jabber.org/protocol/mood';

async function direct({ server }: World, account: Account): Promise<RawClient> {
  const client = await login({ ...account, resource: 'desk', host: server.host, port: server.port, ca: server.ca });
  await askRoster(client);
  client.send('<presence/>');
  await client.roundtrip();
  return client;
}

async function app({ proxy }: World, account: Account, resource = 'phone'): Promise<RawClient> {
  const client = await proxy.login(account, { resource });
  available(client, [`${mood}+notify`]);
  await client.received(isPresence({ from: client.jid }));
  return client;
}

const isMood = (stanza: Element): boolean =>
  stanza.getChild('event', NS.pubsubEvent)?.getChild('items')?.attrs.node === mood;

scenarios.alone('at its end apps are told, and it is over within two seconds', async (world) => {
  const { proxy, server } = world;
  const alice = await proxy.account(server, 'alice');
  const phone = await app(world, alice);
  const bob = await direct(world, await server.account('bob', server.domains[1]));
  await befriend(phone, bob);
  const took = await proxy.stop();
  assert.ok(took < 2000, `${took} ms`);
  const told = await phone.received(({ name }) => name === 'error');
  assert.ok(told.getChild('system-shutdown', NS.streams), String(told));
  await phone.closed;
  // The stream to the real server was closed, not cut: contacts know at once.
  await bob.received(isPresence({ from: alice.jid, type: 'unavailable' }));
});

scenarios.alone('even when the real server does not answer it ends within two seconds', async (world) => {
  const { proxy, server } = world;
  await proxy.account(server, 'alice');
  process.kill(server.pid, 'SIGSTOP');
  try {
    const took = await proxy.stop();
    assert.ok(took < 2000, `${took} ms`);
  } finally {
    process.kill(server.pid, 'SIGCONT');
  }
});

for (const signal of ['SIGTERM', 'SIGKILL'] as const)
  scenarios.alone(`after ${signal} users, accounts, contacts, requests and items are there`, async (world) => {
    const { proxy, server } = world;
    const alice = await proxy.account(server, 'alice');
    await proxy.rootSays('user add carol "a long proxy password"', /is in/);
    const bob = await direct(world, await server.account('bob', server.domains[1]));
    const phone = await app(world, alice);
    await befriend(phone, bob);
    bob.send(
      `<iq type="set" id="p"><pubsub xmlns="${NS.pubsub}"><publish node="${mood}"><item id="one"><thing xmlns="${mood}"/></item></publish></pubsub></iq>`,
    );
    await phone.received(isMood);
    await phone.close();
    const stranger = await direct(world, await server.account('stranger', server.domains[1]));
    stranger.send(`<presence type="subscribe" to="${alice.jid}"/>`);
    await stranger.roundtrip();
    await stranger.roundtrip();
    // A barrier: what comes to alice after the request is shown to her by the proxy.
    const witness = await app(world, alice, 'witness');
    await witness.received(isPresence({ from: stranger.bare, type: 'subscribe' }));
    await witness.close();

    await proxy.stop(signal);
    await proxy.start();
    assert.not.match(proxy.output, /password/i, 'a second start prints no secret');
    const again = await app(world, alice);
    const answer = await askRoster(again);
    const items = answer.getChild('query', NS.roster)!.getChildren('item');
    assert.equal(items.map(({ attrs }) => attrs.jid).sort(), [bob.bare, proxy.root].sort());
    await again.received(isPresence({ from: stranger.bare, type: 'subscribe' }));
    await again.received(isMood);
    await again.received(isPresence({ from: bob.jid, type: null }));
    bob.message(alice.jid, 'still there?');
    await again.received(isMessage({ body: 'still there?' }));
    const carol = { jid: `carol@${proxy.domain}`, password: 'a long proxy password' };
    const user = await proxy.login(carol, { mechanism: 'SCRAM-SHA-256' });
    user.send('<presence/>');
    await user.received(isPresence({ from: user.jid }));
    assert.match(await askRoot(user, proxy.root, 'whoami'), /carol/);
    assert.match(await proxy.rootSays('account list'), new RegExp(alice.jid));
  });

scenarios.alone('what came while no app was there is given to the next one, once and in order', async (world) => {
  const { proxy, server } = world;
  const alice = await proxy.account(server, 'alice');
  const bob = await direct(world, await server.account('bob', server.domains[1]));
  const said = Array.from({ length: 5 }, (_, index) => `while away ${index}`);
  for (const body of said) bob.message(alice.jid, body);
  await bob.roundtrip();
  await proxy.stop();
  bob.message(alice.jid, 'while the proxy was off');
  await bob.roundtrip();
  await proxy.start();
  const phone = await app(world, alice);
  await phone.received(isMessage({ body: 'while the proxy was off' }), { within: 30_000 });
  const messages = phone.all.filter(isMessage({ from: bob.bare }));
  assert.equal(phone.bodies(bob.bare), [...said, 'while the proxy was off']);
  assert.ok(
    messages.every((message) => message.getChild('delay', NS.delay)),
    'with the date they were sent',
  );
  const laptop = await app(world, alice, 'laptop');
  await laptop.roundtrip(bob.jid);
  await phone.roundtrip(bob.jid);
  assert.equal(laptop.bodies(bob.bare), [], 'not again');
  assert.is(phone.bodies(bob.bare).length, 6);
});

scenarios.alone('what an app said while the real server was away leaves after a restart', async (world) => {
  const { proxy, server } = world;
  const alice = await proxy.account(server, 'alice');
  const bobs = await server.account('bob', server.domains[1]);
  const phone = await app(world, alice);
  await phone.enableSm();
  await server.stop();
  const said = Array.from({ length: 5 }, (_, index) => `kept ${index}`);
  for (const body of said) phone.message(bobs.jid, body);
  await phone.acknowledged(5);
  await proxy.stop();
  await server.start();
  const bob = await direct(world, bobs);
  await proxy.start();
  await bob.received(isMessage({ body: 'kept 4' }), { within: 60_000 });
  await bob.roundtrip();
  assert.equal(bob.bodies(), said);
});

scenarios.alone('units move between the main thread and a worker', async (world) => {
  const { proxy, server } = world;
  const alice = await proxy.account(server, 'alice');
  for (const WORKERS of ['1', '0', '1']) {
    await proxy.stop();
    await proxy.start({ WORKERS });
    const phone = await app(world, alice);
    await phone.roundtrip(`${alice.jid}/phone`);
    assert.match(await askRoot(phone, proxy.root, 'whoami'), new RegExp(alice.jid));
    await phone.close();
  }
});

scenarios.alone('a second proxy on the same data does not start; files are for the owner alone', async (world) => {
  const { proxy, server } = world;
  const alice = await proxy.account(server, 'alice');
  const data = join(proxy.folder, 'data');
  const entries = readdirSync(data, { recursive: true, encoding: 'utf8' }).map((name) => join(data, name));
  const files = entries.filter((entry) => statSync(entry).isFile());
  const secret = files.filter((file) => !/\.(crt|lock)$/.test(file)); // a certificate is for everybody, a lock is empty
  const open = secret.filter((file) => (statSync(file).mode & 0o077) !== 0);
  assert.equal(open, []);
  const inClear = files.filter((file) => readFileSync(file).includes(alice.password));
  assert.equal(inClear, [], 'no password in clear');
  const second = await RunningProxy.start({ env: { DATA_DIR: data } }).catch((error: Error) => error);
  assert.instance(second, Error);
  assert.match((second as Error).message, /ended before it printed/);
});

scenarios.run();
