/** What scripts/bench does: every cell with every target in turn, three times; medians, and their ratio to Prosody alone. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { run } from '../test/lib/process.ts';
import { RunningProxy } from '../test/lib/proxy.ts';
import { startServer } from '../test/lib/servers.ts';

const isQuick = process.argv.includes('--quick');
/** `--only jat`: cells whose name begins so. */
const only = process.argv.includes('--only') ? process.argv[process.argv.indexOf('--only') + 1]! : '';
const rounds = isQuick ? 1 : 3;
const duration = isQuick ? '1' : '3';
const print = (text: string): boolean => process.stdout.write(`${text}\n`);

const kit = [process.env.BENCH_KIT, '../shared/bench'].find((folder) => folder && existsSync(join(folder, 'load.mjs')));
const generator =
  kit === undefined ? fileURLToPath(new URL('../test/lib/load.js', import.meta.url)) : join(kit, 'load.mjs');
const password = 'pw';
/** Messages before the measured ones (both generators' default). */
const warmup = 2000;

/** Each target has accounts of its own: a session that another target keeps would get copies too, and cost time. */
interface Target {
  name: string;
  /** host:port, plain and with TLS from the start. */
  apps: string;
  tlsApps: string;
  domain: string;
  /** Of the far side of `relay`; in `domain` that user is logged in directly. */
  relayDomain: string;
  /** Where a message to that account is to be sent. */
  address?: (account: string) => string;
  /** Of `jat`: users and who answers; the address of those that answer at the server, and at the proxy. */
  jat: { domain: string; far: string; near: string };
  pids: string[];
  proxyPid?: number;
  stop(): Promise<unknown>;
}

const other = process.env.BENCH_OTHER;
const theOther = 'the other';
const names = ['alone', 'main', 'worker', ...(other === undefined ? [] : ['other'])];
const domains = names.flatMap((name) => [`${name}.test`, `relay-${name}.test`]);
const jatDomains = names.map((name) => `jat-${name}.test`);
const components = names.map((name) => ({ host: `svc-${name}.test`, secret: password }));
const server = await startServer('prosody', { domains: [...domains, ...jatDomains], components, tuned: true });
for (const domain of jatDomains)
  for (const user of ['u0', 'u1', 'u2', 'u3', 'impl', 'near'])
    await server.register({ jid: `${user}@${domain}`, password }, 'none');
for (const domain of domains)
  for (const user of ['u0', 'u1', 'recv']) await server.register({ jid: `${user}@${domain}`, password }, 'none');

const at = `${server.host}:${server.port}`;
const domainsOf = (name: string) => ({ domain: `${name}.test`, relayDomain: `relay-${name}.test` });
const alone: Target = {
  ...domainsOf('alone'),
  name: 'Prosody alone',
  apps: at,
  tlsApps: `${server.host}:${server.tlsPort}`,
  // nobody stands between: the app itself is asked
  jat: { domain: 'jat-alone.test', far: 'impl@jat-alone.test/impl0', near: 'near@jat-alone.test/impl0' },
  pids: [`prosody=${server.pid}`],
  stop: () => server.stop(),
};

async function setTargets(proxy: RunningProxy, { domain, far, near }: Target['jat']): Promise<void> {
  for (const user of ['near', 'u0', 'u1', 'u2', 'u3'])
    await proxy.add({ jid: `${user}@${domain}`, password }, `jat-${user}`);
  await proxy.rootSays(`target add ${far} impl@${domain}`, /People reach it/);
  await proxy.rootSays(`target add ${near} near@${domain}`, /People reach it/);
}

