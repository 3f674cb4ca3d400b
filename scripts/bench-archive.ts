/** What scripts/bench archive does: how long people wait for what was kept. Medians where a thing is done more than once. */
import { join } from 'node:path';
import { storesIn } from '../src/archive/store.ts';
import type { ArchivedMessage } from '../src/archive/types.ts';
import { openRegistry } from '../src/registry/registry.ts';
import { parseBare } from '../src/wire/jid.ts';
import { NS } from '../src/wire/ns.ts';
import { xml } from '../src/wire/xml.ts';
import { freshId } from '../test/lib/party.ts';
import { RunningProxy } from '../test/lib/proxy.ts';
import { login, type RawClient } from '../test/lib/raw.ts';
import { type Account, type RealServer, startServer } from '../test/lib/servers.ts';

const print = (text: string): boolean => process.stdout.write(`${text}\n`);
const pause = (milliseconds: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, milliseconds));
const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)]!;
const isQuick = process.argv.includes('--quick');
const million = isQuick ? 100_000 : 1_000_000;

setInterval(() => {}, 1000); // what the tests' clients wait for does not keep the process
const server = await startServer('prosody');
const env = { C2S_PLAINTEXT: 'loopback', SASL_PLUS: 'off' };

/** Milliseconds that it took. */
async function timed(act: () => Promise<unknown>): Promise<number> {
  const begin = performance.now();
  await act();
  return performance.now() - begin;
}

async function direct({ host, port, ca }: RealServer, account: Account): Promise<RawClient> {
  const client = await login({ ...account, resource: 'desk', host, port, ca });
  client.send('<presence/>');
  await client.roundtrip();
  return client;
}

const app = (proxy: RunningProxy, { jid, password }: Account, resource: string): Promise<RawClient> =>
  login({ jid, password, resource, host: proxy.host, port: proxy.port, security: 'none' });

/** Resolves when so many messages have come since. */
function messages(client: RawClient, count: number): Promise<void> {
  return new Promise((resolve) => {
    let left = count;
    client.witness = ({ name }) => {
      if (name === 'message' && --left === 0) resolve();
    };
  });
}

/** One page; gives what `<fin/>` says. */
async function page(client: RawClient, max: number, form: Record<string, string>, ...place: ReturnType<typeof xml>[]) {
  const fields = Object.entries({ FORM_TYPE: NS.mam, ...form }).map(([name, value]) =>
    xml('field', { var: name }, xml('value', {}, value)),
  );
  const set = xml('set', NS.rsm, xml('max', {}, String(max)), ...place);
  const query = xml(
    'query',
    { xmlns: NS.mam, queryid: freshId() },
    xml('x', { xmlns: NS.data, type: 'submit' }, ...fields),
    set,
  );
  const answer = await client.iq('set', undefined, query);
  const fin = answer.getChild('fin', NS.mam);
  if (fin === undefined) throw new Error(`no page: ${answer}`);
  return fin.getChild('set', NS.rsm)!;
}

// ---- an archive of a million

async function pages(): Promise<void> {
  const proxy = await RunningProxy.start({ server, env });
  const alice = await proxy.account(server, 'alice');
  const user = proxy.admin.jid.split('@')[0]!;
  await proxy.stop();
  const store = await storesIn(join(proxy.folder, 'data', 'archive'))(user);
  const start = Date.UTC(2020, 0, 1);
  const spent = await timed(async () => {
    for (let index = 0; index < million; ) {
      const batch: Promise<void>[] = [];
      for (let end = index + 5000; index < end; index++)
        batch.push(store.messages.add(alice.jid, message(alice.jid, start, index)));
      await Promise.all(batch);
    }
  });
  await store.close();
  print(`archive of ${million}: ${((spent / million) * 1000).toFixed(1)} µs a message to write`);
  await proxy.start();
  const client = await app(proxy, alice, 'reader');
  const last = await page(client, 1, {}, xml('before'));
  const ids: string[] = [last.getChildText('last')!];
  // places all over it, from pages by date
  for (let step = 1; step < 40; step++) {
    const at = new Date(start + (million / 40) * step * 1000).toISOString();
    ids.push((await page(client, 1, { start: at })).getChildText('last')!);
  }
  const ways: Record<string, (id: string) => Promise<unknown>> = {
    'after an id': (id) => page(client, 50, {}, xml('after', {}, id)),
    'before an id': (id) => page(client, 50, {}, xml('before', {}, id)),
    'before an id, with a contact': (id) => page(client, 50, { with: 'friend7@home.example' }, xml('before', {}, id)),
    'from a date': () => page(client, 50, { start: new Date(start + 500_000_000).toISOString() }),
    'words of a text': () => page(client, 50, { '{urn:xmpp:fulltext:0}fulltext': 'number7000' }),
  };
  for (const [name, ask] of Object.entries(ways)) {
    const times: number[] = [];
    for (const id of ids) times.push(await timed(() => ask(id)));
    const sorted = times.sort((a, b) => a - b);
    print(`  page of 50 ${name}: median ${median(sorted).toFixed(1)} ms, slowest ${sorted.at(-1)!.toFixed(1)} ms`);
  }
  await proxy.stop();
}

