/** The decisions of a core session that need no connection: where to connect, where not, when again, how many at once. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { failedByStream } from '../src/upstream/failed.ts';
import { DomainGate, shareOf } from '../src/upstream/gate.ts';
import { isPublic } from '../src/upstream/guard.ts';
import { asciiDomain, type Dns, findAddresses, findEndpoints, inOrder, parseRoute } from '../src/upstream/resolve.ts';
import { Slumber } from '../src/upstream/slumber.ts';
import { retryAfter, retryAfterConflict } from '../src/wire/backoff.ts';
import { isLoopback } from '../src/wire/ip.ts';
import { NS } from '../src/wire/ns.ts';
import { xml } from '../src/wire/xml.ts';

const srv = (name: string, port: number, priority = 0, weight = 0) => ({ name, port, priority, weight });
function dnsOf(records: Record<string, ReturnType<typeof srv>[]>): Dns {
  const refused = (code: string) => Promise.reject(Object.assign(new Error(code), { code }));
  return {
    srv: (name) => (records[name] ? Promise.resolve(records[name]) : refused('ENOTFOUND')),
    addresses: () => refused('ENOTFOUND'),
  };
}
const find = (domain: string, records: Parameters<typeof dnsOf>[0], random = () => 0) =>
  findEndpoints(domain, dnsOf(records), random);
async function kindOf(work: Promise<unknown>): Promise<string> {
  const reason = await work.then(
    () => undefined,
    (error) => error,
  );
  return reason?.failure?.kind;
}

test('a domain without SRV records is its own server', async () => {
  assert.equal(await find('far.example', {}), [{ host: 'far.example', port: 5222, directTls: false }]);
});

test('SRV records of both services are one set, by priority', async () => {
  const found = await find('far.example', {
    '_xmpp-client._tcp.far.example': [srv('b.example', 5222, 10), srv('a.example', 5222, 5)],
    '_xmpps-client._tcp.far.example': [srv('c.example', 443, 7)],
  });
  assert.equal(found, [
    { host: 'a.example', port: 5222, directTls: false },
    { host: 'c.example', port: 443, directTls: true },
    { host: 'b.example', port: 5222, directTls: false },
  ]);
});

test('a root target means that the service is not offered', async () => {
  for (const root of ['', '.']) {
    const direct = { '_xmpps-client._tcp.far.example': [srv(root, 0)] };
    assert.equal(await find('far.example', { ...direct, '_xmpp-client._tcp.far.example': [srv('a.example', 5222)] }), [
      { host: 'a.example', port: 5222, directTls: false },
    ]);
    assert.is(await kindOf(find('far.example', direct)), 'name');
  }
});

test('internationalised domains are looked up as A-labels, addresses not at all', async () => {
  const found = await find('bücher.example', { '_xmpp-client._tcp.xn--bcher-kva.example': [srv('a.example', 1)] });
  assert.is(found[0]!.host, 'a.example');
  assert.is(asciiDomain('[2001:db8::1]'), '2001:db8::1');
  assert.equal(await find('[::1]', {}), [{ host: '::1', port: 5222, directTls: false }]);
});

test('records of one priority come in proportion to their weights (RFC 2782)', () => {
  const records = [srv('light', 1, 0, 1), srv('heavy', 1, 0, 3), srv('none', 1, 0, 0)];
  const first = (chance: number) => inOrder(records, () => chance)[0]!.name;
  assert.is(first(0), 'none');
  assert.is(first(0.2), 'light');
  assert.is(first(0.3), 'heavy');
  assert.is(first(0.999), 'heavy');
  assert.equal(new Set(inOrder(records, () => 0.5).map(({ name }) => name)).size, 3);
});

test('routes, and redirects that name no port', () => {
  const table = [
    ['host', 'host', 5222, false],
    ['host:5333', 'host', 5333, false],
    ['xmpps://host:443', 'host', 443, true],
    ['[::1]:5222', '::1', 5222, false],
    ['[::1]', '::1', 5222, false],
    ['bücher.example', 'xn--bcher-kva.example', 5222, false],
  ] as const;
  for (const [route, host, port, directTls] of table) assert.equal(parseRoute(route), { host, port, directTls });
  for (const wrong of ['', ':5222', 'host:0', 'host:65536', 'http://host', 'a b', 'host:x', '::1', 'user@host'])
    assert.throws(() => parseRoute(wrong), /not a host and port/);
});

test('a host without address', async () => {
  assert.is(await kindOf(findAddresses('far.example', dnsOf({}))), 'name');
  assert.is(await kindOf(findAddresses('far.example', { ...dnsOf({}), addresses: async () => [] })), 'name');
  assert.equal(await findAddresses('192.0.2.1', dnsOf({})), ['192.0.2.1']);
});

test('addresses that are not public', () => {
  const inner = [
    ...['0.0.0.0', '10.1.2.3', '100.64.0.1', '100.127.255.255', '127.0.0.1', '127.255.0.1', '169.254.169.254'],
    ...['172.16.0.1', '172.31.255.255', '192.0.0.1', '192.168.1.1', '198.18.0.1', '224.0.0.1', '240.0.0.1'],
    ...['255.255.255.255', '::', '::1', '::ffff:127.0.0.1', '::ffff:7f00:1', '::ffff:0:1', '::ffff:10.0.0.1'],
    ...['::127.0.0.1', '64:ff9b::10.0.0.1', '64:ff9b::7f00:1', '64:ff9b:1::1', '100::1', '2001::1', '2001:db8::1'],
    ...['2002:7f00:1::1', '3fff::1', 'fc00::1', 'fd12:3456::1', 'fe80::1', 'fe80::1%eth0', 'fec0::1', 'ff02::1'],
    ...['::ffff:127.0.0.1%lo', '0:0:0:0:0:ffff:7f00:0001', 'localhost', '', '127.1', '0x7f000001'],
  ];
  for (const address of inner) assert.not.ok(isPublic(address), address);
  const outer = [
    ...['1.1.1.1', '100.63.255.255', '100.128.0.1', '172.15.0.1', '172.32.0.1', '192.167.1.1', '223.255.255.255'],
    ...['::ffff:1.1.1.1', '64:ff9b::1.1.1.1', '2606:4700::1111', '2a00:1450::1', '2001:4860:4860::8888'],
  ];
  for (const address of outer) assert.ok(isPublic(address), address);
  for (const address of ['127.0.0.1', '127.9.9.9', '::1', '::ffff:127.0.0.1']) assert.ok(isLoopback(address), address);
  for (const address of ['10.0.0.1', '::2', '128.0.0.1', 'localhost', '']) assert.not.ok(isLoopback(address), address);
});

const spans = { quick: 1000, conflict: 60_000, backoff: { least: 1000, most: 600_000 } };
test('backoff grows to its limit, with full jitter', () => {
  assert.is(
    retryAfter(0, spans, () => 0),
    0,
  );
  assert.ok(retryAfter(0, spans, () => 0.999) < 1000);
  const longest = [1, 2, 3, 9, 10, 11, 5000].map((failures) => Math.round(retryAfter(failures, spans, () => 1) / 1000));
  assert.equal(longest, [2, 4, 8, 512, 600, 600, 600]);
  for (const failures of [1, 5, 50])
    assert.is(
      retryAfter(failures, spans, () => 0),
      1000,
    );
});

test('after a conflict never at once, and ever later', () => {
  const soonest = [1, 2, 3, 4, 5, 9].map((conflicts) => retryAfterConflict(conflicts, spans, () => 0) / 1000);
  assert.equal(soonest, [60, 120, 240, 480, 600, 600]);
});

const never = new AbortController().signal;
const settled = () => new Promise((resolve) => setImmediate(resolve));

test('four at once at one domain, in order; others are not held up', async () => {
  const gate = new DomainGate();
  const inside: number[] = [];
  const doors = [0, 1, 2, 3, 4, 5].map((index) =>
    gate.enter('far.example', never).then((leave) => {
      inside.push(index);
      return leave;
    }),
  );
  await gate.enter('other.example', never);
  await settled();
  assert.equal(inside, [0, 1, 2, 3]);
  (await doors[2]!)('ok');
  await settled();
  assert.equal(inside, [0, 1, 2, 3, 4]);
  (await doors[2]!)('ok'); // leaving twice opens nothing
  await settled();
  assert.equal(inside, [0, 1, 2, 3, 4]);
});

test('threads share what a domain gets, and each has a turn', () => {
  assert.equal([1, 2, 3, 4, 5, 64].map(shareOf), [4, 2, 1, 1, 1, 1]);
});

test('one at a time after a failure, until one succeeds', async () => {
  const gate = new DomainGate();
  (await gate.enter('far.example', never))('failed');
  const entered: number[] = [];
  const doors = [0, 1, 2].map((index) =>
    gate.enter('far.example', never).then((leave) => {
      entered.push(index);
      return leave;
    }),
  );
  await settled();
  assert.equal(entered, [0]);
  (await doors[0]!)('failed');
  await settled();
  assert.equal(entered, [0, 1]);
  (await doors[1]!)('ok');
  await gate.enter('far.example', never);
  await settled();
  assert.equal(entered, [0, 1, 2]);
});

test('who gives up in the queue leaves it', async () => {
  const gate = new DomainGate(1);
  const leave = await gate.enter('far.example', never);
  const stop = new AbortController();
  const gone = gate.enter('far.example', stop.signal).then(
    () => 'in',
    () => 'out',
  );
  const next = gate.enter('far.example', never);
  stop.abort();
  assert.is(await gone, 'out');
  leave('ok');
  (await next)('ok');
  (await gate.enter('far.example', never))('ok');
});

test('what a server says of itself is cut to a line', () => {
  const error = xml('error', NS.stream, xml('policy-violation', NS.streams));
  error.append(xml('text', NS.streams, `a\nb\u0007\u202e${'x'.repeat(500)}`));
  const { text } = failedByStream(error).failure;
  assert.ok(text.startsWith('policy-violation: a b x'));
  assert.is(text.length, 200);
  assert.is(failedByStream(xml('error', NS.stream)).failure.kind, 'stream');
});

test('who did nothing for a whole round is told to sleep, once', () => {
  const slumber = new Slumber();
  const told: string[] = [];
  const [quick, slow] = ['quick', 'slow'].map((name) => ({ sleep: () => told.push(name) }));
  slumber.stir(quick!);
  slumber.stir(slow!);
  slumber.turn();
  assert.equal(told, []);
  slumber.stir(quick!);
  slumber.turn();
  assert.equal(told, ['slow']);
  slumber.turn();
  slumber.turn();
  assert.equal(told, ['slow', 'quick']);
});

test.run();
