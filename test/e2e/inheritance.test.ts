/** The program is killed amid traffic: the next one takes up the session at the real server (XEP-0198), and nobody there noticed. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { NS } from '../../src/wire/ns.ts';
import { xml } from '../../src/wire/xml.ts';
import { askRoster, befriend } from '../lib/contacts.ts';
import { isMessage, isPresence } from '../lib/party.ts';
import { RunningProxy } from '../lib/proxy.ts';
import { login, type RawClient } from '../lib/raw.ts';
import { type Account, hasQuirk, startServer } from '../lib/servers.ts';
import { allSettings, Scenarios, until, type World } from '../lib/world.ts';

const scenarios = new Scenarios(allSettings);

async function available(client: RawClient): Promise<RawClient> {
  await askRoster(client);
  client.send('<presence/>');
  await client.roundtrip();
  return client;
}
const direct = async ({ server }: Pick<World, 'server'>, account: Account): Promise<RawClient> =>
  available(await login({ ...account, resource: 'desk', host: server.host, port: server.port, ca: server.ca }));
const app = async ({ proxy }: Pick<World, 'proxy'>, account: Account): Promise<RawClient> =>
  available(await proxy.login(account, { resource: 'phone' }));

/** Bodies of what the account's archive has from, or to, that contact. */
async function archiveOf(client: RawClient, contact: string): Promise<string[]> {
  const begin = client.all.length;
  const page = xml('set', NS.rsm, xml('max', {}, '250'));
  const answer = await client.iq('set', undefined, xml('query', { xmlns: NS.mam, queryid: 'all' }, page));
  assert.is(answer.getChild('fin', NS.mam)?.attrs.complete, 'true', String(answer));
  const messages = client.all
    .slice(begin)
    .map((stanza) => stanza.getChild('result', NS.mam)?.getChild('forwarded', NS.forward)?.getChild('message'));
  return messages.flatMap((message) =>
    [message?.attrs.from, message?.attrs.to].some((address) => address?.startsWith(contact))
      ? [message!.getChildText('body') ?? '']
      : [],
  );
}

const rounds = 3;
const each = 40;

scenarios.alone('killed amid traffic both ways: all is there once, and contacts have not noticed', async (world) => {
  const { proxy, server } = world;
  const alice = await proxy.account(server, 'alice');
  const bob = await direct(world, await server.account('bob', server.domains[1]));
  let phone = await app(world, alice);
  await befriend(phone, bob);
  const begin = bob.all.length;
  const inward: string[] = [];
  for (let round = 0; round < rounds; round++) {
    for (let index = 0; index < each; index++) {
      inward.push(`in ${round} ${index}`);
      bob.message(alice.jid, inward.at(-1)!);
      phone.message(bob.jid, `out ${round} ${index}`);
      if (index % 8 === 0) await new Promise(setImmediate);
      if (index === each / 2) {
        await bob.roundtrip();
        await proxy.kill();
      }
    }
    await bob.roundtrip();
    await proxy.start();
    await proxy.prints(/upstream online .*resumed=true/);
    phone = await app(world, alice);
    await phone.received(isPresence({ from: bob.jid, type: null }), { what: 'the contact, who is there' });
    const last = `after ${round}`;
    phone.message(bob.jid, last);
    await bob.received(isMessage({ body: last }));
  }
  let archived: string[] = [];
  const look = async () => {
    archived = await archiveOf(phone, bob.bare);
  };
  await until('all that came is in the archive', () => archived.includes(inward.at(-1)!), look);
  assert.equal(
    archived.filter((body) => body.startsWith('in ')),
    inward,
  );
  const came = bob.bodies().filter((body) => body.startsWith('out '));
  const taken = archived.filter((body) => body.startsWith('out '));
  assert.ok(taken.length > 0);
  // what was killed before it was durable may have left all the same; no app was told that it was taken
  assert.equal(
    taken.filter((body) => !came.includes(body)),
    [],
    'what was taken has reached the contact',
  );
  const ids = new Map<string, Set<string | undefined>>();
  for (const message of bob.all.filter(isMessage({}))) {
    const body = message.getChildText('body') ?? '';
    ids.set(body, (ids.get(body) ?? new Set()).add(message.attrs.id));
  }
  assert.equal(
    [...ids].filter(([, of]) => of.size > 1),
    [],
    'with one id',
  );
  assert.equal(
    bob.all
      .slice(begin)
      .filter(isPresence({ from: alice.jid, type: 'unavailable' }))
      .map(String),
    [],
    'nobody saw it end',
  );
});

