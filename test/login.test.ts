import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { AccountSettings, LoginTrial } from '../src/link/link.ts';
import { createAuthority } from '../src/login.ts';
import { openRegistry } from '../src/registry/registry.ts';
import type { Registry } from '../src/registry/types.ts';
import { createDecoys } from '../src/stream/decoys.ts';
import { type BareJid, parseJid } from '../src/wire/jid.ts';

const domain = parseJid('proxy.example') as BareJid;
const alice = parseJid('alice@work.example') as BareJid;
const carol = parseJid('carol@open.example') as BareJid;

interface World {
  registry: Registry;
  /** What the real servers hold for right. */
  passwords: Map<string, string>;
  trials: AccountSettings[];
  refreshed: string[];
  clock: { now: number };
  authority: ReturnType<typeof createAuthority>;
}

const inWorld = (enroll: 'closed' | 'open' | string[], run: (world: World) => Promise<void>) => async () => {
  const folder = await mkdtemp(join(tmpdir(), 'login-'));
  const registry = await openRegistry({ file: join(folder, 'registry.json'), key: undefined, domain });
  const passwords = new Map<string, string>();
  const trials: AccountSettings[] = [];
  const refreshed: string[] = [];
  const clock = { now: 0 };
  const authority = createAuthority({
    domain,
    enroll: enroll as 'closed' | 'open' | BareJid[],
    registry,
    pool: {
      async tryLogin(_user, account): Promise<LoginTrial> {
        trials.push(account);
        const right = passwords.get(account.jid);
        if (right === undefined) return { failure: { kind: 'unreachable', text: 'no route' } };
        return right === account.password ? { contacts: 1 } : { failure: { kind: 'refused', text: 'no' } };
      },
      refresh: async (user) => void refreshed.push(user),
    },
    log: { info() {} },
    now: () => clock.now,
  });
  try {
    await run({ registry, passwords, trials, refreshed, clock, authority });
  } finally {
    await registry.close();
    await rm(folder, { recursive: true });
  }
};

const withAlice = async ({ registry }: World) => {
  await registry.addUser({ name: 'al', admin: true, password: 'proxy word' });
  await registry.addAccount('al', { jid: alice, password: 'real word' });
};

test(
  'each domain offers what works there',
  inWorld(['open.example'], async (world) => {
    await withAlice(world);
    const { authority } = world;
    assert.equal(authority.mechanisms('proxy.example'), ['SCRAM-SHA-256', 'SCRAM-SHA-1', 'PLAIN']);
    assert.equal(authority.mechanisms('work.example'), ['SCRAM-SHA-256', 'SCRAM-SHA-1', 'PLAIN']);
    assert.equal(authority.mechanisms('open.example'), ['PLAIN']);
    assert.equal(['proxy.example', 'work.example', 'open.example', 'other.example'].map(authority.serves), [
      true,
      true,
      true,
      false,
    ]);
  }),
);

test(
  'user+label is one account by the proxy password; only who proves that learns which labels there are',
  inWorld('closed', async (world) => {
    await withAlice(world);
    const { authority, registry } = world;
    const login = (text: string) => parseJid(text) as BareJid;
    assert.equal(authority.user(login('al+work@proxy.example')), { user: 'al', view: 'single', account: alice });
    for (const unknown of ['al+home', 'al+', 'al+work+work', '+work', 'bob+work'])
      assert.is(authority.user(login(`${unknown}@proxy.example`)), undefined, unknown);
    for (const label of ['work', 'home']) {
      const name = login(`al+${label}@proxy.example`);
      assert.equal(await authority.plain(name, 'proxy word', '::1'), { ok: true });
      assert.is((await authority.plain(name, 'real word', '::1')).ok, false);
      for (const mechanism of ['SCRAM-SHA-1', 'SCRAM-SHA-256'] as const)
        assert.is(authority.verifier(name, mechanism), authority.verifier(login('al@proxy.example'), mechanism));
    }
    const decoys = createDecoys(Buffer.from('secret of this test'), 1000, domain);
    const saltOf = (name: string) => decoys(name, 'SCRAM-SHA-256').salt;
    assert.is(saltOf('bob+work@proxy.example'), saltOf('bob@proxy.example'), 'as those of a user who is there');
    assert.is.not(
      saltOf('bob+work@work.example'),
      saltOf('bob@work.example'),
      'a plus elsewhere is a part of the name',
    );
    await registry.setAccount(alice, { label: 'job' });
    assert.is(authority.user(login('al+work@proxy.example')), undefined);
    assert.is(authority.user(login('al+job@proxy.example'))?.account, alice);
  }),
);

test(
  'a login grants what it proves',
  inWorld('closed', async (world) => {
    await withAlice(world);
    const { authority } = world;
    const al = parseJid('al@proxy.example') as BareJid;
    assert.equal(await authority.plain(al, 'proxy word', '::1'), { ok: true });
    assert.is((await authority.plain(al, 'real word', '::1')).ok, false);
    assert.equal(await authority.plain(alice, 'real word', '::1'), { ok: true });
    assert.is((await authority.plain(alice, 'proxy word', '::1')).ok, false);
    assert.equal(await authority.plain(carol, 'x', '::1'), { ok: false, reason: 'not-authorized' });
    assert.equal(authority.user(al), { user: 'al', view: 'merged' });
    assert.equal(authority.user(alice), { user: 'al', view: 'identity' });
    assert.is(authority.user(carol), undefined);
    assert.is(authority.verifier(carol, 'SCRAM-SHA-256'), undefined);
    assert.is.not(authority.verifier(al, 'SCRAM-SHA-1')?.salt, authority.verifier(alice, 'SCRAM-SHA-1')?.salt);
    assert.equal(world.trials, []);
  }),
);

