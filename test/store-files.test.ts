/** The archive's files: their format, their names, what is wrong with one, when one is open. */
import { readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { fileName } from '../src/archive/name.ts';
import { type Book, Shelf } from '../src/archive/shelf.ts';
import { FileStore, storesIn } from '../src/archive/store.ts';
import { check, inFolder, message } from './lib/store-folder.ts';
import { closed, messageAt } from './lib/store-suite.ts';

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
  assert.ok((await readdir(folder)).includes('alice.sqlite-wal'));
  await store.putAway();
  assert.equal((await readdir(folder)).sort(), closed);
  assert.equal(await keysIn(store), ['1']);
  await store.putAway();
  assert.equal((await readdir(folder)).sort(), closed);
  await store.put('a@x', 'meta', '2', 'x');
  assert.equal(await keysIn(store), ['1', '2']);
  await store.close();
  assert.equal((await readdir(folder)).sort(), closed);
});

inFolder('a file that is used while it is put away loses nothing', async (folder) => {
  await (await storesIn(folder)('alice')).close();
  const store = new FileStore(join(folder, 'alice.sqlite'), new Shelf());
  const keys = Array.from({ length: 40 }, (_, at) => String(at));
  for (const key of keys) {
    const away = store.putAway();
    const put = store.put('a@x', 'meta', key, 'x'.repeat(1000));
    if (Number(key) % 2 === 0) await put;
    await away;
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
  assert.equal(files.sort(), names.flatMap((name) => [fileName(name), `${fileName(name)}-spare`]).sort());
  for (const file of files) assert.is((await stat(join(folder, 'archive', file))).mode & 0o077, 0);
  assert.is((await stat(join(folder, 'archive'))).mode & 0o077, 0);
});

test.run();