async function proxyTarget(name: string, workers: string, program?: string): Promise<Target> {
  const { domain, relayDomain } = domainsOf(name);
  const plain = { C2S_PLAINTEXT: 'loopback', UPSTREAM_PLAINTEXT: 'loopback' };
  const component = `xmpp://svc-${name}.test:${password}@${server.host}:${server.componentPort}`;
  const env = { ...plain, WORKERS: workers, COMPONENT_1: component };
  const proxy = await RunningProxy.start({ server, env, ...(program && { program }) });
  const jat = { domain: `jat-${name}.test`, far: `far@svc-${name}.test`, near: `near@svc-${name}.test` };
  // an older version may have no service addresses
  if (program === undefined) await setTargets(proxy, jat);
  for (const jid of [`recv@${domain}`, `u1@${relayDomain}`]) {
    await proxy.add({ jid, password });
    await proxy.prints(new RegExp(`upstream online account=${jid}`));
  }
  const address = (account: string): string => new RegExp(`address=(${account}/\\S+)`).exec(proxy.output)![1]!;
  return {
    ...{
      name: program === undefined ? `proxy WORKERS=${workers}` : theOther,
      apps: `${proxy.host}:${proxy.port}`,
      tlsApps: `${proxy.host}:${proxy.tlsPort}`,
      domain,
      relayDomain,
      address,
      jat,
    },
    pids: [`prosody=${server.pid}`, `proxy=${proxy.pid}`],
    proxyPid: proxy.pid,
    stop: () => proxy.stop(),
  };
}

const targets = [alone, await proxyTarget('main', '0'), await proxyTarget('worker', '1')];
if (other !== undefined) targets.push(await proxyTarget('other', '0', other));

interface Result {
  n: number;
  /** µs a message, by thread of the proxy. */
  threads: number[];
  rate_per_s: number;
  deliveries_per_s: number;
  p50_ms: number;
  p99_ms: number;
  lost: number;
  duplicated: number;
  misordered: number;
  cpu_us_per_op?: Record<string, number>;
}

interface Cell {
  name: string;
  args(target: Target): string[];
  /** In place of `args` for Prosody alone, beside it: another way in which it could do the same. */
  also?: { name: string; args(target: Target): string[] };
}

const to = (name: string, value: string | undefined): string[] => (value === undefined ? [] : [name, value]);

/** `clients` apps of one account; the message goes to the one session that Prosody sees, or to carbons of the first app. */
const fanout = (clients: string, tls = false): Cell => {
  const args = ({ apps, tlsApps, domain, address }: Target): string[] => [
    ...[
      'fanout',
      '--clients',
      clients,
      '--recv-connect',
      tls ? tlsApps : apps,
      ...(tls ? ['--recv-tls', 'direct'] : []),
    ],
    ...to('--to', address?.(`recv@${domain}`)),
  ];
  const bare = (target: Target) => [...args(target), '--mode', 'bare'];
  return { name: `fanout C=${clients}${tls ? ' TLS' : ''}`, args, also: { name: 'alone, bare', args: bare } };
};
const relay = ({ apps, relayDomain, address }: Target): string[] => [
  ...['relay', '--b-connect', apps, '--b-domain', relayDomain],
  ...to('--to-b', address?.(`u1@${relayDomain}`)),
];
/** Requests to an address; `impl` are those that answer. */
const jat = (target: Target, to: 'far' | 'near', users: string, impl: string): string[] => [
  ...['jat', '--domain', target.jat.domain, '--connect', users, '--to', target.jat[to]],
  ...['--impl-domain', target.jat.domain, '--impl-user', to === 'far' ? 'impl' : 'near', '--impl-connect', impl],
  ...(target.proxyPid === undefined ? ['--resources', '1'] : []),
];
const cells: readonly Cell[] = [
  fanout('2'),
  fanout('10'),
  fanout('10', true),
  { name: 'mirror C=5', args: ({ apps }) => ['mirror', '--clients', '5', '--recv-connect', apps] },
  { name: 'relay', args: relay },
  { name: 'jat, all at the server', args: (target) => jat(target, 'far', at, at) },
  { name: 'jat, answered here', args: (target) => jat(target, 'near', at, target.apps) },
  { name: 'jat, all here', args: (target) => jat(target, 'near', target.apps, target.apps) },
  { name: 'relay at 200/s', args: (target) => [...relay(target), '--rate', '200'] },
];

