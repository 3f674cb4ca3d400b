/** What is told to be durable is in the file, whatever happens to the program or the disk. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFile, mkdir, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Group } from '../src/archive/group.ts';
import { Opened } from '../src/archive/opened.ts';
import { storesIn } from '../src/archive/store.ts';
import { check, inFolder, message } from './lib/store-folder.ts';
import { messageAt } from './lib/store-suite.ts';

inFolder('a resolved put is in the file; close waits for those that are not', async (folder) => {
  const stores = storesIn(folder);
  const store = await stores('alice');
  await store.put('a@x', 'meta', 'first', '1');
  // as after a power failure
  await mkdir(join(folder, 'copy'));
  for (const name of await readdir(folder))
    if (name.startsWith('alice')) await copyFile(join(folder, name), join(folder, 'copy', name));
  const beside = await storesIn(join(folder, 'copy'))('alice');
  assert.equal(await beside.read('a@x', 'meta'), [{ key: 'first', value: '1' }]);
  await beside.close();
  const late = store.put('a@x', 'meta', 'second', '2');
  await store.close();
  await late;
  const again = await stores('alice');
  assert.equal(
    (await again.read('a@x', 'meta')).map(({ key }) => key),
    ['first', 'second'],
  );
  await again.close();
  assert.match(await message(store.put('a@x', 'meta', 'third', '3')), /closed/);
  assert.match(await message(store.read('a@x', 'meta')), /closed/);
});

inFolder('many puts at once share commits and all arrive, in order', async (folder) => {
  const store = await storesIn(folder)('alice');
  const keys = Array.from({ length: 2000 }, (_, at) => String(at));
  await Promise.all(keys.map((key) => store.put('a@x', 'offline', key, `<message id='${key}'/>`)));
  assert.equal(
    (await store.read('a@x', 'offline')).map(({ key }) => key),
    keys,
  );
  await store.close();
});

inFolder('kill -9: what was told to be durable is there afterwards, in order', async (folder) => {
  const module = new URL('../src/archive/store.js', import.meta.url);
  const code = `import { storesIn } from ${JSON.stringify(module.href)};
    const store = await storesIn(${JSON.stringify(folder)})('alice');
    for (let at = 0; ; at += 10)
      await Promise.all(Array.from({ length: 10 }, (_, more) =>
        store.put('a@x', 'outbox', String(at + more), 'x'.repeat(500)).then(() => process.stdout.write(at + more + '\\n'))));`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', code], { stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = once(child, 'exit');
  let told = '';
  for await (const chunk of child.stdout) {
    told += chunk;
    if (told.length > 2000) child.kill('SIGKILL');
  }
  assert.equal(await ended, [null, 'SIGKILL']);
  const durable = told.slice(0, told.lastIndexOf('\n')).split('\n');
  const store = await storesIn(folder)('alice');
  const kept = (await store.read('a@x', 'outbox')).map(({ key }) => key);
  await store.close();
  assert.ok(durable.length > 100);
  assert.equal(kept.slice(0, durable.length), durable);
});

inFolder('a full disk: writes wait, and are done in their order when there is room', async (folder) => {
  const file = join(folder, 'alice.sqlite');
  await (await storesIn(folder)('alice')).close();
  const small = new Database(file);
  const pages = Number(small.pragma('page_count', { simple: true }));
  small.close();
  const opened = new Opened(file);
  const put = opened.statement("INSERT INTO kept (account, kind, key, value) VALUES ('a@x', 'meta', ?, ?)");
  const group = new Group(file, { use: () => opened, failed() {} });
  const told: (string | undefined)[] = [];
  const changed = new Promise<void>((resolve) => {
    group.onTrouble = (trouble) => {
      told.push(trouble?.reason);
      resolve();
    };
  });
  opened.statement(`PRAGMA max_page_count = ${pages + 2}`).get();
  const first = group.add(() => put.run('first', 'x'));
  const big = group.add(() => put.run('big', 'x'.repeat(100_000)));
  await changed;
  assert.match(group.trouble?.reason ?? '', /alice\.sqlite: the disk is full/);
  const later = group.add(() => put.run('later', 'x'));
  opened.statement('PRAGMA max_page_count = 1000000').get();
  await Promise.all([first, big, later]);
  assert.equal(opened.statement('SELECT key FROM kept ORDER BY id').pluck().all(), ['first', 'big', 'later']);
  assert.is(group.trouble, undefined);
  assert.is(told.length, 2);
  await group.close();
  opened.close();
});

inFolder('kill -9 among messages: what was told to be durable is there, and found by all its names', async (folder) => {
  const module = (name: string) => JSON.stringify(new URL(name, import.meta.url).href);
  const code = `import { storesIn } from ${module('../src/archive/store.js')};
    import { messageAt } from ${module('lib/store-suite.js')};
    const { messages } = await storesIn(${JSON.stringify(folder)})('alice');
    for (let place = 1; ; place += 10)
      await Promise.all(Array.from({ length: 10 }, (_, more) =>
        messages.add('a@x', messageAt(place + more, { alias: 'alias' + (place + more) }))
          .then(() => process.stdout.write(place + more + '\\n'))));`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', code], { stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = once(child, 'exit');
  let told = '';
  for await (const chunk of child.stdout) {
    told += chunk;
    if (told.length > 8000) child.kill('SIGKILL');
  }
  assert.equal(await ended, [null, 'SIGKILL']);
  const durable = told.slice(0, told.lastIndexOf('\n')).split('\n').length;
  assert.ok(durable > 600);
  const { messages, close } = await opened(folder);
  const count = await messages.count('a@x', {});
  assert.ok(count >= durable, `${count} of ${durable}`);
  assert.is(await messages.count('a@x', { words: 'hello' }), count);
  for (let place = 1; place <= durable; place += 37) {
    assert.is((await messages.find('a@x', { alias: `alias${place}` }))?.place, place);
    assert.is((await messages.find('a@x', { id: `id${place}`, peer: 'bob@x', isSent: false }))?.place, place);
  }
  await close();
  assert.equal(check(join(folder, 'alice.sqlite')), 'ok');
});

const opened = async (folder: string) => {
  const store = await storesIn(folder)('alice');
  return { messages: store.messages, close: () => store.close() };
};

inFolder('under load the log does not grow without end, writes keep their order, reads see them', async (folder) => {
  const { messages, close } = await opened(folder);
  const text = 'x'.repeat(4000);
  let place = 0;
  let durable = 0;
  let longest = 0;
  const add = (): void => {
    const one = ++place;
    messages.add('a@x', messageAt(one, { text })).then(() => assert.is(++durable, one));
  };
  while (place < 8000) {
    for (let times = 0; times < 40; times++) add();
    await new Promise(setImmediate);
    if (place % 400 === 0) assert.is((await messages.page('a@x', {}, 1, true)).messages[0]?.place, place);
    if (place % 200 === 0) longest = Math.max(longest, (await stat(join(folder, 'alice.sqlite-wal'))).size);
  }
  await messages.add('a@x', messageAt(++place));
  assert.is(durable, 8000);
  assert.is(await messages.count('a@x', {}), 8001);
  assert.ok(longest > 4_000_000 && longest < 28_000_000, `${longest}`);
  await close();
  assert.equal(check(join(folder, 'alice.sqlite')), 'ok');
});

test.run();
