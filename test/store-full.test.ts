/** A disk that is full: what is written waits, and nothing is lost. Mounts file systems, so it needs root. */
import { execFileSync } from 'node:child_process';
import { statfsSync } from 'node:fs';
import { readdir, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { storesIn } from '../src/archive/store.ts';
import { allPlaces, inFolder, killedAfter, Watch } from './lib/store-folder.ts';
import { closed, failure, messageAt } from './lib/store-suite.ts';

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
    assert.equal(await allPlaces(store), there);
    assert.ok(done < place - 1);
    const over = watch.next();
    await rm(join(disk, 'ballast'));
    assert.is(await over, undefined);
    await Promise.all(writes);
    assert.is(watch.told.length, 2);
    await store.close();
    const again = await storesIn(disk)('alice');
    assert.equal(await allPlaces(again), there);
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
    assert.equal(await allPlaces(again), [1]);
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
  assert.match(store.trouble?.reason ?? '', /the disk is full/);
  assert.equal(await allPlaces(store), [1, 2]);
  const over = watch.next();
  await rm(join(disk, 'ballast'));
  assert.is(await over, undefined);
  await store.close();
  assert.equal((await readdir(disk)).sort(), [...closed, 'more']);
  const again = await storesIn(disk)('alice');
  assert.equal(await allPlaces(again), [1, 2]);
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
  assert.equal(await allPlaces(store), [1, 2]);
  assert.not(isDone);
  const over = watch.next();
  await rm(join(disk, 'ballast'));
  assert.is(await over, undefined);
  await added;
  assert.is((await stat(join(disk, 'alice.sqlite-spare'))).size, 256 * 1024);
  await store.close();
});

test.run();