/** CPU time that each thread has had, in microseconds (Linux' schedstat), the main thread first. */
function threadsOf(pid: number | undefined): Map<string, number> {
  if (pid === undefined) return new Map();
  const ids = readdirSync(`/proc/${pid}/task`).sort((a, b) => Number(a) - Number(b));
  const spent = (id: string) => Number(readFileSync(`/proc/${pid}/task/${id}/schedstat`, 'utf8').split(' ')[0]) / 1000;
  return new Map(ids.map((id) => [id, spent(id)]));
}

async function measure(cell: Pick<Cell, 'name' | 'args'>, target: Target): Promise<Result> {
  const common = ['--connect', at, '--domain', target.domain, '--duration', duration, '--window', '64'];
  const pids = kit === undefined ? [] : target.pids.flatMap((pid) => ['--pid', pid]);
  const before = threadsOf(target.proxyPid);
  const [scenario, ...own] = cell.args(target);
  const output = await run(process.execPath, [generator, scenario!, ...common, ...own, ...pids]);
  const result = JSON.parse(output.trim().split('\n').at(-1)!) as Result & { failed?: string };
  if (result.failed !== undefined) throw new Error(`${cell.name}, ${target.name}: ${result.failed}`);
  const messages = result.n + warmup;
  const threads = [...threadsOf(target.proxyPid)].map(([id, spent]) => (spent - (before.get(id) ?? 0)) / messages);
  return { ...result, threads };
}

const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)]!;
const k = (rate: number): string => (rate / 1000).toFixed(1).padStart(7);

function tell(name: string, results: readonly Result[], anchor: readonly Result[]): void {
  const rates = results.map((result) => result.deliveries_per_s);
  const ratio = (median(rates) / median(anchor.map((result) => result.deliveries_per_s))).toFixed(2);
  const spread = `[${(Math.min(...rates) / 1000).toFixed(1)}–${(Math.max(...rates) / 1000).toFixed(1)}]`;
  const of = (what: 'p50_ms' | 'p99_ms') => median(results.map((result) => result[what])).toFixed(2);
  const sum = (what: 'lost' | 'duplicated' | 'misordered') =>
    results.reduce((total, result) => total + result[what], 0);
  const spent = (results[0]!.threads ?? []).map((_, index) =>
    median(results.map(({ threads }) => threads[index] ?? 0)),
  );
  const busy = spent.filter((time) => time >= 0.3).map((time) => time.toFixed(1));
  print(
    `  ${name.padEnd(16)} ${k(median(rates))} k/s ${spread.padEnd(15)} ×${ratio}  p50 ${of('p50_ms')} p99 ${of('p99_ms')} ms` +
      `  lost ${sum('lost')} doubled ${sum('duplicated')} misordered ${sum('misordered')}` +
      (busy.length > 0 ? `  µs a message, by thread: ${busy.join(' + ')}` : ''),
  );
}

print(
  `${cpus().length} × ${cpus()[0]?.model}, Node ${process.version}; 64 messages under way, ${rounds} × ${duration} s, medians [range]`,
);
print(`measured by ${kit === undefined ? 'our own generator' : generator}; deliveries, and × Prosody alone\n`);
for (const { also, ...cell } of cells.filter(({ name }) => name.startsWith(only))) {
  const able = targets.filter(({ name }) => name !== theOther || !cell.name.startsWith('jat'));
  const runs = able.map((target) => ({ name: target.name, target, cell: { ...cell }, results: [] as Result[] }));
  if (also !== undefined) runs.splice(1, 0, { name: also.name, target: alone, cell: also, results: [] });
  for (let round = 0; round < rounds; round++)
    for (const { cell, target, results } of runs) results.push(await measure(cell, target));
  print(cell.name);
  for (const { name, results } of runs) tell(name, results, runs[0]!.results);
}
for (const target of [...targets].reverse()) await target.stop();
process.exit(0);
