/** A disk that is read-only, gone or damaged: what is written waits, and nothing is lost. Mounts file systems, so it needs root. */
import { execFileSync } from 'node:child_process';
import { mkdir, open, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Group } from '../src/archive/group.ts';
import type { Opened } from '../src/archive/opened.ts';
import { Shelf } from '../src/archive/shelf.ts';
import { FileStore, storesIn } from '../src/archive/store.ts';
import type { Trouble } from '../src/archive/types.ts';
import { allPlaces, inFolder, Watch } from './lib/store-folder.ts';
import { failure, messageAt } from './lib/store-suite.ts';

const run = (program: string, ...words: string[]) => execFileSync(program, words, { stdio: 'pipe' });

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
  assert.equal(await allPlaces(store), [1, 2]);
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
  assert.match(await failure(allPlaces(store)), /alice\.sqlite/);
  await rename(`${archive}.away`, archive);
  await added;
  assert.equal(await allPlaces(store), [1, 2]);
  await store.close();
});

inFolder('a file that is taken away is told of, then begun anew', async (folder) => {
  const store = await storesIn(folder)('alice');
  const watch = new Watch(store);
  await store.messages.add('a@x', messageAt(1));
  assert.equal(await allPlaces(store), [1]);
  await store.settled();
  await rm(join(folder, 'alice.sqlite'));
  const gone = watch.next();
  const added = store.messages.add('a@x', messageAt(2));
  assert.match((await gone)?.reason ?? '', /was removed/);
  await added;
  assert.equal(await allPlaces(store), [2]);
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
  assert.match(await failure(allPlaces(store)), /alice\.sqlite is damaged .*restore it from a backup/);
  assert.match(store.trouble?.reason ?? '', /is damaged/);
  const added = store.messages.add('a@x', messageAt(301));
  await spoil(file); // changed, and no better
  const over = watch.next();
  await writeFile(`${file}.new`, good);
  await rename(`${file}.new`, file);
  assert.is(await over, undefined);
  await added;
  assert.is((await allPlaces(store)).length, 301);
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
  assert.match(await failure(allPlaces(store)), /is damaged/);
  await writeFile(`${file}-wal`, 'left behind '.repeat(1000)); // as by a process that was killed
  const added = store.messages.add('a@x', messageAt(301));
  await writeFile(file, 'still no database '.repeat(1000));
  await failure(allPlaces(store));
  await writeFile(`${file}.new`, good);
  await rename(`${file}.new`, file);
  await added;
  assert.is((await allPlaces(store)).length, 301);
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
  assert.match(await failure(allPlaces(again)), /is damaged/);
  const added = again.messages.add('a@x', messageAt(301));
  await mkdir(join(folder, 'away'));
  for (const name of await readdir(folder))
    if (name.startsWith('alice')) await rename(join(folder, name), join(folder, 'away', name));
  await added;
  assert.equal(await allPlaces(again), [301]);
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
