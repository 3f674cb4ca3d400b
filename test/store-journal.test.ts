/** What a program that was killed had shown to somebody, and not committed. */
import { readFileSync, writeFileSync } from 'node:fs';
import { appendFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { type FileStore, storesIn } from '../src/archive/store.ts';
import type { Store } from '../src/archive/types.ts';
import { inFolder, killedAfter } from './lib/store-folder.ts';
import { closed, messageAt, placesOf } from './lib/store-suite.ts';

const placesIn = async ({ messages }: Store): Promise<number[]> =>
  placesOf((await messages.page('a@x', {}, 100)).messages);

inFolder('kill -9: a message that was added keeps its place; what nobody was shown is not there', async (folder) => {
  await killedAfter(
    folder,
    `await messages.add('a@x', messageAt(5));
    messages.add('a@x', messageAt(6));
    messages.add('a@x', messageAt(3), true);
    messages.add('a@x', messageAt(4, { type: 'groupchat' }));
    messages.add('a@x', messageAt(7, { alias: 'A7' }));`,
  );
  const store = await storesIn(folder)('alice');
  assert.equal(await placesIn(store), [5, 6, 7]);
  assert.is((await store.messages.find('a@x', { alias: 'A7' }))?.place, 7);
  assert.equal((await store.messages.page('a@x', { places: [6] }, 1)).messages, [messageAt(6)]);
  await store.settled();
  await store.close();
  assert.equal((await readdir(folder)).sort(), closed);
});

inFolder('also what was added right after the end of a program before', async (folder) => {
  for (const place of [5, 6, 7])
    await killedAfter(folder, `messages.add('a@x', messageAt(${place})); store.read('a@x', 'meta');`);
  const store = await storesIn(folder)('alice');
  assert.equal(await placesIn(store), [5, 6, 7]);
  await store.close();
});

inFolder('what a client sent comes back with its row in the outbox, and no row comes back alone', async (folder) => {
  await killedAfter(
    folder,
    `const row = (client) => JSON.stringify({ at: 1, client, sequence: 0, text: 'a "word"\\nand another' });
    store.put('a@x', 'outbox', '1', row('a@x/phone'));
    messages.add('a@x', messageAt(5, { isSent: true, client: 'a@x/phone' }));
    store.put('a@x', 'outbox', '2', row('a@x/phone'));
    messages.add('a@x', messageAt(6));
    messages.add('a@x', messageAt(7, { isSent: true, client: 'a@x/phone', id: undefined }));
    store.put('a@x', 'outbox', '3', row('a@x/phone'));`,
  );
  const store = await storesIn(folder)('alice');
  assert.equal(await placesIn(store), [5, 6]);
  const value = JSON.stringify({ at: 1, client: 'a@x/phone', sequence: 0, text: 'a "word"\nand another' });
  assert.equal(await store.read('a@x', 'outbox'), [{ key: '1', value }]);
  await store.close();
});

inFolder(
  'a row of the outbox that is there is as it was left: what was sent once more has another number',
  async (folder) => {
    const row = (sequence: number) => JSON.stringify({ at: 1, client: 'a@x/phone', sequence, text: 'a' });
    await killedAfter(
      folder,
      `const row = ${row};
    store.put('a@x', 'outbox', '1', row(1));
    await store.put('a@x', 'outbox', '2', row(2));
    store.put('a@x', 'outbox', '3', row(3));
    messages.add('a@x', messageAt(5, { isSent: true, client: 'a@x/phone' }));
    for (const key of [2, 3, 4]) store.put('a@x', 'outbox', String(key), row(key + 10));`,
    );
    const store = await storesIn(folder)('alice');
    const found = await store.read('a@x', 'outbox');
    assert.equal(
      found.map(({ key, value }) => [key, JSON.parse(value).sequence]),
      [
        ['1', 1],
        ['2', 12],
        ['3', 13],
      ],
    );
    await store.close();
  },
);

inFolder('a line that cannot be read again is told of; the others are there', async (folder) => {
  const store = await storesIn(folder)('alice');
  const told: (string | undefined)[] = [];
  store.onTrouble = (trouble) => told.push(trouble?.reason);
  await Promise.all(['1', '2', '3'].map((key) => store.put('a@x', 'meta', key, `of ${key}`)));
  const file = join(folder, 'alice.sqlite-new');
  writeFileSync(file, readFileSync(file, 'utf8').replace('["put","a@x","meta","2"]', '["put","a@x","meta","2"}'));
  assert.equal(await store.read('a@x', 'meta'), [
    { key: '1', value: 'of 1' },
    { key: '3', value: 'of 3' },
  ]);
  assert.match(told[0] ?? '', /alice\.sqlite-new is damaged/);
  await store.close();
});

inFolder('what the tables have is nowhere else; what is broken off is left out', async (folder) => {
  const file = join(folder, 'alice.sqlite-new');
  await killedAfter(folder, `messages.add('a@x', messageAt(5));`);
  await appendFile(file, '{"account":"a@x","mess');
  const store = await storesIn(folder)('alice');
  assert.equal(await placesIn(store), [5]);
  await store.settled();
  assert.is(readFileSync(file, 'utf8'), '');
  const added = store.messages.add('a@x', messageAt(6));
  await new Promise(process.nextTick);
  assert.match(readFileSync(file, 'utf8'), /hello 6/);
  await added;
  assert.match(readFileSync(file, 'utf8'), /hello 6/);
  assert.equal(await placesIn(store), [5, 6]);
  await store.settled();
  for (const name of (await readdir(folder)).filter((one) => one.includes('-new')))
    assert.is(readFileSync(join(folder, name), 'utf8'), '');
  await store.messages.forget('a@x', {});
  await (store as FileStore).putAway();
  await store.close();
  const again = await storesIn(folder)('alice');
  assert.equal(await placesIn(again), []);
  await again.close();
});

test.run();
