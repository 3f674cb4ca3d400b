/** A disk that is full, read-only, gone or damaged: what is written waits, and nothing is lost. Mounts file systems, so it needs root. */
import { execFileSync } from 'node:child_process';
import { statfsSync } from 'node:fs';
import { mkdir, open, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Group } from '../src/archive/group.ts';
import type { Opened } from '../src/archive/opened.ts';
import { Shelf } from '../src/archive/shelf.ts';
import { FileStore, storesIn } from '../src/archive/store.ts';
import type { Store, Trouble } from '../src/archive/types.ts';
import { inFolder, killedAfter } from './lib/store-folder.ts';
import { closed, failure, messageAt, placesOf } from './lib/store-suite.ts';

const run = (program: string, ...words: string[]) => execFileSync(program, words, { stdio: 'pipe' });

/** On a file system of that many KiB. */
const onSmallDisk = (name: string, size: number, act: (folder: string) => Promise<void>) =>
  inFolder(name, async (folder) => {
    run('mount', '-t', 'tmpfs', '-o', `size=${size}k`, 'tmpfs', folder);
    try {
      await act(folder);
    } finally {
      run('umount', '--lazy', folder);
    }
  });

/** What a store says of its trouble, and when it next does. */
class Watch {
  readonly told: (Trouble | undefined)[] = [];
  #next: (() => void) | undefined;
  constructor(store: Store) {
    store.onTrouble = (trouble) => {
      this.told.push(trouble);
      this.#next?.();
    };
  }
  async next(): Promise<Trouble | undefined> {
    await new Promise<void>((resolve, reject) => {
      const late = setTimeout(() => reject(new Error('the store says nothing')), 10_000);
      this.#next = () => {
        clearTimeout(late);
        resolve();
      };
    });
    return this.told.at(-1);
  }
}

const all = async (store: Store) => placesOf((await store.messages.page('a@x', {}, 100_000)).messages);

onSmallDisk(
  'a full disk: reads see what waits; all of it is there, in order, when there is room',
  10_000,
  async (disk) => {
    const store = await storesIn(disk)('alice');
    await store.messages.add('a@x', messageAt(1));
    await writeFile(join(disk, 'ballast'), Buffer.alloc(8_500_000));
    const watch = new Watch(store);
    const full = watch.next();
    const writes: Promise<unknown>[] = [];
    let done = 0;
    const add = (place: number): void => {
      const added = store.messages.add('a@x', messageAt(place, { text: 'x'.repeat(2000) }));
      writes.push(added.then(() => assert.is(++done, place - 1)));
    };
    let place = 1;
    while (store.trouble === undefined) {
      for (let times = 0; times < 20; times++) add(++place);
      await Promise.race([writes.at(-1), full]);
    }
    assert.match(store.trouble.reason, /alice\.sqlite: the disk is full/);
    add(++place);
    let value = 'early';
    writes.push(store.note('a@x', 'upstream', '', () => value));
    value = 'late';
    const there = Array.from({ length: place }, (_, at) => at + 1);
    assert.equal(await all(store), there);
    assert.ok(done < place - 1);
    const over = watch.next();
    await rm(join(disk, 'ballast'));
    assert.is(await over, undefined);
    await Promise.all(writes);
    assert.is(watch.told.length, 2);
    await store.close();
    const again = await storesIn(disk)('alice');
    assert.equal(await all(again), there);
    assert.equal(await again.read('a@x', 'upstream'), [{ key: '', value: 'late' }]);
    await again.close();
  },
);

onSmallDisk(
  'a full disk when it closes: who waits is told, and what was told to be durable is there',
  500,
  async (disk) => {
    const store = await storesIn(disk)('alice');
    await store.messages.add('a@x', messageAt(1));
    const big = store.messages.add('a@x', messageAt(2, { text: 'x'.repeat(1_000_000) }));
    const said = failure(big);
    await new Watch(store).next();
    await store.close();
    assert.match(await said, /the disk is full/);
    const again = await storesIn(disk)('alice');
    assert.equal(await all(again), [1]);
    await again.close();
  },
);

/** Octets of the disk that nothing has. */
const freeOn = (disk: string): number => statfsSync(disk).bavail * 4096;