scenarios.alone(
  'what waits when the program is killed leaves when the server is there, once and in order',
  async (world) => {
    const { proxy, server } = world;
    const alice = await proxy.account(server, 'alice');
    const bobs = await server.account('bob', server.domains[1]);
    const phone = await app(world, alice);
    await new Promise((resolve) => setTimeout(resolve, 3000)); // ejabberd writes new accounts within two seconds
    await server.stop();
    await proxy.prints(/upstream waiting/);
    const said = Array.from({ length: 10 }, (_, index) => `waits ${index}`);
    for (const body of said) phone.message(bobs.jid, body);
    await phone.roundtrip(`${alice.jid}/phone`);
    await new Promise((resolve) => setTimeout(resolve, 100)); // until it is durable
    await proxy.kill();
    await server.start();
    const bob = await direct(world, bobs);
    await proxy.start();
    await bob.received(isMessage({ body: said.at(-1)! }), { within: 60_000 });
    const again = await app(world, alice);
    again.message(bob.jid, 'the end');
    await bob.received(isMessage({ body: 'the end' }));
    const bodies = bob.bodies().filter((body) => body.startsWith('waits '));
    assert.equal(bodies, said);
    for (const message of bob.all.filter(isMessage({}))) {
      if (message.getChildText('body')?.startsWith('waits '))
        assert.ok(message.getChild('delay', NS.delay), String(message));
    }
  },
);

for (const kind of ['prosody', 'ejabberd'] as const)
  test(`a worker is killed amid traffic: the next takes the session up, all is there once (${kind})`, async () => {
    const server = await startServer(kind);
    const env = { WORKERS: '1', SASL_PLUS: 'off' };
    const proxy = await RunningProxy.start({ server, env, program: 'mortal' });
    const world = { server, proxy };
    const alice = await proxy.account(server, 'alice');
    const bob = await direct(world, await server.account('bob', server.domains[1]));
    const phone = await app(world, alice);
    await befriend(phone, bob);
    const begin = bob.all.length;
    const count = 120;
    for (let index = 0; index < count; index++) {
      bob.message(alice.jid, `in ${index}`);
      phone.message(bob.jid, `out ${index}`);
      if (index % 8 === 0) await bob.roundtrip();
      if (index === count / 2) await proxy.killWorker();
    }
    await proxy.prints(/upstream online .*resumed=true/);
    await phone.received(isMessage({ body: `in ${count - 1}` }), { within: 30_000 });
    await bob.received(isMessage({ body: `out ${count - 1}` }), { within: 30_000 });
    await phone.roundtrip();
    const series = (what: string) => Array.from({ length: count }, (_, index) => `${what} ${index}`);
    const all = await archiveOf(phone, bob.bare);
    const archived = (what: string) => all.filter((body) => body.startsWith(`${what} `));
    assert.equal(archived('out'), series('out'));
    if (hasQuirk(kind, 'lets-overtake')) assert.equal(archived('in').sort(), series('in').sort());
    else assert.equal(archived('in'), series('in'));
    assert.equal([...new Set(bob.bodies().filter((body) => body.startsWith('out ')))], series('out'));
    const gone = bob.all.slice(begin).filter(isPresence({ from: alice.jid, type: 'unavailable' }));
    assert.equal(gone.map(String), [], 'nobody saw it end');
    await proxy.stop();
    await server.stop();
  });

scenarios.run();
