/** People on the proxy, and the commands that tell how it is doing. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { parseBare } from '../src/wire/jid.ts';
import { user } from './lib/registry.ts';
import { alone, codeIn, drained, locked, people, speaker, stage, state } from './lib/root.ts';

test('users: added, listed, shown, set, removed', async () => {
  const on = stage(people());
  const alice = speaker('alice');
  const added = await on.tell(alice, 'user add Dora hunter2');
  assert.match(added, 'dora is in. Password stored (7 characters).');
  assert.match(added, 'dora@proxy.example\n');
  assert.match(added, 'server host.example, port 5222');
  assert.is(
    await on.tell(alice, 'user list'),
    '● alice, admin, 2 accounts, 1 app\n● bob, 1 account, 1 app\n○ dora, 0 accounts',
  );
  assert.match(
    await on.tell(alice, 'user set bob mirror=log away="gone fishing" autoaway=off'),
    'Changed for bob.\nmirror: log',
  );
  const told = on.said.filter(({ text }) => text === 'alice (admin) changed your settings: mirror, away, autoaway.');
  assert.equal(
    told.map(({ to }) => to),
    ['bob@proxy.example', 'bob+work@proxy.example'],
  );
  assert.match(
    await on.tell(alice, 'user show bob'),
    'user set bob mirror=log away="gone fishing" autoaway=off expiry=24 admin=no',
  );
  assert.equal(on.pooled, ['refresh bob']);
  await on.tell(alice, 'user set bob password=hunter3');
  assert.equal(on.ended.at(-1)!.match, { user: 'bob', except: undefined });
  const text = await on.tell(alice, 'user del bob');
  assert.match(text, 'This removes bob and 1 account from this proxy:\nbob@work.example');
  on.pooled.length = 0;
  await on.tell(alice, `yes ${codeIn(text)}`);
  assert.equal(on.pooled, ['refresh bob', 'forget bob bob@work.example', 'drop bob']);
  assert.equal(
    on.ended.slice(-2).map(({ match }) => match),
    [{ account: 'bob@work.example' }, { user: 'bob' }],
  );
  assert.is(on.registry.user('bob'), undefined);
});

test('who was away when something was changed for him hears it on arrival, once', async () => {
  const on = stage(people());
  const [alice, bob] = [speaker('alice'), speaker('bob')];
  for (const login of ['bob@proxy.example', 'bob+work@proxy.example']) on.away.add(login);
  await on.tell(alice, 'user set bob password=hunter3');
  await on.tell(alice, 'user set bob mirror=off');
  on.said.length = 0;
  on.bot.arrived(speaker('alice'));
  on.bot.arrived(speaker('bob', 'bob@work.example'));
  assert.equal(on.said, []);
  on.away.clear();
  on.bot.arrived(bob);
  on.bot.arrived(bob);
  const text = 'alice (admin) changed your settings: password.\nalice (admin) changed your settings: mirror.';
  assert.equal(on.said, [{ to: bob.bare, text, only: undefined }]);
});

test('what waited for somebody is not for another person of that name', async () => {
  const on = stage(people());
  on.away.add('bob@proxy.example').add('bob+work@proxy.example');
  await on.tell(speaker('alice'), 'user set bob mirror=off');
  await on.registry.removeUser('bob');
  const { registry } = stage([user('bob', { created: 1 })]);
  on.registry.user = registry.user;
  on.said.length = 0;
  on.bot.arrived(speaker('bob'));
  assert.equal(on.said, []);
});

test('who has no proxy password is told of changes in the account’s own login', async () => {
  const on = stage(alone());
  await on.tell(speaker('alice'), 'user set carol mirror=off');
  assert.is(on.said[0]!.to, 'carol@work.example');
});

test('the command that user show prints sets the same again', async () => {
  const on = stage(people());
  const alice = speaker('alice');
  await on.tell(alice, 'user set bob mirror=log away="gone fishing" autoaway=off expiry=48');
  const before = on.registry.user('bob');
  const line = (await on.tell(alice, 'user show bob')).split('\n').at(-1)!;
  await on.tell(alice, 'user set bob mirror=off away=none autoaway=on expiry=2');
  assert.is(on.registry.user('bob')!.expiry, 2);
  assert.match(await on.tell(alice, 'user set bob expiry=0'), '1 to 720 hours');
  assert.is(on.registry.user('bob')!.awayText, '');
  await on.tell(alice, line);
  assert.equal(on.registry.user('bob'), before);
});

test('there is always an admin, and nobody removes himself', async () => {
  const on = stage(people());
  const alice = speaker('alice');
  assert.match(await on.tell(alice, 'user del alice'), 'cannot remove yourself');
  assert.match(await on.tell(alice, 'user set alice admin=no'), 'last admin');
  assert.match(await on.tell(alice, 'user set admin=no'), 'last admin');
  await on.tell(alice, 'user set bob admin=yes');
  assert.match(await on.tell(alice, 'user set admin=no'), 'admin: no');
  assert.equal(
    on.registry.users.map(({ admin }) => admin),
    [false, true],
  );
});

test('of two admins who take each other’s rights at once, one stays', async () => {
  const lines: [string, string, string][] = [
    ['user set bob admin=no', 'bob', 'user set alice admin=no'],
    ['user set admin=no', 'bob', 'user set admin=no'],
    ['user del bob', 'alice', 'user set admin=no'],
    ['user del bob', 'bob', 'user del alice'],
  ];
  for (const [first, name, second] of lines) {
    const on = stage(people());
    await on.registry.setUser('bob', { admin: true });
    const { setUser, removeUser } = on.registry;
    on.registry.setUser = (...words) => drained().then(() => setUser(...words)); // as a disk: not at once
    on.registry.removeUser = (...words) => drained().then(() => removeUser(...words));
    const [one, other] = [speaker('alice'), speaker(name)];
    const act = async (who: typeof one, line: string) =>
      line.includes(' del ') ? `yes ${codeIn(await on.tell(who, line))}` : line;
    const acts = [await act(one, first), await act(other, second)];
    await Promise.all([on.tell(one, acts[0]!), on.tell(other, acts[1]!)]);
    for (let i = 0; i < 20; i++) await drained();
    const what = `${first}, and ${name}: ${second}`;
    assert.is(on.registry.users.filter(({ admin }) => admin).length, 1, what);
    assert.match(
      JSON.stringify(on.said),
      /(alice|bob) is the last admin\. Make another one first: `user set <name>/,
      what,
    );
  }
});

test('a person’s own settings', async () => {
  const on = stage(people());
  const bob = speaker('bob');
  assert.match(await on.tell(bob, 'user set mirror=off'), 'Changed.\nmirror: off');
  assert.match(await on.tell(bob, 'user set'), 'What shall I change?');
  assert.match(await on.tell(bob, 'user set alice mirror=off'), 'No such user');
  assert.not.match(await on.tell(bob, 'user show'), 'admin=');
});

test('long lists come in pages', async () => {
  const many = Array.from({ length: 45 }, (_, index) => user(`user${String(index).padStart(2, '0')}`));
  const on = stage([...people(), ...many]);
  const alice = speaker('alice');
  const first = (await on.tell(alice, 'user list')).split('\n');
  assert.equal([first.length, first[20]], [21, '…and 27 more: `user list 2`']);
  assert.is((await on.tell(alice, 'user list 3')).split('\n').length, 7);
  assert.match(await on.tell(alice, 'user list 4'), 'There is no page 4');
});

test('what is listed and shown fits a phone, with addresses alone on a line', async () => {
  const long = 'a-long-name-for-an-account@a-long-name-for-a-server.example';
  const on = stage([...people(), user('zoe-with-a-name-that-is-not-that-short', { admin: true })]);
  await on.registry.addAccount('alice', { jid: parseBare(long), label: 'the-label-of-it', password: 'x' });
  await on.registry.setAccount(parseBare(long), { route: 'xmpps://a-long-name-for-a-server.example:5223' });
  on.states.push({ ...state(long, 'online'), contacts: 1234, clients: 12 });
  const alice = speaker('alice');
  for (const line of ['server status', 'account list', 'account show 3', 'user list', 'user show', 'client list']) {
    const lines = (await on.tell(alice, line)).split('\n');
    const again = lines.indexOf('To add it again:') + 1 || lines.indexOf('To set it again:') + 1;
    const shown = again === 0 ? lines : lines.slice(0, again);
    for (const text of shown) {
      assert.ok(text.length <= 40 || !text.includes(' '), `${line}: ${text}`);
      assert.ok(!text.includes('@') || !text.includes(' '), `${line}: ${text}`);
    }
  }
});

test('server status, certificate, whoami', async () => {
  const on = stage(people());
  on.states.push(state('alice@work.example', 'online'), state('bob@work.example', 'stopped'));
  const alice = speaker('alice');
  const text = await on.tell(alice, 'server status');
  for (const line of [
    'proxy.example',
    'xmpproxy 1.2.3, up 1 h 0 min',
    '2 users, 2 apps connected',
    '3 accounts:',
    '● 1 online',
    '◐ 0 waiting',
    '✖ 1 stopped',
    '○ 0 off',
  ])
    assert.ok(text.split('\n').includes(line), line);
  assert.match(text, /\nworkers: 2, restarts: 1\n\d+ MiB of memory/);
  assert.match(await on.tell(alice, 'certificate'), 'proxy.example, SHA-256:\nAB:12:00:');
  assert.not.match(await on.tell(alice, 'certificate'), 'CD:34');
  assert.match(await on.tell(locked(), 'certificate'), 'work.example, SHA-256:\nCD:34:00:');
  assert.match(await on.tell(speaker('alice', 'alice@home.example'), 'certificate'), 'home.example: no certificate');
});

test.run();