onSmallDisk('what is shown as the disk becomes full keeps its place, whenever the program ends', 1500, async (disk) => {
  await killedAfter(
    disk,
    `const { statfsSync, writeFileSync } = await import('node:fs');
    writeFileSync(${JSON.stringify(join(disk, 'ballast'))}, Buffer.alloc(statfsSync(${JSON.stringify(disk)}).bavail * 4096));
    for (const place of [1, 2]) messages.add('a@x', messageAt(place));`,
  );
  assert.ok(freeOn(disk) > 200_000);
  await writeFile(join(disk, 'more'), Buffer.alloc(freeOn(disk) - 100_000)); // not even opened without any
  const store = await storesIn(disk)('alice');
  const watch = new Watch(store);
  assert.match((await watch.next())?.reason ?? '', /the disk is full/);
  assert.equal(await all(store), [1, 2]);
  const over = watch.next();
  await rm(join(disk, 'ballast'));
  assert.is(await over, undefined);
  await store.close();
  assert.equal((await readdir(disk)).sort(), [...closed, 'more']);
  const again = await storesIn(disk)('alice');
  assert.equal(await all(again), [1, 2]);
  await again.close();
});

onSmallDisk('room that was kept for a full disk is there again before anything more is taken', 1500, async (disk) => {
  const store = await storesIn(disk)('alice');
  await store.messages.add('a@x', messageAt(1));
  const watch = new Watch(store);
  await writeFile(join(disk, 'ballast'), Buffer.alloc(freeOn(disk)));
  const full = watch.next();
  let isDone = false;
  const added = store.messages.add('a@x', messageAt(2, { text: 'x'.repeat(5000) })).then(() => {
    isDone = true;
  });
  assert.match((await full)?.reason ?? '', /the disk is full/);
  assert.ok(freeOn(disk) > 200_000);
  assert.equal(await all(store), [1, 2]);
  assert.not(isDone);
  const over = watch.next();
  await rm(join(disk, 'ballast'));
  assert.is(await over, undefined);
  await added;
  assert.is((await stat(join(disk, 'alice.sqlite-spare'))).size, 256 * 1024);
  await store.close();
});

inFolder('a folder that can only be read: writes wait until it can be written', async (folder) => {
  const file = join(folder, 'alice.sqlite');
  await (await storesIn(folder)('alice')).close();
  const store = new FileStore(file, new Shelf());
  await store.messages.add('a@x', messageAt(1));
  await store.putAway();
  run('mount', '--bind', folder, folder);
  run('mount', '-o', 'remount,ro,bind', folder);
  const watch = new Watch(store);
  let added: Promise<void>;
  try {
    const told = watch.next();
    added = store.messages.add('a@x', messageAt(2));
    assert.match((await told)?.reason ?? '', /^.*alice\.sqlite: /);
  } finally {
    run('umount', '--lazy', folder);
  }
  await added;
  assert.is(store.trouble, undefined);
  assert.equal(await all(store), [1, 2]);
  await store.close();
});

inFolder('a folder that goes away and comes back', async (folder) => {
  const archive = join(folder, 'archive');
  const store = await storesIn(archive)('alice');
  const watch = new Watch(store);
  await store.messages.add('a@x', messageAt(1));
  await rename(archive, `${archive}.away`);
  const gone = watch.next();
  const added = store.messages.add('a@x', messageAt(2));
  assert.match((await gone)?.reason ?? '', /alice\.sqlite was removed while it was in use/);
  assert.match(await failure(all(store)), /alice\.sqlite/);
  await rename(`${archive}.away`, archive);
  await added;
  assert.equal(await all(store), [1, 2]);
  await store.close();
});

inFolder('a file that is taken away is told of, then begun anew', async (folder) => {
  const store = await storesIn(folder)('alice');
  const watch = new Watch(store);
  await store.messages.add('a@x', messageAt(1));
  assert.equal(await all(store), [1]);
  await store.settled();
  await rm(join(folder, 'alice.sqlite'));
  const gone = watch.next();
  const added = store.messages.add('a@x', messageAt(2));
  assert.match((await gone)?.reason ?? '', /was removed/);
  await added;
  assert.equal(await all(store), [2]);
  await store.close();
  assert.is((await stat(join(folder, 'alice.sqlite'))).mode & 0o077, 0);
});

