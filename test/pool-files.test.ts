/** A user's files: damaged when the unit starts, exported, removed with the user. */
import { mkdtemp, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { EdgeLink, UnitSettings } from '../src/link/link.ts';
import { Pool } from '../src/pool/pool.ts';
import type { BareJid } from '../src/wire/jid.ts';
import { failure } from './lib/store-suite.ts';

const jid = 'alice@work.example' as BareJid;
const domain = 'proxy.example' as BareJid;
const quiet = { debug() {}, info() {}, warn() {}, error() {} };
/** To root, of an archive. */
type Tell = (user: string, reason: string | null) => void;
const edgeWith = (tell: Tell): EdgeLink => ({
  deliver() {},
  stored() {},
  facts() {},
  close() {},
  pause() {},
  resume() {},
  account() {},
  async ask(what, ask) {
    if (what !== 'archive') throw new Error('nobody answers here');
    const { user, reason } = ask as { user: string; reason: string | null };
    tell(user, reason);
    return null as never;
  },
});
const upstream = { routes: {}, ca: undefined, allowPrivate: false, allowPlaintext: false };

interface World {
  archive: string;
  pool: Pool;
  users: Set<string>;
  /** That is told, by the pool or by a unit: after what was heard last. */
  hear(reason: RegExp | null): Promise<void>;
}

const inWorld = (name: string, act: (world: World) => Promise<void>) =>
  test(name, async () => {
    const folder = await mkdtemp(join(tmpdir(), 'xmpproxy-files-'));
    const archive = join(folder, 'archive');
    const users = new Set(['alice']);
    const told: (string | null)[] = [];
    let wake = () => {};
    const tell: Tell = (_user, reason) => {
      told.push(reason);
      wake();
    };
    const settings = (user: string): UnitSettings => ({
      ...{
        user,
        domain,
        root: `root@${domain}` as BareJid,
        accounts: [],
        mirror: 'off',
        awayText: '',
        autoAway: false,
      },
      ...{ archiveDir: archive, upstream },
    });
    const pool = new Pool({
      ...{ workers: 0, upstream, version: '0', logLevel: 'error', log: quiet, switchedOff() {}, patience: 20 },
      edge: edgeWith(tell),
      settings: (user) => (users.has(user) ? settings(user) : undefined),
      archive: tell,
    });
    const hear = async (reason: RegExp | null): Promise<void> => {
      const isIt = (said: string | null) => (reason === null || said === null ? said === reason : reason.test(said));
      const saidAt = () => told.findIndex(isIt);
      while (saidAt() === -1)
        await new Promise<void>((resolve, reject) => {
          const late = setTimeout(() => reject(new Error('nothing is said')), 10_000);
          wake = () => {
            clearTimeout(late);
            resolve();
          };
        });
      told.splice(0, saidAt() + 1);
    };
    try {
      await act({ archive, pool, users, hear });
    } finally {
      await pool.stop(0);
      await rm(folder, { recursive: true });
    }
  });

inWorld('a unit whose archive is damaged says so and starts when there is a good one', async (world) => {
  const { archive, pool, hear } = world;
  await pool.unit('alice');
  await pool.drop('alice');
  const file = join(archive, 'alice.sqlite');
  await writeFile(file, 'not a database '.repeat(100));
  assert.match(await failure(pool.unit('alice')), /is damaged/);
  await hear(/alice\.sqlite is damaged/);
  await rm(file);
  await hear(null);
  assert.equal(await pool.status('alice'), []);
});

inWorld('root is told that an archive cannot be written, and when it can be again', async ({ archive, pool, hear }) => {
  await pool.unit('alice');
  await hear(null);
  await rename(archive, `${archive}.away`);
  const forgotten = pool.forget('alice', jid);
  await hear(/alice\.sqlite/);
  await rename(`${archive}.away`, archive);
  await hear(null);
  await forgotten;
});

inWorld('a user who is gone leaves no file', async ({ archive, pool, users }) => {
  const ask = { accounts: [jid], peer: null, format: 'json' } as const;
  for (let times = 0; times < 5; times++) await pool.exportHistory('alice', { ...ask, accounts: [jid] });
  const exports = join(archive, '..', 'exports');
  assert.is((await readdir(exports)).length, 3);
  await writeFile(join(exports, 'alice-notes.txt'), 'of somebody else');
  await pool.drop('alice');
  assert.ok((await readdir(archive)).includes('alice.sqlite'), 'merely stopped');
  await pool.unit('alice');
  users.delete('alice');
  await pool.drop('alice');
  assert.equal(await readdir(archive), []);
  assert.equal(await readdir(exports), ['alice-notes.txt']);
});

test.run();
