/** Records, components and sessions joined: against a component's server that says what the test wants. */
import { createHash } from 'node:crypto';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Services } from '../src/jat/services.ts';
import type { Kept, Notice, ServiceStore } from '../src/jat/types.ts';
import type { ServiceRecord } from '../src/registry/types.ts';
import { createServices, type ServiceHall } from '../src/services/services.ts';
import { type BareJid, parseBare } from '../src/wire/jid.ts';
import { within } from './lib/process.ts';
import { account, user } from './lib/registry.ts';
import { type Far, Scripted } from './lib/scripted.ts';

const domain = parseBare('proxy.example');
const header =
  "<?xml version='1.0'?><stream:stream xmlns='jabber:component:accept' xmlns:stream='http://etherx.jabber.org/streams' id='1'>";

async function accepts(far: Far, secret: string): Promise<void> {
  await far.until(/<stream:stream [^>]*>/);
  far.send(header);
  await far.until(new RegExp(`<handshake>${createHash('sha1').update(`1${secret}`).digest('hex')}</handshake>`));
  far.send('<handshake/>');
}

class Memory implements ServiceStore {
  readonly #kept = new Map<string, string>();
  async read(address: BareJid, kind: string): Promise<Kept[]> {
    const start = `${address} ${kind} `;
    return [...this.#kept]
      .filter(([key]) => key.startsWith(start))
      .map(([key, value]) => ({ key: key.slice(start.length), value }));
  }
  async put(address: BareJid, kind: string, key: string, value: string): Promise<void> {
    this.#kept.set(`${address} ${kind} ${key}`, value);
  }
  async remove(address: BareJid, kind: string, key: string): Promise<void> {
    this.#kept.delete(`${address} ${kind} ${key}`);
  }
  async forget(): Promise<void> {
    this.#kept.clear();
  }
}

const help: ServiceRecord = {
  address: parseBare('help@svc.example'),
  targets: [{ account: parseBare('desk@home.example'), weight: 1 }],
  enabled: true,
};

async function stage(play: (far: Far) => Promise<void>, services: ServiceRecord[] = [help]) {
  const server = await Scripted.start(play);
  const notices: Notice[] = [];
  const logged: string[] = [];
  const write = (message: string) => void logged.push(message);
  const alice = user('alice', { accounts: [account('desk@home.example', 'desk')] });
  const registry = {
    components: [] as { host: BareJid; route: string }[],
    services,
    componentSecret: () => 'second',
    keyFor: () => new Uint8Array(32),
    ownerOf: (jid: BareJid) => (jid === 'desk@home.example' ? { user: alice, account: alice.accounts[0]! } : undefined),
  };
  const place = { host: parseBare('svc.example'), server: '127.0.0.1', port: server.port, tls: false, secret: 'first' };
  const hall: ServiceHall = createServices({
    domain,
    registry,
    configured: [place],
    ca: undefined,
    allowClear: false,
    translation: (world) => new Services(world),
    store: new Memory(),
    log: { debug: write, info: write, warn: write, error: write },
    targets() {},
    notice: (notice) => void notices.push(notice),
    state() {},
  });
  await hall.open();
  return { hall, server, registry, notices, logged };
}
/** Somebody has connected, and its script is over. */
async function finished(server: Scripted): Promise<void> {
  while (server.connections === 0) await new Promise((resolve) => setImmediate(resolve));
  await within(5000, () => 'the script has not ended', server.finished());
}

test('who claims our own domain is not heard; what is no app of a target is none', async () => {
  const { hall, server, logged } = await stage(async (far) => {
    await accepts(far, 'first');
    await far.until(/<presence to="desk@home.example" from="help@svc.example" type="subscribe"/);
    far.send("<presence from='desk@home.example' to='help@svc.example' type='subscribed'/>");
    far.send("<presence from='desk@home.example/xmpproxy-abc' to='help@svc.example'/>");
    far.send("<iq type='get' id='1' from='alice@proxy.example/x' to='help@svc.example'><q xmlns='q'/></iq>");
    far.send("<presence from='desk@home.example/app' to='help@svc.example'/>");
    far.send("<iq type='get' id='2' from='u@home.example/x' to='help@svc.example'><q xmlns='q'/></iq>");
    await far.until(/<iq to="desk@home.example\/app" from="help@svc.example\/u@home.example\/x"[^>]* id="2"/);
  });
  await finished(server);
  const resources = hall
    .status(help.address)!
    .accounts.flatMap(({ resources: all }) => all.map(({ resource }) => resource));
  assert.equal(resources, ['desk@home.example/app']);
  assert.ok(logged.includes('stanza with an address of ours dropped'));
  await hall.stop(100);
  server.close();
});

test('a stanza that its server would end the stream for is refused', async () => {
  const { hall, server } = await stage(async (far) => {
    await accepts(far, 'first');
    await far.until(/type="subscribe"/);
    far.send(
      "<presence from='desk@home.example' to='help@svc.example' type='subscribed'/><presence from='desk@home.example/app' to='help@svc.example'/>",
    );
    far.send(
      `<iq type='set' id='big' from='u@home.example/x' to='help@svc.example'><q xmlns='q'>${'x'.repeat(600_000)}</q></iq>`,
    );
    await far.until(/<iq to="u@home.example\/x" from="help@svc.example" type="error" id="big">.*policy-violation/);
    // servers count bytes
    far.send(
      `<iq type='set' id='wide' from='u@home.example/x' to='help@svc.example'><q xmlns='q'>${'界'.repeat(200_000)}</q></iq>`,
    );
    await far.until(/<iq to="u@home.example\/x" from="help@svc.example" type="error" id="wide">.*policy-violation/);
  });
  await finished(server);
  await hall.stop(100);
  server.close();
});

test('components and addresses as the registry has them', async () => {
  const second = await Scripted.start((far) => accepts(far, 'second'));
  const { hall, server, registry } = await stage((far) => accepts(far, 'first'));
  assert.equal(
    hall.hosts().map(({ host, configured }) => [host, configured]),
    [['svc.example', true]],
  );
  registry.components = [
    { host: parseBare('svc.example'), route: `127.0.0.1:${second.port}` },
    { host: parseBare('two.example'), route: `127.0.0.1:${second.port}` },
  ];
  registry.services = [help, { ...help, address: parseBare('two.example') }];
  await hall.refresh();
  assert.equal(
    hall.hosts().map(({ host, configured }) => [host, configured]),
    [
      ['svc.example', true],
      ['two.example', false],
    ],
  );
  assert.equal(hall.addressesOf(parseBare('desk@home.example')), ['help@svc.example', 'two.example']);
  await finished(second);
  registry.services = [{ ...help, open: 9, rate: 3, total: 30, timeout: 5000, policy: 'sticky' }];
  await hall.refresh();
  const { limits, timeout, policy } = hall.status(help.address)!.settings;
  assert.equal([limits.open, limits.requestsOfSender!.perSecond, limits.requests!.perSecond], [9, 3, 30]);
  assert.equal([timeout, policy], [5000, 'sticky']);
  registry.components = [];
  registry.services = [];
  await hall.refresh();
  assert.is(hall.hosts().length, 1);
  assert.is(hall.status(help.address), undefined);
  await hall.stop(100);
  for (const one of [server, second]) one.close();
});

test('one address that cannot be does not keep others from being', async () => {
  const wrong = { ...help, targets: [{ account: parseBare('other@svc.example'), weight: 1 }] };
  const other = { ...help, address: parseBare('other@svc.example') };
  const { hall, server, logged } = await stage((far) => accepts(far, 'first'), [other, wrong]);
  assert.ok(hall.status(other.address));
  assert.is(hall.status(wrong.address), undefined);
  assert.ok(logged.includes('service address refused'));
  await hall.stop(100);
  server.close();
});

test.run();