/** Overwrites every page but the first. */
async function spoil(file: string): Promise<void> {
  const handle = await open(file, 'r+');
  const { size } = await handle.stat();
  await handle.write(Buffer.alloc(size - 4096, 'spoilt'), 0, size - 4096, 4096);
  await handle.close();
}

inFolder('a damaged file is told of by whoever meets it, and waited for until there is a good one', async (folder) => {
  const file = join(folder, 'alice.sqlite');
  const first = await storesIn(folder)('alice');
  for (let place = 1; place <= 300; place++) void first.messages.add('a@x', messageAt(place));
  await first.close();
  const good = await readFile(file);
  const store = new FileStore(file, new Shelf());
  const watch = new Watch(store);
  await spoil(file);
  assert.match(await failure(all(store)), /alice\.sqlite is damaged .*restore it from a backup/);
  assert.match(store.trouble?.reason ?? '', /is damaged/);
  const added = store.messages.add('a@x', messageAt(301));
  await spoil(file); // changed, and no better
  const over = watch.next();
  await writeFile(`${file}.new`, good);
  await rename(`${file}.new`, file);
  assert.is(await over, undefined);
  await added;
  assert.is((await all(store)).length, 301);
  await store.close();
  const db = new Database(file, { readonly: true });
  assert.is(db.pragma('integrity_check', { simple: true }), 'ok');
  db.close();
});

inFolder('the log of a damaged file is not taken for that of the good one in its place', async (folder) => {
  const file = join(folder, 'alice.sqlite');
  const first = await storesIn(folder)('alice');
  for (let place = 1; place <= 300; place++) void first.messages.add('a@x', messageAt(place));
  await first.close();
  const good = await readFile(file);
  const store = new FileStore(file, new Shelf());
  await writeFile(file, 'not a database '.repeat(1000));
  assert.match(await failure(all(store)), /is damaged/);
  await writeFile(`${file}-wal`, 'left behind '.repeat(1000)); // as by a process that was killed
  const added = store.messages.add('a@x', messageAt(301));
  await writeFile(file, 'still no database '.repeat(1000));
  await failure(all(store));
  await writeFile(`${file}.new`, good);
  await rename(`${file}.new`, file);
  await added;
  assert.is((await all(store)).length, 301);
  assert.ok((await readdir(folder)).includes('alice.sqlite-wal.damaged'));
  await store.close();
});

inFolder('a damaged file that is moved away: a new one is begun', async (folder) => {
  const file = join(folder, 'alice.sqlite');
  const store = await storesIn(folder)('alice');
  for (let place = 1; place <= 300; place++) void store.messages.add('a@x', messageAt(place));
  await store.close();
  await spoil(file);
  const again = new FileStore(file, new Shelf());
  assert.match(await failure(all(again)), /is damaged/);
  const added = again.messages.add('a@x', messageAt(301));
  await mkdir(join(folder, 'away'));
  for (const name of await readdir(folder))
    if (name.startsWith('alice')) await rename(join(folder, name), join(folder, 'away', name));
  await added;
  assert.equal(await all(again), [301]);
  await again.close();
});

test('after a sync that failed nothing is told to be durable any more', async () => {
  const opened = {
    inTransaction: false,
    moving: undefined,
    makesRoom: () => false,
    begin() {
      this.inTransaction = true;
    },
    commit() {
      this.inTransaction = false;
    },
    rollback() {
      this.inTransaction = false;
    },
    check: () => {},
    outbox: { write() {} },
    sync: () => Promise.reject(Object.assign(new Error('i/o error, fsync'), { code: 'EIO' })),
  };
  const group = new Group('alice.sqlite', { use: () => opened as unknown as Opened, failed() {} });
  const told: (Trouble | undefined)[] = [];
  group.onTrouble = (trouble) => told.push(trouble);
  assert.match(await failure(group.add(() => {})), /i\/o error, fsync/);
  assert.match(await failure(group.add(() => {})), /i\/o error, fsync/);
  assert.is(told.length, 1);
  assert.match(told[0]?.reason ?? '', /i\/o error, fsync/);
  await group.close();
});

test.run();