function message(account: string, start: number, index: number): ArchivedMessage {
  const peer = `friend${index % 50}@home.example`;
  const body = `this is what was said as number${index} and nothing else`;
  const at = start + index * 1000;
  return {
    place: at * 1000,
    at,
    peer,
    resource: 'desk',
    isSent: false,
    type: 'chat',
    id: `m${index}`,
    originId: undefined,
    alias: undefined,
    client: undefined,
    text: `<message from="${peer}/desk" to="${account}" id="m${index}" type="chat"><body>${body}</body></message>`,
    body,
  };
}

// ---- what an app missed

async function replay(): Promise<void> {
  const count = isQuick ? 1000 : 10_000;
  const proxy = await RunningProxy.start({ server, env });
  const alice = await proxy.account(server, 'alice');
  const bob = await direct(server, await server.account('bob', server.domains[1]));
  // one that is known to ask no archive
  const before = await app(proxy, alice, 'phone');
  before.send('<presence/>');
  await pause(11_000);
  await before.close();
  for (let index = 0; index < count; index++) bob.message(alice.jid, `missed ${index}`);
  await bob.roundtrip();
  const watcher = await app(proxy, alice, 'watcher');
  while (Number((await page(watcher, 0, {})).getChildText('count')) < count) await pause(100);
  await watcher.close();
  const client = await app(proxy, alice, 'phone');
  const all = messages(client, count);
  const spent = await timed(() => {
    client.send('<presence/>');
    return all;
  });
  print(`replay of ${count} to one app: ${spent.toFixed(0)} ms`);
  await proxy.stop();
}

// ---- what the proxy missed

async function catchUp(): Promise<void> {
  const count = isQuick ? 500 : 5000;
  const proxy = await RunningProxy.start({ server, env });
  const alice = await proxy.account(server, 'alice');
  const bob = await direct(server, await server.account('bob', server.domains[1]));
  const first = await app(proxy, alice, 'phone');
  first.send('<presence/>');
  await first.roundtrip();
  bob.message(alice.jid, 'before');
  await first.received(({ name }) => name === 'message');
  await proxy.stop();
  for (let index = 0; index < count; index++) bob.message(alice.jid, `missed ${index}`);
  await bob.roundtrip();
  const begin = performance.now();
  await proxy.start();
  const client = await app(proxy, alice, 'reader');
  while (Number((await page(client, 0, {})).getChildText('count')) < count + 1) await pause(50);
  print(
    `catch-up of ${count} from Prosody's archive, start of the program included: ${(performance.now() - begin).toFixed(0)} ms`,
  );
  await proxy.stop();
}

// ---- many accounts

async function start(): Promise<void> {
  const count = isQuick ? 50 : 200;
  const proxy = await RunningProxy.start({ server, env });
  await proxy.stop();
  const registry = await openRegistry({
    file: join(proxy.folder, 'data', 'registry.json'),
    key: undefined,
    domain: parseBare(proxy.domain),
  });
  for (let index = 0; index < count; index++) {
    const { jid, password } = await server.account(`many${index}`);
    const name = `many${index}`;
    await registry.addUser({ name, admin: false });
    await registry.addAccount(name, { jid: parseBare(jid), password });
  }
  await registry.close();
  const begin = performance.now();
  await proxy.start();
  const ready = performance.now() - begin;
  while ((proxy.output.match(/upstream online account=many/g)?.length ?? 0) < count) await pause(20);
  print(
    `${count} accounts online: ${(performance.now() - begin).toFixed(0)} ms after the start of the program (${ready.toFixed(0)} ms until it listens)`,
  );
  await proxy.stop();
}

const parts: Record<string, () => Promise<void>> = { pages, replay, catchUp, start };
const wanted = process.argv.slice(2).filter((word) => word in parts);
for (const [name, measure] of Object.entries(parts)) if (wanted.length === 0 || wanted.includes(name)) await measure();
await server.stop();
process.exit(0);
