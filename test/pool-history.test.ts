import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { openMemoryStore, storesIn } from '../src/archive/store.ts';
import type { Store } from '../src/archive/types.ts';
import { exportHistory } from '../src/pool/export.ts';
import { forgetHistory, peers, reach, search } from '../src/pool/history.ts';
import { type Limits, Retention } from '../src/pool/retention.ts';
import type { BareJid } from '../src/wire/jid.ts';
import { parseElement } from '../src/wire/parser.ts';
import { failure, messageAt, placesOf } from './lib/store-suite.ts';

const work = 'a@work.example' as BareJid;
const home = 'a@home.example' as BareJid;
const accounts = [work, home];
const day = 86_400_000;
const quiet = { debug() {}, info() {}, warn() {}, error() {} };

const withStore = (name: string, act: (store: Store) => Promise<void>) =>
  test(name, async () => {
    const store = await openMemoryStore();
    try {
      await act(store);
    } finally {
      await store.close();
    }
  });

const left = async (store: Store, account: BareJid) =>
  placesOf((await store.messages.page(account, {}, 9999)).messages);

withStore('a search goes over all accounts, the newest first, page by page', async (store) => {
  for (let place = 1; place <= 6; place++)
    await store.messages.add(accounts[place % 2]!, messageAt(place, { body: place === 3 ? 'tea' : 'lunch' }));
  const ask = { accounts, peer: null, words: 'lunch', since: null, skip: 0, limit: 2 };
  const first = await search(store, ask);
  assert.is(first.total, 5);
  assert.equal(
    first.hits.map(({ account, at }) => [account, at]),
    [
      [work, 1006],
      [home, 1005],
    ],
  );
  const last = await search(store, { ...ask, skip: 4, since: 1000 });
  assert.equal(
    last.hits.map(({ at }) => at),
    [1001],
  );
  assert.is((await search(store, { ...ask, since: 1005 })).total, 2);
  assert.equal(await search(store, { ...ask, skip: 1e9 }), { hits: [], total: 5 });
  assert.is((await search(store, { ...ask, peer: 'nobody@x' as BareJid })).total, 0);
});

withStore('how far it reaches, whom it has, and forgetting one of them', async (store) => {
  await store.messages.add(work, messageAt(5));
  await store.messages.add(home, messageAt(3, { peer: 'bert@x' }));
  await store.messages.add(home, messageAt(4, { peer: 'carol@x' }));
  await store.put(work, 'outbox', '1', 'waits');
  const found = await reach(store, { accounts, peer: null });
  assert.equal({ ...found, size: 0 }, { messages: 3, first: 1003, waiting: 1, size: 0 });
  assert.ok(found.size > 0);
  assert.equal(await peers(store, accounts, 'b'), ['bert@x', 'bob@x']);
  assert.is(await forgetHistory(store, { accounts, peer: 'bert@x' as BareJid }), 1);
  assert.equal(await peers(store, accounts, ''), ['bob@x', 'carol@x']);
  assert.is(await forgetHistory(store, { accounts, peer: null }), 2);
});

test('an export has every message, as JSON lines and as XEP-0227', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'xmpproxy-export-'));
  const store = await storesIn(folder)('a');
  for (let place = 1; place <= 450; place++) void store.messages.add(work, messageAt(place));
  await store.messages.add(
    home,
    messageAt(9, { text: `<message xmlns="jabber:client"><body>“ü”</body></message>`, alias: 'srv1' }),
  );
  const file = join(folder, 'exports', 'a');
  const ask = { accounts, peer: null } as const;
  assert.is(await exportHistory(store, { ...ask, accounts, file, format: 'json' }), 451);
  const lines = (await readFile(file, 'utf8')).trimEnd().split('\n');
  assert.equal(JSON.parse(lines[0]!), {
    account: work,
    id: 'x1',
    at: '1970-01-01T00:00:01.001Z',
    peer: 'bob@x',
    sent: false,
    type: 'chat',
    body: 'hello 1',
    xml: messageAt(1).text,
  });
  assert.is(JSON.parse(lines[450]!)['server-id'], 'srv1');
  assert.is((await stat(file)).mode & 0o777, 0o600);
  assert.match(await failure(exportHistory(store, { ...ask, accounts, file, format: 'json' })), /EEXIST/);
  assert.is((await readFile(file, 'utf8')).trimEnd().split('\n').length, 451);
  assert.is(await exportHistory(store, { ...ask, accounts, file: `${file}.xml`, format: 'xml' }), 451);
  const [head, ...rest] = (await readFile(`${file}.xml`, 'utf8')).split('\n');
  assert.match(head!, /^<\?xml version='1.0' encoding='UTF-8'\?>$/);
  const hosts = parseElement(rest.join('\n').trim()).getChildren('host');
  assert.equal(
    hosts.map(({ attrs }) => attrs.jid),
    ['work.example', 'home.example'],
  );
  const archive = hosts[0]!.getChild('user')!.getChild('archive', 'urn:xmpp:pie:0#mam')!;
  const [result] = archive.getChildren('result', 'urn:xmpp:mam:2');
  assert.is(archive.getChildren('result').length, 450);
  const forwarded = result!.getChild('forwarded', 'urn:xmpp:forward:0')!;
  assert.is(forwarded.getChild('delay', 'urn:xmpp:delay')!.attrs.stamp, '1970-01-01T00:00:01.001Z');
  assert.is(forwarded.getChild('message', 'jabber:client')!.getChildText('body'), 'hello 1');
  await store.close();
  await rm(folder, { recursive: true });
});

