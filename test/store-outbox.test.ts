/** Rows of the outbox: most are gone before they would be written. */
import { mkdtemp, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { storesIn } from '../src/archive/store.ts';
import type { Store } from '../src/archive/types.ts';

const inFolder = (name: string, run: (folder: string) => Promise<void>) =>
  test(name, async () => {
    const folder = await mkdtemp(join(tmpdir(), 'xmpproxy-outbox-'));
    try {
      await run(folder);
    } finally {
      await rm(folder, { recursive: true });
    }
  });

const rowsIn = async (store: Store, account = 'a@x') =>
  (await store.read(account, 'outbox')).map(({ key, value }) => `${key} ${value}`);

async function reopened(store: Store, folder: string): Promise<Store> {
  await store.close();
  return storesIn(folder)('alice');
}

inFolder('what is removed before the commit is not written; the rest is there, in order', async (folder) => {
  let store = await storesIn(folder)('alice');
  for (const key of ['1', '2', '3', '4']) store.put('a@x', 'outbox', key, `of ${key}`);
  store.put('b@x', 'outbox', '1', 'of another');
  store.removeTo('a@x', 'outbox', '2');
  store.put('a@x', 'outbox', '4', 'changed');
  assert.equal(await rowsIn(store), ['3 of 3', '4 changed']);
  await store.settled();
  assert.equal(await rowsIn(store), ['3 of 3', '4 changed']);
  store = await reopened(store, folder);
  assert.equal(await rowsIn(store), ['3 of 3', '4 changed']);
  assert.equal(await rowsIn(store, 'b@x'), ['1 of another']);
  await store.close();
});

inFolder('what is written is removed, by the same store and by the next', async (folder) => {
  let store = await storesIn(folder)('alice');
  for (const key of ['1', '2', '3', '4', '5']) await store.put('a@x', 'outbox', key, 'old');
  store.put('a@x', 'outbox', '3', 'new');
  store.put('a@x', 'outbox', '6', 'new');
  await store.removeTo('a@x', 'outbox', '2');
  await store.remove('a@x', 'outbox', '4');
  store = await reopened(store, folder);
  assert.equal(await rowsIn(store), ['3 new', '5 old', '6 new']);
  store.put('a@x', 'outbox', '7', 'new');
  await store.removeTo('a@x', 'outbox', '5');
  await store.remove('a@x', 'outbox', '7');
  store = await reopened(store, folder);
  assert.equal(await rowsIn(store), ['6 new']);
  store.put('a@x', 'outbox', '8', 'new');
  await store.remove('a@x', 'outbox');
  assert.equal(await rowsIn(store), []);
  store = await reopened(store, folder);
  assert.equal(await rowsIn(store), []);
  await store.close();
});

inFolder('a commit that cannot be made is made later, with what was put and removed meanwhile', async (folder) => {
  const file = join(folder, 'alice.sqlite');
  const store = await storesIn(folder)('alice');
  await store.put('a@x', 'outbox', '1', 'old');
  await rename(file, `${file}.away`);
  const told = new Promise<void>((resolve) => {
    store.onTrouble = () => resolve();
  });
  store.put('a@x', 'outbox', '2', 'old');
  store.put('a@x', 'outbox', '3', 'old');
  await told;
  const removed = store.removeTo('a@x', 'outbox', '2');
  const put = store.put('a@x', 'outbox', '4', 'new');
  await rename(`${file}.away`, file);
  await Promise.all([removed, put]);
  assert.is(store.trouble, undefined);
  assert.equal(await rowsIn(store), ['3 old', '4 new']);
  const again = await reopened(store, folder);
  assert.equal(await rowsIn(again), ['3 old', '4 new']);
  await again.close();
});

test.run();
