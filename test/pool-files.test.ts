/** A user's files: damaged when the unit starts, exported, removed with the user. */
import { mkdtemp, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { EdgeLink, SessionFacts, UnitSettings } from '../src/link/link.ts';
import { Pool } from '../src/pool/pool.ts';
import type { BareJid } from '../src/wire/jid.ts';
import { parseElement } from '../src/wire/parser.ts';
import { Stanza } from '../src/wire/stanza.ts';
import { failure } from './lib/store-suite.ts';

const jid = 'alice@work.example' as BareJid;
const domain = 'proxy.example' as BareJid;
const quiet = { debug() {}, info() {}, warn() {}, error() {} };
/** To root, of an archive. */
type Tell = (user: string, reason: string | null) => void;
const edgeWith = (tell: Tell, { closed, answers }: Pick<World, 'closed' | 'answers'>): EdgeLink => ({
  deliver: (sids, stanza) => void answers.push(`${sids} ${stanza}`),
  stored: (sid, position) => void answers.push(`${sid} has ${position}`),
  facts() {},
  close: (sid, condition) => void closed.push(`${sid} ${condition}`),
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
  /** What sessions are told, and which are ended. */
  answers: string[];
  closed: string[];
  /** That is told, by the pool or by a unit: after what was heard last. */
  hear(reason: RegExp | null): Promise<void>;
}

const inWorld = (name: string, act: (world: World) => Promise<void>) =>
  test(name, async () => {
    const folder = await mkdtemp(join(tmpdir(), 'xmpproxy-files-'));
    const archive = join(folder, 'archive');
    const users = new Set(['alice']);
    const told: (string | null)[] = [];
    const heard = { answers: [] as string[], closed: [] as string[] };
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
      edge: edgeWith(tell, heard),
      settings: (user) => (users.has(user) ? settings(user) : undefined),
      unopened: tell,
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
      await act({ archive, pool, users, hear, ...heard });
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

inWorld(
  'till a unit starts something stands in for it: what is said comes back, sessions end when it has',
  async (world) => {
    const { archive, pool, hear, answers, closed } = world;
    await pool.unit('alice');
    await pool.drop('alice');
    const file = join(archive, 'alice.sqlite');
    await writeFile(file, 'not a database '.repeat(100));
    await pool.refresh('alice');
    const unit = await pool.serving('alice');
    const facts = { view: 'identity', bare: jid, address: `${jid}/x` } as SessionFacts;
    unit.attach(1, facts);
    unit.attach(2, facts);
    unit.detach(2, true);
    unit.stanza(1, Stanza.of(parseElement('<message to="bob@home.example" id="m"><body>hi</body></message>')), 1);
    assert.match(answers[0]!, /^1 <message .*type="error" id="m">.*<service-unavailable/);
    assert.equal(answers.slice(1), ['1 has 1']);
    assert.match(await failure(pool.search('alice', {} as never)), /alice cannot start:\n.* is damaged/);
    await hear(/is damaged/);
    assert.equal(closed, []);
    await rm(file);
    await hear(null);
    assert.is.not(await pool.serving('alice'), unit);
    assert.equal(closed, ['1 reset']);
    unit.attach(3, facts);
    assert.equal(closed, ['1 reset', '3 reset'], 'who comes late');
    assert.match(await failure(pool.serving('nobody')), /no unit/);
  },
);

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
