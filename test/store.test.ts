import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Group } from '../src/archive/group.ts';
import { fileName } from '../src/archive/name.ts';
import { Opened } from '../src/archive/opened.ts';
import { type Book, Shelf } from '../src/archive/shelf.ts';
import { FileStore, storesIn } from '../src/archive/store.ts';
import { messageAt } from './lib/store-suite.ts';

/** A folder that is gone afterwards, whatever happens. */
const inFolder = (name: string, run: (folder: string) => Promise<void>) =>
  test(name, async () => {
    const folder = await mkdtemp(join(tmpdir(), 'xmpproxy-store-'));
    try {
      await run(folder);
    } finally {
      await rm(folder, { recursive: true });
    }
  });
const message = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => 'was not refused',
    (error: Error) => error.message,
  );

inFolder('a resolved put is in the file; close waits for those that are not', async (folder) => {
  const stores = storesIn(folder);
  const store = await stores('alice');
  await store.put('a@x', 'meta', 'first', '1');
  const beside = new Database(join(folder, 'alice.sqlite'), { readonly: true });
  assert.equal(beside.prepare('SELECT key FROM kept').pluck().all(), ['first']);
  beside.close();
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

inFolder('a file of the first format is brought up, and keeps what it has', async (folder) => {
  const file = join(folder, 'alice.sqlite');
  const old = new Database(file);
  old.pragma('journal_mode = WAL');
  old.exec(`CREATE TABLE kept (id INTEGER PRIMARY KEY, account TEXT NOT NULL, kind TEXT NOT NULL, key TEXT NOT NULL,
    value TEXT NOT NULL, UNIQUE (account, kind, key)) STRICT`);
  old.exec("INSERT INTO kept (account, kind, key, value) VALUES ('a@x', 'roster', 'bob@x', '<item/>')");
  old.pragma('user_version = 1');
  old.close();
  const store = await storesIn(folder)('alice');
  assert.equal(await store.read('a@x', 'roster'), [{ key: 'bob@x', value: '<item/>' }]);
  await store.messages.add('a@x', messageAt(1));
  await store.messages.forget('a@x', {});
  await store.messages.add('a@x', messageAt(2));
  assert.is(await store.messages.count('a@x', { words: 'hello' }), 1);
  await store.close();
  assert.equal(check(file), 'ok');
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

/** What SQLite says of the file: trees and full-text index. */
function check(file: string): unknown {
  const db = new Database(file);
  for (const table of ['word', 'named']) db.exec(`INSERT INTO ${table} (${table}) VALUES ('integrity-check')`);
  const said = db.pragma('integrity_check', { simple: true });
  db.close();
  return said;
}

inFolder('a file that is damaged or newer is refused by name and left as it is', async (folder) => {
  const file = join(folder, 'alice.sqlite');
  const garbage = 'not a database '.repeat(100);
  await writeFile(file, garbage);
  assert.match(await message(storesIn(folder)('alice')), new RegExp(`^${file} is damaged .*restore it from a backup`));
  assert.is((await stat(file)).size, garbage.length);
  await rm(file);
  await (await storesIn(folder)('alice')).close();
  const db = new Database(file);
  db.pragma('user_version = 3');
  db.close();
  assert.match(await message(storesIn(folder)('alice')), /alice\.sqlite was written by a newer xmpproxy/);
});

const keysIn = async (store: FileStore) => (await store.read('a@x', 'meta')).map(({ key }) => key);

inFolder('a file that is put away is closed, and opened again by whoever reads or writes', async (folder) => {
  await (await storesIn(folder)('alice')).close();
  const store = new FileStore(join(folder, 'alice.sqlite'), new Shelf());
  await store.put('a@x', 'meta', '1', 'x');
  assert.equal((await readdir(folder)).sort(), ['alice.sqlite', 'alice.sqlite-shm', 'alice.sqlite-wal']);
  await store.putAway();
  assert.equal(await readdir(folder), ['alice.sqlite']);
  assert.equal(await keysIn(store), ['1']);
  await store.putAway();
  assert.equal(await readdir(folder), ['alice.sqlite']);
  await store.put('a@x', 'meta', '2', 'x');
  assert.equal(await keysIn(store), ['1', '2']);
  await store.close();
  assert.equal(await readdir(folder), ['alice.sqlite']);
});

inFolder('a file that is used while it is put away stays open, and loses nothing', async (folder) => {
  await (await storesIn(folder)('alice')).close();
  const store = new FileStore(join(folder, 'alice.sqlite'), new Shelf());
  const keys = Array.from({ length: 40 }, (_, at) => String(at));
  for (const key of keys) {
    const away = store.putAway();
    const put = store.put('a@x', 'meta', key, 'x'.repeat(1000));
    if (Number(key) % 2 === 0) await put;
    await away;
    assert.ok((await readdir(folder)).includes('alice.sqlite-wal'));
    await put;
  }
  assert.equal(await keysIn(store), keys);
  const last = store.putAway();
  await store.close();
  await last;
  const again = new FileStore(join(folder, 'alice.sqlite'), new Shelf());
  assert.equal(await keysIn(again), keys);
  await again.close();
});

inFolder('what is wrong with a file when it is opened again is told by name, until it is mended', async (folder) => {
  const file = join(folder, 'alice.sqlite');
  await (await storesIn(folder)('alice')).close();
  const store = new FileStore(file, new Shelf());
  await store.put('a@x', 'meta', '1', 'x');
  await store.putAway();
  const good = await readFile(file);
  await writeFile(file, 'not a database '.repeat(100));
  assert.match(await message(store.read('a@x', 'meta')), new RegExp(`^${file} is damaged`));
  const put = store.put('a@x', 'meta', '2', 'x');
  assert.match(store.trouble?.reason ?? '', new RegExp(`^${file} is damaged`));
  await writeFile(file, good);
  await put;
  assert.is(store.trouble, undefined);
  assert.equal(await keysIn(store), ['1', '2']);
  await store.close();
});

test('the shelf: what was not used for longest goes, busy ones stay', () => {
  const shelf = new Shelf();
  const gone: number[] = [];
  const books = Array.from({ length: 34 }, (_, at): Book => {
    const book: Book = {
      isBusy: at === 1,
      async putAway() {
        gone.push(at);
        shelf.left(book);
      },
    };
    return book;
  });
  for (const book of books.slice(0, 32)) shelf.used(book);
  shelf.used(books[0]!);
  assert.equal(gone, []);
  shelf.used(books[32]!);
  assert.equal(gone, [2]);
  shelf.used(books[33]!);
  assert.equal(gone, [2, 3]);
  shelf.tidy(Number.POSITIVE_INFINITY);
  assert.equal(gone.length, 33);
  assert.not.ok(gone.includes(1));
  for (const book of books) shelf.left(book);
});

inFolder('files are for the owner alone and named safely', async (folder) => {
  const stores = storesIn(join(folder, 'archive'));
  const names = ['alice', '..', 'romeo\\40home.example', 'zoë', 'Zoë', 'a'.repeat(1023), `${'a'.repeat(1022)}b`];
  assert.is(new Set(names.map(fileName)).size, names.length);
  assert.is(fileName('alice'), 'alice.sqlite');
  assert.is(fileName('romeo\\40home.example'), 'romeo%5C40home.example.sqlite');
  assert.is(fileName('..'), '%2E..sqlite');
  for (const name of names) {
    const store = await stores(name);
    await store.put('a@x', 'meta', 'name', name);
    await store.close();
  }
  const files = await readdir(join(folder, 'archive'));
  assert.equal(files.sort(), names.map(fileName).sort());
  for (const file of files) assert.is((await stat(join(folder, 'archive', file))).mode & 0o077, 0);
  assert.is((await stat(join(folder, 'archive'))).mode & 0o077, 0);
});

test.run();