test(
  'who the real server takes is enrolled, and is known from then on',
  inWorld(['open.example'], async (world) => {
    const { authority, registry, passwords } = world;
    passwords.set(carol, 'pw');
    assert.equal(await authority.plain(carol, 'wrong', '::1'), { ok: false, reason: 'not-authorized' });
    assert.is(registry.users.length, 0);
    assert.equal(await authority.plain(carol, 'pw', '::1'), { ok: true });
    assert.equal(authority.user(carol), { user: 'carol\\40open.example', view: 'identity' });
    assert.is(registry.secretOf(carol), 'pw');
    assert.equal(world.refreshed, ['carol\\40open.example']);
    assert.equal(await authority.plain(carol, 'pw', '::1'), { ok: true });
    assert.is(world.trials.length, 2, 'known from then on');
    assert.is(
      authority.verifier(parseJid('carol\\40open.example@proxy.example') as BareJid, 'SCRAM-SHA-256'),
      undefined,
    );
  }),
);

test(
  'first logins at once make one user, and those of one place are one trial',
  inWorld('open', async ({ authority, registry, passwords, trials }) => {
    passwords.set(carol, 'pw');
    const verdicts = await Promise.all([
      authority.plain(carol, 'pw', '::1'),
      authority.plain(carol, 'pw', '::2'),
      ...Array.from({ length: 9 }, () => authority.plain(carol, 'pw', '::1')),
    ]);
    assert.ok(verdicts.every(({ ok }) => ok));
    assert.is(trials.length, 2);
    assert.is(registry.users.length, 1);
  }),
);

test(
  'trials are limited, and what could not be found out is no guess',
  inWorld('open', async ({ authority, trials, clock, passwords }) => {
    const away = await authority.plain(carol, 'x', '::1');
    const text = 'The server of open.example cannot be reached.';
    assert.equal(away, { ok: false, reason: 'temporary-auth-failure', text }, 'no addresses, whose they may be');
    passwords.set(carol, 'pw');
    for (let count = 0; count < 6; count++) await authority.plain(carol, `wrong ${count}`, '::1');
    assert.is(trials.length, 5);
    assert.is(((await authority.plain(carol, 'pw', '::1')) as { reason: string }).reason, 'temporary-auth-failure');
    clock.now += 3_600_000;
    assert.equal(await authority.plain(carol, 'pw', '::1'), { ok: true });
  }),
);

test(
  'one client has so many trials, whichever address of its network it takes; what is refused for that counts nowhere',
  inWorld('open', async ({ authority, trials, passwords }) => {
    passwords.set(carol, 'pw');
    const tryAs = (name: string, remote: string) =>
      authority.plain(parseJid(`${name}@open.example`) as BareJid, 'x', remote);
    for (let count = 0; count < 6; count++)
      await authority.plain(carol, `wrong ${count}`, `2001:db8::${count.toString(16)}`);
    assert.is(trials.length, 5, 'of one login: all of a /64 is one client');
    for (let count = 0; count < 40; count++) await tryAs(`user${count}`, '2001:db8::1');
    assert.is(trials.length, 30);
    for (let count = 0; count < 20; count++) await tryAs(`user${count}`, '192.0.2.1');
    assert.is(trials.length, 50, 'what the first was refused leaves room for others');
    for (let count = 0; count < 20; count++) await tryAs(`user${count}`, '192.0.2.2');
    assert.is(trials.length, 60, 'of a domain');
  }),
);

test(
  'whose address is another one has another name',
  inWorld('open', async ({ authority, passwords, registry }) => {
    const plus = parseJid('bob+x@open.example') as BareJid;
    const odd = parseJid('bob\\2bx@open.example') as BareJid;
    for (const jid of [plus, odd]) {
      passwords.set(jid, 'pw');
      assert.equal(await authority.plain(jid, 'pw', '::1'), { ok: true });
    }
    assert.equal(
      registry.users.map(({ name }) => name),
      ['bob\\2bx\\40open.example', 'bob\\5c2bx\\40open.example'],
    );
  }),
);

test(
  'a password that is changed while it is checked is the wrong one',
  inWorld('closed', async (world) => {
    await withAlice(world);
    const { authority, registry } = world;
    const al = parseJid('al@proxy.example') as BareJid;
    const changed = registry.setUser('al', { password: 'another word' });
    const verdicts = Array.from({ length: 20 }, () => authority.plain(al, 'proxy word', '::1')); // done in their turn
    assert.is((await verdicts.at(-1)!).ok, false);
    await changed;
  }),
);

test(
  'a password changed elsewhere is taken over once the server has refused the old one',
  inWorld('closed', async (world) => {
    await withAlice(world);
    const { authority, registry, passwords, clock } = world;
    passwords.set(alice, 'new word');
    assert.is((await authority.plain(alice, 'new word', '::1')).ok, false);
    assert.equal(world.trials, [], 'only after a refusal');
    await registry.setAccount(alice, { refused: true });
    assert.is((await authority.plain(alice, 'no word', '::1')).ok, false);
    assert.is(
      ((await authority.plain(alice, 'new word', '::1')) as { reason: string }).reason,
      'temporary-auth-failure',
    );
    assert.is(world.trials.length, 1, 'once a minute');
    clock.now += 60_000;
    assert.equal(await authority.plain(alice, 'new word', '::1'), { ok: true });
    assert.is(registry.secretOf(alice), 'new word');
    assert.not.ok(registry.ownerOf(alice)?.account.refused);
    assert.equal(world.refreshed, ['al']);
  }),
);

test.run();
