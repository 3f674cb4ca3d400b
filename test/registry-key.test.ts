import { randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { openRegistry } from '../src/registry/registry.ts';
import { seal, unseal } from '../src/registry/seal.ts';
import { type Registry, RegistryError } from '../src/registry/types.ts';
import { parseBare } from '../src/wire/jid.ts';

const domain = parseBare('proxy.example');
const work = parseBare('alice@work.example');
const home = parseBare('alice@example.org');

interface World {
  file: string;
  keyFile: string;
  /** Opened with that PROXY_KEY, used, closed. */
  with<T>(key: string | undefined, run: (registry: Registry) => T | Promise<T>): Promise<T>;
}
function keyTest(name: string, run: (world: World) => Promise<void>): void {
  test(name, async () => {
    const folder = await mkdtemp(join(tmpdir(), 'xmpproxy-key-'));
    const file = join(folder, 'registry.json');
    try {
      await run({
        file,
        keyFile: join(folder, 'key'),
        async with(key, use) {
          const registry = await openRegistry({ file, key, domain });
          try {
            return await use(registry);
          } finally {
            await registry.close();
          }
        },
      });
    } finally {
      await rm(folder, { recursive: true });
    }
  });
}
const addAccounts = async (registry: Registry) => {
  await registry.addUser({ name: 'alice', admin: true });
  await registry.addAccount('alice', { jid: work, password: 'of work' });
  await registry.addAccount('alice', { jid: home, password: 'of home' });
};
const secrets = (registry: Registry) => [registry.secretOf(work), registry.secretOf(home)];
const refusal = (change: Promise<unknown>): Promise<string> =>
  change.then(
    () => 'was not refused',
    (error: unknown) => (error instanceof RegistryError ? error.message : `not a RegistryError: ${error}`),
  );

test('a sealed text opens at its place with its key, and nowhere else', () => {
  const key = randomBytes(32);
  const place = { user: 'alice', account: 'a@b', field: 'password' };
  const sealed = seal(key, place, 'påss"wörd\n');
  assert.is(unseal(key, place, sealed), 'påss"wörd\n');
  assert.is.not(seal(key, place, 'påss"wörd\n'), sealed);
  assert.is(unseal(randomBytes(32), place, sealed), undefined);
  for (const other of [{ user: 'bob' }, { account: 'a@c' }, { field: 'token' }, { user: 'alicea', account: '@b' }])
    assert.is(unseal(key, { ...place, ...other }, sealed), undefined, JSON.stringify(other));
  const bytes = Buffer.from(sealed, 'base64');
  for (let at = 0; at < bytes.length; at++) {
    const changed = Buffer.from(bytes);
    changed[at]! ^= 1;
    assert.is(unseal(key, place, changed.toString('base64')), undefined, `byte ${at}`);
  }
  for (const text of ['', 'x', sealed.slice(0, 20), sealed.slice(0, -4)])
    assert.is(unseal(key, place, text), undefined);
});

keyTest('the key file is made once, for the owner alone', async (world) => {
  await world.with(undefined, addAccounts);
  const key = await readFile(world.keyFile, 'utf8');
  assert.match(key, /^[A-Za-z0-9+/]{43}=\n$/);
  assert.is((await stat(world.keyFile)).mode & 0o777, 0o600);
  assert.equal(await world.with(undefined, secrets), ['of work', 'of home']);
  assert.is(await readFile(world.keyFile, 'utf8'), key);
  assert.equal(await world.with(key.trim(), secrets), ['of work', 'of home']);
});

keyTest('without the key that sealed it nothing starts, and no new key is made', async (world) => {
  await world.with(undefined, addAccounts);
  const key = await readFile(world.keyFile);
  const before = await readFile(world.file, 'utf8');
  await rm(world.keyFile);
  const open = (text?: string) => refusal(world.with(text, () => undefined));
  assert.match(await open(), /sealed with a key that is not here: put .*\/key back, or set PROXY_KEY/);
  assert.match(await stat(world.keyFile).then(() => 'made', String), /ENOENT/);
  assert.match(await open('another key, long enough'), /PROXY_KEY is not the key/);
  await writeFile(world.keyFile, `${randomBytes(32).toString('base64')}\n`);
  assert.match(await open(), /\/key is not the key that the passwords in .* are sealed with/);
  await writeFile(world.keyFile, 'x');
  assert.match(await open(), /\/key is not a key/);
  await writeFile(world.keyFile, key);
  assert.is(await readFile(world.file, 'utf8'), before);
  assert.equal(await world.with(undefined, secrets), ['of work', 'of home']);
});

keyTest('PROXY_KEY can be 32 bytes of base64 or a text; then no key file is made', async (world) => {
  for (const key of [randomBytes(32).toString('base64'), 'a long enough sentence', 'süß und sehr geheim']) {
    await rm(world.file, { force: true });
    await rm(`${world.file}.last`, { force: true });
    await world.with(key, addAccounts);
    assert.equal(await world.with(key, secrets), ['of work', 'of home']);
    assert.match(await refusal(world.with(`${key}x`, () => undefined)), /PROXY_KEY is not the key/);
    assert.match(await stat(world.keyFile).then(() => 'made', String), /ENOENT/);
  }
  assert.match(await refusal(world.with('short', () => undefined)), /PROXY_KEY is too short/);
});

keyTest('while nothing is sealed the key may change', async (world) => {
  await world.with('the first key of all', (registry) => registry.addUser({ name: 'alice', admin: true }));
  await world.with('quite another key', (registry) => registry.addAccount('alice', { jid: work, password: 'x' }));
  assert.is(await world.with('quite another key', (registry) => registry.secretOf(work)), 'x');
  assert.match(await refusal(world.with('the first key of all', () => undefined)), /PROXY_KEY is not the key/);
});

keyTest('a sealed password moved to another record is refused by name', async (world) => {
  await world.with(undefined, addAccounts);
  const data = JSON.parse(await readFile(world.file, 'utf8')) as {
    users: { accounts: { jid: string; secret: string }[] }[];
  };
  const [first, second] = data.users[0]!.accounts;
  [first!.secret, second!.secret] = [second!.secret, first!.secret];
  await writeFile(world.file, JSON.stringify(data));
  const said = await refusal(world.with(undefined, () => undefined));
  assert.match(said, /registry\.json is damaged: the sealed password of alice@work\.example \(user alice\)/);
});

keyTest(
  'a key for a purpose lasts, is for that purpose, and is not the key itself',
  async ({ keyFile, with: open }) => {
    const keys = (purpose: string, text?: string) => open(text, (registry) => registry.keyFor(purpose));
    const first = await keys('decoys');
    assert.is(first.length, 32);
    assert.equal(await keys('decoys'), first);
    assert.not.equal(await keys('other'), first);
    assert.not.equal(Buffer.from(first), Buffer.from(await readFile(keyFile, 'utf8'), 'base64'));
    const text = 'another key than the file has';
    assert.not.equal(await keys('decoys', text), first);
    assert.equal(await keys('decoys', text), await keys('decoys', text));
  },
);

test.run();
