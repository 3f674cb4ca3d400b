import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { openRegistry } from '../src/registry/registry.ts';
import { type Registry, RegistryError } from '../src/registry/types.ts';
import { checkPassword } from '../src/registry/verifiers.ts';
import { parseBare } from '../src/wire/jid.ts';

const domain = parseBare('proxy.example');
const work = parseBare('alice@work.example');
const home = parseBare('alice@example.org');

/** A registry in a folder of its own; `again` closes it and opens it as a restart would. */
function registryTest(
  name: string,
  run: (registry: Registry, world: { file: string; again: () => Promise<Registry> }) => Promise<void>,
): void {
  test(name, async () => {
    const folder = await mkdtemp(join(tmpdir(), 'xmpproxy-registry-'));
    const file = join(folder, 'data', 'registry.json');
    const open = () => openRegistry({ file, key: undefined, domain });
    let registry = await open();
    const again = async () => {
      await registry.close();
      registry = await open();
      return registry;
    };
    try {
      await run(registry, { file, again });
    } finally {
      await registry.close();
      await rm(folder, { recursive: true });
    }
  });
}
/** The refusal's words; everything we refuse is a RegistryError. */
const refusal = (change: Promise<unknown>): Promise<string> =>
  change.then(
    () => 'was not refused',
    (error: unknown) => (error instanceof RegistryError ? error.message : `not a RegistryError: ${error}`),
  );
const plain = (value: unknown) => JSON.parse(JSON.stringify(value)) as unknown;

registryTest('users and accounts survive a restart', async (registry, { again }) => {
  await registry.addUser({ name: 'Alice', admin: true, password: 'wonderland' });
  await registry.addUser({ name: 'romeo\\40home.example', admin: false });
  await registry.addAccount('alice', { jid: work, password: 'päss wörd', route: 'xmpps://127.0.0.1:5223' });
  await registry.setUser('alice', { mirror: 'log', awayText: 'gone', autoAway: false, expiry: 48 });
  const before = plain(registry.users);
  const later = await again();
  assert.equal(plain(later.users), before);
  const alice = later.user('alice')!;
  assert.is(alice.admin, true);
  assert.is(alice.mirror, 'log');
  assert.is(alice.expiry, 48);
  assert.is(alice.accounts[0]!.label, 'work');
  assert.match(alice.accounts[0]!.resource, /^xmpproxy-[a-z0-9]{10}$/);
  assert.is(later.secretOf(work), 'päss wörd');
  assert.is(later.ownerOf(work)!.user, alice);
  assert.is(later.ownerOf(home), undefined);
  assert.is(await checkPassword(alice.verifiers!, 'wonderland'), true);
  assert.is(await checkPassword(alice.accounts[0]!.verifiers, 'päss wörd'), true);
  assert.is(later.user('romeo\\40home.example')!.verifiers, undefined);
});

registryTest('changes an account; empty text takes route and pin away', async (registry, { again }) => {
  await registry.addUser({ name: 'alice', admin: false });
  const pin = 'ab'.repeat(32);
  const colons = pin.toUpperCase().match(/../g)!.join(':');
  await registry.addAccount('alice', { jid: work, password: 'old', pin: colons, route: 'host:5222' });
  assert.is(registry.ownerOf(work)!.account.pin, pin);
  await registry.setAccount(work, { refused: true, enabled: false, label: 'Büro' });
  assert.equal([registry.ownerOf(work)!.account.refused, registry.secretOf(work)], [true, 'old']);
  await registry.setAccount(work, { password: 'new', route: '', pin: '' });
  const { account } = (await again()).ownerOf(work)!;
  assert.equal(
    [account.refused, account.enabled, account.label, account.route, account.pin],
    [false, false, 'büro', undefined, undefined],
  );
  assert.is(await checkPassword(account.verifiers, 'new'), true);
});

registryTest('takes away what it is told to, and says what is not there', async (registry, { again }) => {
  await registry.addUser({ name: 'alice', admin: true });
  await registry.addAccount('alice', { jid: work, password: 'x' });
  await registry.removeAccount(work);
  assert.match(await refusal(registry.removeAccount(work)), /There is no account alice@work.example/);
  assert.throws(() => registry.secretOf(work), /There is no account/);
  await registry.addAccount('alice', { jid: work, password: 'x' });
  await registry.removeUser('alice');
  assert.is(registry.ownerOf(work), undefined);
  assert.match(await refusal(registry.removeUser('alice')), /There is no user alice/);
  assert.match(await refusal(registry.setUser('bob', { admin: true })), /There is no user bob/);
  assert.match(await refusal(registry.addAccount('bob', { jid: work, password: 'x' })), /There is no user bob/);
  assert.equal((await again()).users, []);
});

