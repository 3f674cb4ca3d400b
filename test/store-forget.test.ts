/** What is forgotten is gone from the files, byte for byte. */
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { storesIn } from '../src/archive/store.ts';
import { messageAt, placesOf } from './lib/store-suite.ts';

const inFolder = (name: string, act: (folder: string) => Promise<void>) =>
  test(name, async () => {
    const folder = await mkdtemp(join(tmpdir(), 'xmpproxy-forget-'));
    try {
      await act(folder);
    } finally {
      await rm(folder, { recursive: true });
    }
  });

/** Which of these texts stand in any file of the folder. */
async function remains(folder: string, texts: readonly string[]): Promise<string[]> {
  const files = await Promise.all((await readdir(folder)).map((name) => readFile(join(folder, name))));
  return texts.filter((text) => files.some((file) => file.includes(text)));
}

/** Words that stand nowhere else; the long one does not fit a page of the file. */
const secret = (peer: string, place: number) =>
  messageAt(place, {
    peer: `${peer}@gone.example`,
    resource: `res${peer}`,
    id: `stanza${peer}${place}`,
    alias: `alias${peer}${place}`,
    client: `a@x/client${peer}`,
    text: `<message>text${peer} ${place % 7 === 0 ? 'long '.repeat(4000) : ''}text${peer}end</message>`,
    body: `word${peer} number${peer}${place}`,
  });
const traces = (peer: string) =>
  [`${peer}@gone`, `res${peer}`, `stanza${peer}`, `alias${peer}`, `client${peer}`, `text${peer}`, `word${peer}`].concat(
    `number${peer}`,
  );

inFolder('a contact that is forgotten leaves nothing, while the file is in use', async (folder) => {
  const store = await storesIn(folder)('alice');
  for (let place = 1; place <= 900; place++)
    void store.messages.add('a@x', place % 3 === 0 ? secret('eve', place) : messageAt(place));
  await store.settled();
  assert.equal(await remains(folder, traces('eve')), traces('eve'));
  assert.is(await store.messages.forget('a@x', { peer: 'eve@gone.example' }), 300);
  assert.equal(await remains(folder, traces('eve')), []);
  assert.is(await store.messages.count('a@x', {}), 600);
  assert.is(await store.messages.count('a@x', { words: 'hello' }), 600);
  assert.equal(placesOf((await store.messages.page('a@x', { words: '899' }, 2)).messages), [899]);
  await store.close();
  assert.equal(await remains(folder, traces('eve')), []);
});

inFolder('one message of many that is forgotten leaves nothing of its own', async (folder) => {
  const store = await storesIn(folder)('alice');
  for (let place = 1; place <= 600; place++) void store.messages.add('a@x', messageAt(place));
  await store.messages.add('a@x', secret('mallory', 601));
  for (let place = 602; place <= 1200; place++) void store.messages.add('a@x', messageAt(place));
  await store.settled();
  await store.messages.forget('a@x', { places: [601] });
  assert.is(await store.messages.count('a@x', {}), 1199);
  await store.close();
  assert.equal(await remains(folder, traces('mallory')), []);
});

inFolder('an account that is forgotten leaves nothing, and others all', async (folder) => {
  const store = await storesIn(folder)('alice');
  for (let place = 1; place <= 300; place++) {
    void store.messages.add('alice@forgotten.example', secret('carol', place));
    void store.messages.add('alice@kept.example', messageAt(place));
  }
  for (const kind of ['roster', 'outbox', 'cursor', 'mark'] as const)
    await store.put('alice@forgotten.example', kind, `key${kind}`, `value${kind} ${'long '.repeat(2000)}`);
  await store.put('alice@forgotten.example', 'outbox', 'second', 'overwritten');
  await store.put('alice@forgotten.example', 'outbox', 'second', 'short');
  await store.put('alice@kept.example', 'roster', 'k', 'kept');
  await store.forget('alice@forgotten.example');
  const words = [...traces('carol'), 'alice@forgotten', 'keyroster', 'valueoutbox', 'valuemark', 'overwritten'];
  assert.equal(await remains(folder, words), []);
  assert.equal(await remains(folder, ['alice@kept']), ['alice@kept']);
  assert.is(await store.messages.count('alice@kept.example', {}), 300);
  await store.close();
});

inFolder('forgetting gives space back to the disk', async (folder) => {
  const store = await storesIn(folder)('alice');
  for (let place = 1; place <= 2000; place++) void store.messages.add('a@x', secret('bulk', place));
  await store.settled();
  const before = await store.size();
  await store.messages.forget('a@x', {});
  const after = await store.size();
  assert.ok(after < before / 10, `${after} of ${before}`);
  await store.close();
});

test.run();
