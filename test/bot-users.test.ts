/** People on the proxy, and the commands that tell how it is doing. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { alone, codeIn, locked, people, speaker, stage, state, user } from './lib/root.ts';

test('users: added, listed, shown, set, removed', async () => {
  const on = stage(people());
  const alice = speaker('alice');
  const added = await on.tell(alice, 'user add Dora hunter2');
  assert.match(added, 'dora is in. Password stored (7 characters).');
  assert.match(added, 'dora@proxy.example\n');
  assert.match(added, 'server host.example, port 5222');
  assert.is(
    await on.tell(alice, 'user list'),
    '● alice, admin, 2 accounts, 1 app\n● bob, 1 account, 1 app\n● dora, 0 accounts, 1 app',
  );
  assert.match(
    await on.tell(alice, 'user set bob mirror=log away="gone fishing" autoaway=off'),
    'Changed for bob.\nmirror: log',
  );
  assert.is(on.said.at(-2)!.to, 'bob@proxy.example');
  assert.match(on.said.at(-2)!.text, 'alice (admin) changed your settings: mirror, away, autoaway.');
  assert.match(
    await on.tell(alice, 'user show bob'),
    'user set bob mirror=log away="gone fishing" autoaway=off admin=no',
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

test('who has no proxy password is told of changes in the account’s own login', async () => {
  const on = stage(alone());
  await on.tell(speaker('alice'), 'user set carol mirror=off');
  assert.is(on.said[0]!.to, 'carol@work.example');
});

test('the command that user show prints sets the same again', async () => {
  const on = stage(people());
  const alice = speaker('alice');
  await on.tell(alice, 'user set bob mirror=log away="gone fishing" autoaway=off');
  const before = on.registry.user('bob');
  const line = (await on.tell(alice, 'user show bob')).split('\n').at(-1)!;
  await on.tell(alice, 'user set bob mirror=off away=none autoaway=on');
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

test('server status, certificate, whoami', async () => {
  const on = stage(people());
  on.states.push(state('alice@work.example', 'online'), state('bob@work.example', 'stopped'));
  const alice = speaker('alice');
  const text = await on.tell(alice, 'server status');
  for (const line of [
    'xmpproxy 1.2.3 on proxy.example',
    'up 1 h 0 min',
    '2 users',
    '3 accounts',
    '● 1 online',
    '◐ 0 waiting',
    '✖ 1 stopped',
    '2 apps connected',
  ])
    assert.ok(text.split('\n').includes(line), line);
  assert.match(text, /\d+ MiB of memory/);
  assert.match(await on.tell(alice, 'certificate'), 'proxy.example, SHA-256:\nAB:12:00:');
  assert.not.match(await on.tell(alice, 'certificate'), 'CD:34');
  assert.match(await on.tell(locked(), 'certificate'), 'work.example, SHA-256:\nCD:34:00:');
  assert.match(await on.tell(speaker('alice', 'alice@home.example'), 'certificate'), 'home.example: no certificate');
});

test.run();
