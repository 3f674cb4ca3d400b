/**
 * A small load generator: load.js SCENARIO --option value … prints one line of JSON. Plain TCP on this machine; what comes
 * in is searched for tokens and not parsed, so that it costs little beside what is measured.
 *
 *     fanout   u0 writes to recv; the --clients apps of recv get each message
 *     mirror   one app of recv writes to u1; the --clients others of recv get a carbon each
 *     relay    u0 and u1 write to each other
 *     jat      u0 to u3 ask --to; the --resources apps of --impl-user, at --impl-connect, give what was asked back
 *
 * --domain, --b-domain: of the accounts; of u1 (relay).
 * --connect: where u0 and u1 are; --recv-connect, --b-connect: where recv's apps and u1 (relay) are. --to: address of recv
 * (fanout), --to-b: of u1 (relay).
 */
import { parseArgs } from 'node:util';
import { LoadClient } from './load-client.ts';

const { values: given, positionals } = parseArgs({
  allowPositionals: true,
  options: Object.fromEntries(
    [
      'connect',
      'recv-connect',
      'b-connect',
      'domain',
      'b-domain',
      'to',
      'to-b',
      'clients',
      'impl-connect',
      'impl-user',
      'impl-domain',
      'resources',
      'duration',
      'window',
      'warmup',
      'pass',
    ].map((name) => [name, { type: 'string' as const }]),
  ),
});
const option = (name: string, fallback = ''): string => String(given[name] ?? fallback);

interface Lane {
  sender: LoadClient;
  to: string;
  /** Who must see each of its messages. */
  readers: LoadClient[];
  /** They are requests, answered to the sender. */
  asks?: true;
}

/** `window` messages are under way at any time, until `duration` seconds are over or `most` are sent. */
function measure(lanes: readonly Lane[], run: number, window: number, duration: number, most: number): Promise<object> {
  const sentAt: number[] = [];
  const seen = new Map<LoadClient, Set<number>>(
    lanes.flatMap(({ readers }) => readers.map((reader) => [reader, new Set<number>()])),
  );
  const left: number[] = [];
  const times: number[] = [];
  const counts = { deliveries: 0, duplicated: 0, misordered: 0 };
  const begin = performance.now();
  let last = begin;
  let progress = begin;
  return new Promise((resolve) => {
    const isOver = () => sentAt.length >= most || performance.now() - begin > duration * 1000;
    const send = (lane: number) => {
      const sequence = sentAt.push(performance.now()) - 1;
      const { sender, to, readers, asks } = lanes[lane]!;
      left[sequence] = readers.length;
      if (asks)
        return sender.write(
          `<iq to='${to}' type='get' id='l${sequence}'><q xmlns='urn:q'>~${run}:${sequence}~</q></iq>`,
        );
      sender.write(`<message to='${to}' type='chat' id='l${sequence}'><body>~${run}:${sequence}~</body></message>`);
    };
    const finish = () => {
      clearInterval(timer);
      const seconds = (last - begin) / 1000;
      const expected = sentAt.reduce((sum, _, sequence) => sum + lanes[sequence % lanes.length]!.readers.length, 0);
      const sorted = times.sort((a, b) => a - b);
      const quantile = (part: number) => Number((sorted[Math.floor(part * sorted.length)] ?? 0).toFixed(2));
      const { deliveries, duplicated, misordered } = counts;
      resolve({
        rate_per_s: times.length / seconds,
        deliveries_per_s: deliveries / seconds,
        ...{ p50_ms: quantile(0.5), p99_ms: quantile(0.99), lost: expected - deliveries, duplicated, misordered },
      });
    };
    const timer = setInterval(() => {
      if (performance.now() - progress > 5000 || (isOver() && left.every((count) => count === 0))) finish();
    }, 20);
    for (const [lane, { readers }] of lanes.entries())
      for (const reader of readers) {
        let latest = -1;
        reader.seen = (sequence, of) => {
          if (of !== run || sequence % lanes.length !== lane) return;
          const known = seen.get(reader)!;
          if (known.has(sequence)) counts.duplicated++;
          else {
            known.add(sequence);
            if (sequence < latest) counts.misordered++;
            latest = sequence;
            counts.deliveries++;
            last = progress = performance.now();
            if (--left[sequence]! > 0) return;
            times.push(last - sentAt[sequence]!);
            next();
          }
        };
      }
    const next = () => {
      if (!isOver()) send(sentAt.length % lanes.length);
    };
    for (let count = 0; count < window; count++) next();
  });
}

const implementing: LoadClient[] = [];

async function cast(scenario: string): Promise<Lane[]> {
  const here = option('connect');
  const count = Number(option('clients', '2'));
  const own = option('domain', 'p.test');
  const log = (where: string, user: string, resource: string, carbons = false, domain = own) =>
    new LoadClient(where).login(`${user}@${domain}`, option('pass', 'pw'), resource, carbons);
  if (scenario === 'relay') {
    const a = await log(here, 'u0', 'a');
    const b = await log(option('b-connect', here), 'u1', 'b', false, option('b-domain', own));
    return [
      { sender: a, to: option('to-b', b.jid), readers: [b] },
      { sender: b, to: a.jid, readers: [a] },
    ];
  }
  if (scenario === 'jat') {
    const where = option('impl-connect', here);
    for (let index = 0; index < Number(option('resources', '2')); index++) {
      const client = new LoadClient(where);
      await client.login(`${option('impl-user', 'impl')}@${own}`, option('pass', 'pw'), `impl${index}`, false);
      implementing.push(client.answers());
    }
    const users = await Promise.all([0, 1, 2, 3].map((index) => log(here, `u${index}`, 'asks')));
    const available = 1500;
    await new Promise((resolve) => setTimeout(resolve, available)); // until the address knows who answers
    return users.map((user) => ({ sender: user, to: option('to'), readers: [user], asks: true }));
  }
  const readers: LoadClient[] = [];
  const place = option('recv-connect', here);
  for (let index = 0; index < count; index++) readers.push(await log(place, 'recv', `c${index}`, true));
  if (scenario === 'fanout') {
    const sender = await log(here, 'u0', 'sender');
    return [{ sender, to: option('to', readers[0]!.jid), readers }];
  }
  if (scenario !== 'mirror') throw new Error(`no such scenario: ${scenario}`);
  const peer = await log(here, 'u1', 'peer');
  const sender = await log(place, 'recv', 'sender', true);
  return [{ sender, to: peer.jid, readers: [...readers, peer] }];
}

const lanes = await cast(positionals[0] ?? '');
const window = Number(option('window', '64'));
await measure(lanes, 1, window, 60, Number(option('warmup', '2000')));
process.stdout.write(
  `${JSON.stringify(await measure(lanes, 2, window, Number(option('duration', '3')), Number.POSITIVE_INFINITY))}\n`,
);
for (const client of new Set([...implementing, ...lanes.flatMap(({ sender, readers }) => [sender, ...readers])]))
  client.end();
setTimeout(() => process.exit(0), 300);
