/** The program as a process: what a start that fails leaves behind, and how it ends. */
import { readFile } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Child, freePort, temporaryFolder, within } from './lib/process.ts';

const program = fileURLToPath(new URL('../src/index.js', import.meta.url));

const run = (folder: string, port: number, ...flags: string[]): Child =>
  new Child(process.execPath, [program, ...flags], {
    name: 'proxy',
    cwd: folder,
    env: { DATA_DIR: join(folder, 'data'), C2S_HOST: '127.0.0.1', C2S_PORT: String(port), C2S_TLS_PORT: '0' },
  });

/** Its exit code. */
const ended = (child: Child): Promise<number | null> =>
  within(10_000, () => `still running:\n${child.output}`, child.exited);

/** A port that another program has; it lets go of it when told to. */
async function takenPort(): Promise<{ port: number; free(): Promise<void> }> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  return { port, free: () => new Promise((resolve) => server.close(() => resolve())) };
}

test('a start that cannot listen makes no password that nobody is told', async () => {
  const folder = temporaryFolder('program');
  const { port, free } = await takenPort();
  const failed = run(folder, port);
  assert.is(await ended(failed), 1);
  assert.match(failed.output, /C2S_PORT=\d+: .*Another program has it/);
  assert.not.match(failed.output, /password/);
  await free();
  const first = run(folder, port);
  await first.prints(/^ready/m);
  assert.match(first.output, /^ {2}password {5}\S+$/m, 'the first start that succeeds tells it');
  await first.stop();

  const other = await takenPort();
  const file = join(folder, 'data', 'registry.json');
  const before = await readFile(file, 'utf8');
  assert.is(await ended(run(folder, other.port, '--new-admin')), 1);
  assert.is(await readFile(file, 'utf8'), before, 'the old password holds');
  await other.free();
});

test('a signal that comes twice, as from npm and the terminal, does not cut the goodbye short', async () => {
  const proxy = run(temporaryFolder('program'), await freePort());
  const [, port] = await proxy.prints(/^ready starttls=127\.0\.0\.1:(\d+)/m);
  // An app that does not end its side at once: for a moment the proxy waits for it.
  const app = connect({ port: Number(port), host: '127.0.0.1', allowHalfOpen: true });
  let heard = '';
  const hears = (text: string) =>
    within(
      10_000,
      () => `no ${text} in: ${heard}`,
      new Promise<void>((resolve) => {
        app.on('data', (bytes) => {
          heard += bytes;
          if (heard.includes(text)) resolve();
        });
      }),
    );
  const greeted = hears('</stream:features>');
  app.write(
    `<stream:stream xmlns="jabber:client" xmlns:stream="http://etherx.jabber.org/streams" version="1.0" to="localhost">`,
  );
  await greeted;
  const farewell = hears('<system-shutdown');
  const begin = Date.now();
  proxy.process.kill('SIGINT');
  await farewell;
  proxy.process.kill('SIGINT');
  proxy.process.kill('SIGTERM');
  assert.is(await ended(proxy), 0, proxy.output);
  assert.ok(Date.now() - begin < 2000);
  app.destroy();
});

test.run();
