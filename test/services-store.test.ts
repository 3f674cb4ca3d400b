/** What the translation keeps, in its file. */
import { cpSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { ServiceFile } from '../src/archive/services.ts';
import { Disk } from './lib/disk.ts';
import { temporaryFolder, within } from './lib/process.ts';

const fresh = (): string => join(temporaryFolder('services'), 'data', 'services.sqlite');

/** What it tells of trouble: each once, in order. */
function troubles(store: ServiceFile): () => Promise<string | undefined> {
  const told: (string | undefined)[] = [];
  let heard = (): void => {};
  store.onTrouble = (reason) => {
    told.push(reason);
    heard();
  };
  const next = async (): Promise<string | undefined> => {
    while (told.length === 0) await new Promise<void>((resolve) => (heard = resolve));
    return told.shift();
  };
  return () => within(10_000, () => 'nothing was told', next());
}

const messageOf = (promise: Promise<unknown>): Promise<string> =>
  within(10_000, () => 'no answer', promise).then(
    () => 'it went well',
    (error: Error) => error.message,
  );

/** Such a file with 300 contacts in it. */
async function filled(file: string): Promise<void> {
  const store = new ServiceFile(file);
  const puts = Array.from({ length: 300 }, (_, n) => store.put('a@x', 'contact', `u${n}@y`, 'v'.repeat(200)));
  await Promise.all(puts);
  await store.close();
}

test('what was put is there, also after a restart; an address is forgotten with all of its own', async () => {
  const file = fresh();
  const first = new ServiceFile(file);
  const puts = [
    first.put('a@x', 'contact', 'u@y', '1'),
    first.put('a@x', 'contact', 'v@y', '2'),
    first.put('a@x', 'token', 'u@y', '3'),
    first.put('b@x', 'contact', 'u@y', '4'),
    first.put('a@x', 'contact', 'v@y', '5'),
    first.remove('a@x', 'contact', 'u@y'),
  ];
  assert.equal(await first.read('a@x', 'contact'), [{ key: 'v@y', value: '5' }], 'before it is durable');
  await Promise.all(puts);
  await first.put('a@x', 'contact', "w'\u2603@y", 'é');
  await first.close();
  const second = new ServiceFile(file);
  assert.equal(await second.read('a@x', 'contact'), [
    { key: 'v@y', value: '5' },
    { key: "w'\u2603@y", value: 'é' },
  ]);
  await second.forget('a@x');
  assert.equal(await second.read('a@x', 'token'), []);
  assert.equal(await second.read('b@x', 'contact'), [{ key: 'u@y', value: '4' }]);
  await second.close();
});

const damages: [string, (good: Buffer) => Buffer][] = [
  ['is no database', () => Buffer.from('not a database '.repeat(1000))],
  [
    'has a page that is none',
    (good) => Buffer.concat([good.subarray(0, 8192), Buffer.alloc(4096, 'x'), good.subarray(12_288)]),
  ],
  ['was cut off', (good) => good.subarray(0, 20_000)],
];
for (const [what, spoil] of damages)
  test(`a file that ${what} is named, with what to do, and left as it is; a good one is taken at once`, async () => {
    const file = fresh();
    await filled(file);
    const good = readFileSync(file);
    const bad = spoil(good);
    writeFileSync(file, bad);
    const store = new ServiceFile(file);
    const told = troubles(store);
    const advice = /services\.sqlite is damaged .*restore it from a backup, or move it and its -wal file away/;
    assert.match(await messageOf(store.read('a@x', 'contact')), advice);
    assert.match((await told()) ?? '', advice);
    assert.match(await messageOf(store.put('a@x', 'contact', 'late@y', '1')), advice);
    assert.ok(readFileSync(file).equals(bad));
    writeFileSync(`${file}.good`, good);
    renameSync(`${file}.good`, file);
    assert.is(await told(), undefined);
    const kept = await store.read('a@x', 'contact');
    assert.is(kept.length, 301, 'and what was put meanwhile');
    await store.close();
    assert.not(existsSync(`${file}-wal`));
  });

test('one that is moved away is made anew', async () => {
  const file = fresh();
  mkdirSync(dirname(file));
  writeFileSync(file, 'not a database '.repeat(1000));
  const store = new ServiceFile(file);
  const told = troubles(store);
  assert.match(await messageOf(store.read('a@x', 'contact')), /damaged/);
  await told();
  renameSync(file, `${file}.bad`);
  assert.is(await told(), undefined);
  await store.put('a@x', 'contact', 'u@y', '1');
  assert.equal(await store.read('a@x', 'contact'), [{ key: 'u@y', value: '1' }]);
  await store.close();
});

test('a log or a file that is taken away is told of whoever waits, and the next put works', async () => {
  for (const ending of ['', '-wal']) {
    const file = fresh();
    const store = new ServiceFile(file);
    await store.put('a@x', 'contact', 'u@y', '1');
    const told = troubles(store);
    cpSync(file, `${file}.copy`);
    rmSync(file + ending);
    assert.match(await messageOf(store.put('a@x', 'contact', 'v@y', '2')), /was removed while it was in use/);
    assert.match((await told()) ?? '', /was removed/);
    assert.is(await told(), undefined);
    await store.put('a@x', 'contact', 'w@y', '3');
    const keys = (await store.read('a@x', 'contact')).map(({ key }) => key);
    assert.equal(keys.slice(-2), ['v@y', 'w@y']);
    await store.close();
  }
});

test('a folder that cannot be used rejects, is told of, and is tried again', async () => {
  const file = fresh();
  writeFileSync(dirname(file), 'a file where the folder should be');
  const store = new ServiceFile(file);
  const told = troubles(store);
  assert.match(await messageOf(store.put('a@x', 'contact', 'u@y', '1')), /services\.sqlite: E/);
  assert.match((await told()) ?? '', /services\.sqlite: E/);
  rmSync(dirname(file));
  assert.is(await told(), undefined);
  assert.equal(await store.read('a@x', 'contact'), [{ key: 'u@y', value: '1' }]);
  await store.close();
});

test('on a full disk it is opened and read; what is put is refused, and in the file when there is room', async () => {
  const disk = await Disk.make(4);
  try {
    const file = join(disk.folder, 'services.sqlite');
    await filled(file);
    disk.fill();
    const store = new ServiceFile(file);
    const told = troubles(store);
    assert.is((await store.read('a@x', 'contact')).length, 300);
    const refused = store.put('a@x', 'contact', 'u0@y', 'old');
    assert.match(await messageOf(refused), /services\.sqlite: the disk is full/);
    assert.match((await told()) ?? '', /the disk is full/);
    assert.match(await messageOf(store.put('a@x', 'contact', 'u0@y', 'new')), /the disk is full/);
    disk.free();
    assert.is(await told(), undefined);
    await store.close();
    const next = new ServiceFile(file);
    const kept = await next.read('a@x', 'contact');
    assert.equal(
      kept.filter(({ key }) => key === 'u0@y'),
      [{ key: 'u0@y', value: 'new' }],
    );
    await next.close();
  } finally {
    await disk.close();
  }
});

test.run();