registryTest('one name space: what is taken, reserved or impossible is refused in words', async (registry) => {
  await registry.addUser({ name: 'alice', admin: true });
  await registry.addUser({ name: 'bob', admin: false });
  await registry.addAccount('alice', { jid: work, password: 'x' });
  const cases: [what: Parameters<Registry['taken']>[0], words: RegExp | undefined][] = [
    [{ user: 'carol' }, undefined],
    [{ user: 'ALICE' }, /already a user alice/],
    [{ user: 'root' }, /reserved/],
    [{ user: 'Log' }, /reserved/],
    [{ user: 'alice+work' }, /cannot contain "\+"/],
    [{ user: 'a b' }, /cannot be a user name/],
    [{ user: 'a@b' }, /cannot be a user name/],
    [{ user: 'a/b' }, /cannot be a user name/],
    [{ user: '' }, /cannot be a user name/],
    [{ user: 'a'.repeat(1024) }, /cannot be a user name/],
    [{ account: home, for: 'alice' }, undefined],
    [{ account: work, for: 'alice' }, /already there/],
    [{ account: work, for: 'bob' }, /belongs to another user/],
    [{ account: parseBare('carol@proxy.example'), for: 'bob' }, /own domain/],
    [{ account: parseBare('work.example'), for: 'bob' }, /not an account/],
    [{ label: 'home', for: 'alice' }, undefined],
    [{ label: 'work', for: 'bob' }, undefined],
    [{ label: 'Work', for: 'alice' }, /already an account work/],
    [{ label: 'a+b', for: 'alice' }, /cannot contain "\+"/],
    [{ label: 'root', for: 'alice' }, /reserved/],
    [{ label: 'x'.repeat(65), for: 'alice' }, /at most 64/],
  ];
  for (const [what, words] of cases) {
    const said = registry.taken(what);
    if (words === undefined) assert.is(said, undefined, JSON.stringify(what));
    else assert.match(said ?? 'free', words, JSON.stringify(what));
  }
});

registryTest('the same rules hold for the changes themselves, which then change nothing', async (registry) => {
  await registry.addUser({ name: 'alice', admin: true, password: 'x' });
  await registry.addUser({ name: 'bob', admin: false });
  await registry.addAccount('alice', { jid: work, password: 'x' });
  await registry.addAccount('alice', { jid: home, password: 'x' });
  const before = plain(registry.users);
  const changes: [change: () => Promise<unknown>, words: RegExp][] = [
    [() => registry.addUser({ name: 'alice', admin: false }), /already a user/],
    [() => registry.addUser({ name: 'carol', admin: false, password: '' }), /cannot be empty/],
    [() => registry.addUser({ name: 'carol', admin: false, password: 'a\nb' }), /control characters/],
    [() => registry.addAccount('bob', { jid: work, password: 'x' }), /another user/],
    [() => registry.addAccount('alice', { jid: parseBare('a@b.example'), password: 'x', label: 'work' }), /already an/],
    [() => registry.addAccount('bob', { jid: parseBare('b@b.example'), password: 'x', route: 'nohost' }), /host:port/],
    [() => registry.addAccount('bob', { jid: parseBare('b@b.example'), password: 'x', pin: '123' }), /64 hex/],
    [() => registry.setAccount(work, { label: 'example' }), /already an account example/],
    [() => registry.setAccount(work, { label: 'ok', route: 'x' }), /host:port/],
    [() => registry.setAccount(parseBare('no@where.example'), { enabled: false }), /no account/],
    [() => registry.setUser('alice', { admin: false, password: '\u00ad' }), /cannot be empty/],
  ];
  for (const [change, words] of changes) assert.match(await refusal(change()), words);
  assert.equal(plain(registry.users), before);
  await registry.setAccount(work, { label: 'WORK' });
});

registryTest('labels made of the domain are unique for the user', async (registry) => {
  await registry.addUser({ name: 'alice', admin: true });
  const jids = ['a@work.example', 'b@work.example', 'a@xmpp.example.org', 'a@im.org', 'a@127.0.0.1', 'a@root.example'];
  for (const jid of jids) await registry.addAccount('alice', { jid: parseBare(jid), password: 'x' });
  assert.equal(
    registry.user('alice')!.accounts.map(({ label }) => label),
    ['work', 'work2', 'example', 'im', 'account', 'root2'],
  );
});

registryTest('changes take their turns in the order they were asked for', async (registry, { again }) => {
  const asked = [
    registry.addUser({ name: 'alice', admin: true, password: 'first' }),
    registry.setUser('alice', { password: 'second' }),
    registry.addAccount('alice', { jid: work, password: 'third' }),
    registry.setAccount(work, { password: 'fourth' }),
    registry.setAccount(work, { password: 'fifth' }),
  ];
  await Promise.all(asked);
  const later = await again();
  assert.is(later.secretOf(work), 'fifth');
  assert.is(await checkPassword(later.user('alice')!.verifiers!, 'second'), true);
});

registryTest('what was read stays as it was read', async (registry) => {
  await registry.addUser({ name: 'alice', admin: true });
  const before = registry.users;
  const alice = registry.user('alice')!;
  await registry.setUser('alice', { admin: false });
  assert.is(before[0], alice);
  assert.is(alice.admin, true);
  assert.is(registry.user('alice')!.admin, false);
});

registryTest('no password is in clear in any file, and files are for the owner alone', async (registry, { file }) => {
  await registry.addUser({ name: 'alice', admin: true, password: 'proxysecret' });
  await registry.addAccount('alice', { jid: work, password: 'upstreamsecret' });
  await registry.setUser('alice', { admin: false });
  const folder = join(file, '..');
  for (const path of [file, `${file}.last`, join(folder, 'key')]) {
    assert.not.match(await readFile(path, 'utf8'), /proxysecret|upstreamsecret/);
    assert.is((await stat(path)).mode & 0o077, 0);
  }
  assert.is((await stat(folder)).mode & 0o077, 0);
});

registryTest('after close nothing can be changed', async (registry) => {
  const last = registry.addUser({ name: 'alice', admin: true });
  await registry.close();
  await last;
  assert.match(await refusal(registry.addUser({ name: 'bob', admin: false })), /closed/);
});

test.run();
