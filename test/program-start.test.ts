/** A start that fails leaves nothing behind. */
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { ConfigError, readConfig } from '../src/config.ts';
import { startProgram } from '../src/program.ts';

const quiet = { debug() {}, info() {}, warn() {}, error() {} };

for (const workers of ['0', '1'])
  test(`a port that cannot be had ends the start, and with it all that had begun (WORKERS=${workers})`, async () => {
    const folder = await mkdtemp(join(tmpdir(), 'program-'));
    const taken = createServer();
    await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve));
    const { port } = taken.address() as { port: number };
    const before = process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout').length;
    try {
      const env = {
        ...{ PROXY_DOMAIN: 'proxy.example', DATA_DIR: folder, C2S_HOST: '127.0.0.1', WORKERS: workers },
        ...{ C2S_PORT: String(port), C2S_TLS_PORT: '0' },
      };
      const start = await readConfig({ argv: [], env, folder, terminal: undefined });
      assert.is(start.kind, 'run');
      if (start.kind !== 'run') return;
      const failed = await startProgram(start.config, false, quiet as never).catch((error: unknown) => error);
      assert.instance(failed, ConfigError);
      const after = process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout').length;
      assert.is(after, before, 'timers left');
    } finally {
      taken.close();
      await rm(folder, { recursive: true });
    }
  });

test.run();
