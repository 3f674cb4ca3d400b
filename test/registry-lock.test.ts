import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { openRegistry } from '../src/registry/registry.ts';
import { parseBare } from '../src/wire/jid.ts';
import { Disk } from './lib/disk.ts';

const domain = parseBare('proxy.example');

const opening = (file: string) => {
  const open = () => openRegistry({ file, key: undefined, domain });
  const refused = () =>
    open().then(
      () => 'was not refused',
      (error: Error) => error.message,
    );
  return { open, refused };
};

/** Another process with the registry open; prints what became of it. */
async function opener(file: string): Promise<{ child: ChildProcess; said: string }> {
  const module = new URL('../src/registry/registry.js', import.meta.url);
  const code = `import { openRegistry } from ${JSON.stringify(module.href)};
    try {
      const registry = await openRegistry({ file: ${JSON.stringify(file)}, key: undefined, domain: 'proxy.example' });
      if (registry.user('alice') === undefined) await registry.addUser({ name: 'alice', admin: true });
      process.stdout.write('open');
      setInterval(() => {}, 1000);
    } catch (error) {
      process.stdout.write(error.message);
    }`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', code], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [said] = (await once(child.stdout!, 'data', { signal: AbortSignal.timeout(20_000) })) as [Buffer];
  return { child, said: String(said) };
}
async function kill({ child }: { child: ChildProcess }): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.kill('SIGKILL');
  await ended;
}

test('one process at a time; kill -9 leaves the lock free and the data whole', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'xmpproxy-lock-'));
  const file = join(folder, 'registry.json');
  const { open, refused } = opening(file);
  const first = await opener(file);
  try {
    assert.is(first.said, 'open');
    const second = await opener(file);
    await kill(second);
    const busy = `Another xmpproxy is running on this data folder (process ${first.child.pid}); ${file}.lock is locked.`;
    assert.is(second.said, busy);
    assert.is(await refused(), busy);
    await kill(first);
    const registry = await open();
    assert.is(registry.user('alice')?.admin, true);
    assert.match(await refused(), /Another xmpproxy is running/); // nor twice in one process
    const third = await opener(file);
    await kill(third);
    assert.match(third.said, new RegExp(`process ${process.pid}`));
    await registry.close();
    await (await open()).close();
  } finally {
    await kill(first);
    await rm(folder, { recursive: true });
  }
});

test('a start that fails gives the lock back', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'xmpproxy-lock-'));
  const file = join(folder, 'registry.json');
  const { open, refused } = opening(file);
  try {
    await writeFile(file, 'damaged');
    assert.match(await refused(), /is damaged/);
    await rm(file);
    await (await open()).close();
    await writeFile(`${file}.lock`, 'not what we made '.repeat(10));
    assert.match(await refused(), /lock is not what we made/);
  } finally {
    await rm(folder, { recursive: true });
  }
});

test('on a full disk an xmpproxy that was killed starts again, and is still the only one', async () => {
  const disk = await Disk.make(1);
  const file = join(disk.folder, 'registry.json');
  const { open, refused } = opening(file);
  const first = await opener(file);
  let second: Awaited<ReturnType<typeof opener>> | undefined;
  try {
    assert.is(first.said, 'open');
    disk.fill();
    await kill(first);
    second = await opener(file);
    assert.is(second.said, 'open');
    assert.match(await refused(), `Another xmpproxy is running on this data folder (process ${second.child.pid});`);
    await kill(second);
    await rm(`${file}.lock`); // nor does a lock that is new need room
    disk.fill();
    const registry = await open();
    assert.match(await refused(), 'Another xmpproxy is running on this data folder; ');
    const change = registry.addUser({ name: 'bob', admin: false }).catch((error: Error) => error.message);
    assert.is(await change, 'It could not be saved, nothing was changed: the disk is full.');
    disk.free();
    await registry.addUser({ name: 'bob', admin: false });
    await registry.close();
  } finally {
    await kill(first);
    if (second !== undefined) await kill(second);
    await disk.close();
  }
});

test('what keeps it from starting is named: a disk that is full at the first start, or read-only', async () => {
  const disk = await Disk.make(1);
  const file = join(disk.folder, 'registry.json');
  const { open, refused } = opening(file);
  try {
    disk.fill();
    assert.is(await refused(), `${file}: the disk is full.`);
    disk.free();
    await (await open()).close();
    await disk.lock();
    assert.is(await refused(), `Cannot lock ${file}.lock: the disk is read-only.`);
    await disk.unlock();
    await (await open()).close();
    await rm(`${file}.lock`);
    await disk.lock();
    assert.is(await refused(), `Cannot lock ${file}.lock: the disk is read-only.`);
    await disk.unlock();
  } finally {
    await disk.close();
  }
});

test.run();