const keeping = async (store: Store, limits: Partial<Limits>) => {
  const retention = new Retention(store, { user: 'a', accounts, retention: 0, quota: 0, ...limits }, quiet);
  await retention.run();
  retention.close();
};

withStore('messages older than wanted go, but for what a known app has yet to get', async (store) => {
  const now = Date.now();
  for (let place = 1; place <= 10; place++)
    await store.messages.add(work, messageAt(place, { at: now - (10 - place) * day - 1000 }));
  await keeping(store, {});
  assert.is((await left(store, work)).length, 10);
  await store.put(work, 'cursor', 'phone', JSON.stringify({ place: 3, at: now }));
  await store.put(work, 'cursor', 'laptop', JSON.stringify({ place: 10, at: now }));
  await store.put(work, 'cursor', 'lost', JSON.stringify({ place: 1, at: now - 91 * day }));
  await keeping(store, { retention: 5 * day });
  assert.equal(await left(store, work), [4, 5, 6, 7, 8, 9, 10]);
  await store.put(work, 'cursor', 'phone', JSON.stringify({ place: 10, at: now }));
  await keeping(store, { retention: 5 * day });
  assert.equal(await left(store, work), [6, 7, 8, 9, 10]);
});

withStore('whose oldest messages went is told, so that nobody fetches them again', async (store) => {
  const now = Date.now();
  for (let place = 1; place <= 4; place++)
    await store.messages.add(work, messageAt(place, { at: now - (4 - place) * day - 1000 }));
  const limits = { user: 'a', accounts, retention: 10 * day, quota: 0 };
  const trimmed: string[] = [];
  const retention = new Retention(store, limits, quiet, (account) => trimmed.push(account));
  await retention.run();
  assert.equal(trimmed, [], 'nothing went');
  retention.limits = { ...limits, retention: 2 * day };
  await retention.run();
  retention.close();
  assert.equal(trimmed, [work]);
});

withStore('other limits hold at once, also while old messages go', async (store) => {
  const now = Date.now();
  for (let place = 1; place <= 10; place++)
    void store.messages.add(work, messageAt(place, { at: now - (10 - place) * day - 1000 }));
  const limits = { user: 'a', accounts, retention: 8 * day, quota: 0 };
  const retention = new Retention(store, limits, quiet);
  const first = retention.run();
  retention.limits = { ...limits, retention: 2 * day };
  await first;
  retention.close();
  assert.equal(await left(store, work), [9, 10]);
});

withStore('a clock that is years ahead does not make everything old', async (store) => {
  const long = Date.now() - 1000 * day;
  for (let place = 1; place <= 10; place++)
    await store.messages.add(work, messageAt(place, { at: long + place * day }));
  await keeping(store, { retention: 5 * day });
  assert.equal(await left(store, work), [7, 8, 9, 10]);
});

withStore('an archive that takes too much loses the oldest of all accounts', async (store) => {
  const text = 'x'.repeat(2000);
  for (let place = 1; place <= 2000; place++) void store.messages.add(work, messageAt(place, { text, at: place }));
  for (let place = 1; place <= 2000; place++)
    void store.messages.add(home, messageAt(place, { text, at: 100_000 + place }));
  await store.settled();
  const quota = Math.floor((await store.size()) * 0.7);
  await keeping(store, { quota });
  assert.ok((await store.size()) <= quota);
  const [kept] = await left(store, work);
  assert.ok(kept !== undefined && kept > 1000, `${kept}`);
  assert.is((await left(store, home)).length, 2000);
  await store.put(work, 'cursor', 'phone', JSON.stringify({ place: 0, at: Date.now() }));
  await store.put(home, 'cursor', 'phone', JSON.stringify({ place: 0, at: Date.now() }));
  await keeping(store, { quota: 1000 });
  assert.is((await left(store, home)).length, 2000, 'an app has yet to get them');
});

test.run();
