import { mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { type Disk, disk } from '../src/registry/disk.ts';
import { openRegistry } from '../src/registry/registry.ts';
import { type Registry, RegistryError } from '../src/registry/types.ts';
import { parseBare } from '../src/wire/jid.ts';

const domain = parseBare('proxy.example');
const work = parseBare('alice@work.example');

interface World {
  folder: string;
  file: string;
  open(options?: { key?: string; disk?: Disk }): Promise<Registry>;
  /** Opened, changed and closed. */
  change(run: (registry: Registry) => Promise<unknown>): Promise<void>;
}
function fileTest(name: string, run: (world: World) => Promise<void>): void {
  test(name, async () => {
    const folder = await mkdtemp(join(tmpdir(), 'xmpproxy-registry-'));
    const file = join(folder, 'registry.json');
    const open: World['open'] = ({ key, disk } = {}) => openRegistry({ file, key, domain, ...(disk && { disk }) });
    const change: World['change'] = async (change) => {
      const registry = await open();
      await change(registry).finally(() => registry.close());
    };
    try {
      await run({ folder, file, open, change });
    } finally {
      await rm(folder, { recursive: true });
    }
  });
}
const refusal = (change: Promise<unknown>): Promise<string> =>
  change.then(
    () => 'was not refused',
    (error: unknown) => (error instanceof RegistryError ? error.message : `not a RegistryError: ${error}`),
  );
const failure = (code: string) => Object.assign(new Error(code), { code });
const names = (registry: Registry) => registry.users.map(({ name }) => name);

/** The real disk, which fails at a step when told to. */
function breakable() {
  let left = Number.POSITIVE_INFINITY;
  let stays = false;
  let steps = 0;
  const step = async (): Promise<boolean> => {
    steps++;
    if (left-- > 0) return false;
    if (!stays) left = Number.POSITIVE_INFINITY;
    return true;
  };
  const broken: Disk = {
    ...disk,
    async write(path, text) {
      const fails = await step();
      await disk.write(path, fails ? text.slice(0, text.length / 2) : text);
      if (fails) throw failure('ENOSPC');
    },
    async rename(from, to) {
      if (await step()) throw failure('EIO');
      await disk.rename(from, to);
    },
    async syncFolder(path) {
      if (await step()) throw failure('EIO');
      await disk.syncFolder(path);
    },
  };
  return {
    disk: broken,
    /** Fails at the step after that many; `always`: from then on. */
    failAfter(count: number, always = false) {
      [left, stays, steps] = [count, always, 0];
    },
    mend() {
      left = Number.POSITIVE_INFINITY;
      return steps;
    },
  };
}

fileTest('a write that fails at any step is refused in words and changes neither memory nor file', async (world) => {
  const breaks = breakable();
  const registry = await world.open({ disk: breaks.disk });
  await registry.addUser({ name: 'alice', admin: true });
  await registry.addUser({ name: 'bob', admin: true });
  const before = await readFile(world.file, 'utf8');
  let failed = 0;
  for (;;) {
    breaks.failAfter(failed);
    const said = await refusal(registry.addUser({ name: 'carol', admin: false }));
    breaks.mend();
    if (said === 'was not refused') break;
    failed++;
    assert.match(said, /could not be saved, nothing was changed: the disk (is full|has an error)/);
    assert.equal(names(registry), ['alice', 'bob']);
    assert.is(await readFile(world.file, 'utf8'), before, `after step ${failed}`);
    assert.not.ok((await readdir(world.folder)).some((name) => name.endsWith('.new')));
  }
  assert.is(failed, 5); // two files written and renamed, the folder synced
  assert.equal(names(registry), ['alice', 'bob', 'carol']);
  assert.is(await readFile(`${world.file}.last`, 'utf8'), before);
  await registry.close();
  assert.equal(names(await closed(world)), ['alice', 'bob', 'carol']);
});

fileTest('a power cut at any step leaves the old file or the new one', async (world) => {
  for (let at = 0; at < 6; at++) {
    await rm(world.folder, { recursive: true });
    const breaks = breakable();
    const registry = await world.open({ disk: breaks.disk });
    await registry.addUser({ name: 'alice', admin: true });
    breaks.failAfter(at, true); // nothing works any more: not even tidying up
    await registry.addUser({ name: 'bob', admin: true }).catch(() => {});
    await registry.close();
    const found = names(await closed(world));
    assert.ok(found[0] === 'alice' && (found.length === 1 || (found[1] === 'bob' && at >= 4)), `step ${at}: ${found}`);
  }
});

/** What a restart finds. */
async function closed(world: World): Promise<Registry> {
  const registry = await world.open();
  await registry.close();
  return registry;
}

fileTest('changes that wait for a failing write are taken back too, later ones hold', async (world) => {
  const breaks = breakable();
  const registry = await world.open({ disk: breaks.disk });
  await registry.addUser({ name: 'alice', admin: true });
  breaks.failAfter(0);
  const said = await Promise.all(
    ['bob', 'carol', 'dave'].map((name) => refusal(registry.addUser({ name, admin: false }))),
  );
  for (const text of said) assert.match(text, /disk is full/);
  assert.equal(names(registry), ['alice']);
  await registry.addUser({ name: 'eve', admin: false });
  assert.equal(names(registry), ['alice', 'eve']);
  await registry.close();
  assert.equal(names(await closed(world)), ['alice', 'eve']);
});

fileTest('changes made at once share writes', async (world) => {
  const breaks = breakable();
  const registry = await world.open({ disk: breaks.disk });
  breaks.failAfter(Number.POSITIVE_INFINITY);
  await Promise.all(Array.from({ length: 50 }, (_, at) => registry.addUser({ name: `user${at}`, admin: false })));
  assert.ok(breaks.mend() <= 15, 'at most three writes of five steps');
  await registry.close();
  assert.is((await closed(world)).users.length, 50);
});

fileTest('a damaged file is refused: where, and the way back; and it is left as it is', async (world) => {
  await world.change(async (registry) => {
    await registry.addUser({ name: 'alice', admin: true, password: 'x' });
    await registry.addAccount('alice', { jid: work, password: 'x' });
    await registry.addUser({ name: 'bob', admin: false });
  });
  const good = await readFile(world.file, 'utf8');
  const line = (text: string) => good.slice(0, good.indexOf(text)).split('\n').length;
  const edit = (run: (data: { version: number; users: Record<string, never>[] }) => void): string => {
    const data = JSON.parse(good) as { version: number; users: Record<string, never>[] };
    run(data);
    return JSON.stringify(data);
  };
  const set = (value: object, field: string, to: unknown) => Object.assign(value, { [field]: to });
  const account = (data: { users: Record<string, never>[] }) =>
    (data.users[0] as { accounts: Record<string, object>[] } | undefined)!.accounts[0]!;
  const cases: [text: string, words: RegExp][] = [
    ['', /line 1, column 1: not JSON/],
    [good.slice(0, -10), /line \d+, column \d+: not JSON/],
    [good.replace('"admin": true', '"admin": yes'), new RegExp(`line ${line('"admin"')}, column 16: not JSON`)],
    [good.replace('"bob"', '\0\0\0\0\0'), new RegExp(`line ${line('"bob"')}, column 15: not JSON`)],
    ['[]', /the file is not a record/],
    [edit((data) => set(data, 'version', 0)), /version is not 1/],
    [edit((data) => set(data.users[1]!, 'admin', 'no')), /users\[1 "bob"\]\.admin is not true or false/],
    [edit((data) => set(data.users[1]!, 'colour', 'red')), /users\[1 "bob"\]\.colour is not a field we know/],
    [edit((data) => Reflect.deleteProperty(data.users[0]!, 'mirror')), /users\[0 "alice"\]\.mirror is missing/],
    [edit((data) => set(data.users[1]!, 'name', 'alice')), /users\[1 "alice"\]\.name: There is already a user alice/],
    [edit((data) => set(data.users[1]!, 'name', 'root')), /reserved/],
    [edit((data) => set(data.users[1]!, 'name', 'Bob')), /users\[1 "Bob"\]\.name is not written as it is compared/],
    [edit((data) => set(account(data), 'jid', 'nobody')), /accounts\[0 "nobody"\]\.jid is not an account address/],
    [edit((data) => set(account(data), 'jid', 'a@proxy.example')), /own domain/],
    [edit((data) => set(account(data), 'pin', 'XY')), /\.pin is not a SHA-256/],
    [edit((data) => set(account(data).verifiers!, 'SCRAM-SHA-1', {})), /verifiers\.SCRAM-SHA-1\.salt is missing/],
    [
      edit((data) => set(data.users[1]!, 'accounts', [account(data)])),
      /accounts\[0 "alice@work\.example"\]\.jid: .*another/,
    ],
  ];
  for (const [text, words] of cases) {
    await writeFile(world.file, text);
    const said = await refusal(world.open());
    assert.match(said, words);
    assert.ok(said.startsWith(`${world.file} is damaged: `), said);
    assert.ok(said.endsWith(`\n  cp '${world.file}.last' '${world.file}'`), said);
    assert.is(await readFile(world.file, 'utf8'), text);
  }
  await writeFile(world.file, await readFile(`${world.file}.last`));
  assert.equal(names(await closed(world)), ['alice']);
});

fileTest('without a good copy it says so; a file that is gone is not begun anew in silence', async (world) => {
  await writeFile(world.file, '{');
  assert.match(await refusal(world.open()), /no copy beside it: restore it from a backup/);
  await rm(world.file);
  await world.change((registry) => registry.addUser({ name: 'alice', admin: true }));
  await writeFile(world.file, '{');
  await writeFile(`${world.file}.last`, '{');
  assert.match(await refusal(world.open()), /of no use either/);
  await rm(world.file);
  assert.match(await refusal(world.open()), /registry\.json is gone\..*\nTo begin anew, move .*\.last away/);
  await rm(`${world.file}.last`);
  assert.equal((await closed(world)).users, []);
});

fileTest('a file of a later version is refused and left as it is', async (world) => {
  await world.change((registry) => registry.addUser({ name: 'alice', admin: true }));
  const later = (await readFile(world.file, 'utf8')).replace('"version": 1', '"version": 2');
  await writeFile(world.file, later);
  assert.match(await refusal(world.open()), /was written by a newer xmpproxy \(format 2; this one reads 1\)\. Update/);
  assert.is(await readFile(world.file, 'utf8'), later);
});

fileTest('a folder or file that cannot be used is told in words', async (world) => {
  await writeFile(join(world.folder, 'plain'), '');
  const file = join(world.folder, 'plain', 'registry.json');
  assert.match(await refusal(openRegistry({ file, key: undefined, domain })), /Cannot use the folder/);
  const breaks = breakable();
  breaks.failAfter(0, true);
  assert.match(await refusal(world.open({ disk: breaks.disk })), /disk is full/);
  breaks.mend();
  assert.equal((await closed(world)).users, []);
});

fileTest('the file may be reached by a link, which stays one', async (world) => {
  await world.change((registry) => registry.addUser({ name: 'alice', admin: true }));
  const link = join(world.folder, 'link.json');
  await symlink(world.file, link);
  const registry = await openRegistry({ file: link, key: undefined, domain });
  assert.match(await refusal(world.open()), /Another xmpproxy/);
  await registry.addUser({ name: 'bob', admin: false });
  await registry.close();
  assert.equal(names(await closed(world)), ['alice', 'bob']);
});

test.run();
