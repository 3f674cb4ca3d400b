/** The apps that are logged in: who sees which, and how one is logged out. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { client, codeIn, locked, minute, people, type Stage, speaker, stage } from './lib/root.ts';

/** Alice with three apps, of which one speaks; bob with one. */
function apps(): { on: Stage; alice: ReturnType<typeof speaker>; sids: number[] } {
  const on = stage(people());
  const [alice, tablet, work] = [speaker('alice'), speaker('alice'), locked()];
  on.clients.set('alice', [
    client(alice),
    client({ ...tablet, address: 'alice@proxy.example/Gajim.8XJ2' as never }, { connected: false, secure: false }),
    client({ ...work, address: 'alice@work.example/Conversations.x7Tq' as never }, { remote: '2001:db8::17' }),
  ]);
  return { on, alice, sids: [alice.sid, tablet.sid, work.sid] };
}

test('client list: one’s own apps, in short lines', async () => {
  const { on, alice } = apps();
  assert.is(
    await on.tell(alice, 'client list'),
    `● 1 phone (this app)
all accounts, for 1 h 0 min, TLS,
SCRAM-SHA-256,
from 192.0.2.7
◐ 2 Gajim.8XJ2
all accounts, for 1 h 0 min, no TLS,
SCRAM-SHA-256,
from 192.0.2.7
● 3 Conversations.x7Tq
work, for 1 h 0 min, TLS, SCRAM-SHA-256,
from 2001:db8::17`,
  );
});

test('client list: in an account’s own login that account’s apps alone, with numbers that tell of no others', async () => {
  const { on, sids } = apps();
  const own = { ...locked(), sid: sids[2]! };
  const text = await on.tell(own, 'client list');
  assert.equal(text.match(/^[●◐] .*/gm), ['● 1 Conversations.x7Tq (this app)']);
  assert.match(await on.tell(own, 'client kick 2'), 'No such app is logged in. `client list` shows all.');
  assert.match(await on.tell(own, 'client kick Gajim.8XJ2'), 'No such app');
  assert.match(await on.tell(own, 'client list bob'), 'one word too many');
  assert.match(await on.tell(own, 'client kick 1 user=bob'), 'not for this login');
  assert.equal(on.kicked, []);
});

test('client list: an admin sees others’, a user does not', async () => {
  const { on, alice } = apps();
  assert.match(await on.tell(alice, 'client list bob'), '● 1 phone\nall accounts');
  assert.match(await on.tell(speaker('bob'), 'client list user=alice'), 'not for this login');
  on.clients.set('bob', []);
  assert.is(await on.tell(alice, 'client list bob'), 'No app of bob is logged in.');
});

test('client list: many come in pages', async () => {
  const { on, alice } = apps();
  on.clients.set(
    'bob',
    Array.from({ length: 14 }, () => client(speaker('bob'))),
  );
  assert.match(await on.tell(alice, 'client list bob'), /…and 8 more: `client list bob page=2`$/);
  assert.equal((await on.tell(alice, 'client list bob page=3')).match(/^● \d+/gm), ['● 13', '● 14']);
});

test('client kick: by number, name, start of a name or full address; and what happens next', async () => {
  const { on, alice, sids } = apps();
  const [, tablet, work] = sids;
  for (const word of ['2', 'Gajim.8XJ2', 'gajim.8xj2', 'gaj', 'alice@proxy.example/Gajim.8XJ2'])
    assert.is(
      await on.tell(alice, `client kick ${word}`),
      'Gajim.8XJ2 is logged out. It may log in again by itself.\nTo keep it out, change the proxy password: `password`',
    );
  assert.match(
    await on.tell(alice, 'client kick conv'),
    'change the password of that account at its own server, then here: `account set work password`',
  );
  assert.equal(on.kicked, [...Array(5).fill(tablet), work]);
  assert.equal(on.logged.at(-1)!.fields, {
    actor: 'alice',
    login: 'alice@proxy.example',
    command: 'client kick',
    target: 'alice@work.example/Conversations.x7Tq',
  });
});

test('client kick: asks which, and says which fit', async () => {
  const { on, alice, sids } = apps();
  on.clients.get('alice')!.push(client(speaker('alice', 'alice@home.example')));
  assert.match(await on.tell(alice, 'client kick phone'), '2 apps fit: 1, 4. `client list` tells which is which.');
  assert.match(await on.tell(alice, 'client kick'), 'Which app (number or name in `client list`)?');
  assert.match(await on.tell(alice, 'client list'), /^● 1 phone.*Which app/s);
  assert.match(await on.tell(alice, '2'), 'Gajim.8XJ2 is logged out.');
  assert.equal(on.kicked, [sids[1]]);
});

test('client kick: an admin logs another’s app out, and that person is told', async () => {
  const { on, alice } = apps();
  const { sid } = on.clients.get('bob')![0]!;
  assert.match(await on.tell(alice, 'client kick 1 bob'), 'change the proxy password: `user set bob password`');
  assert.equal(on.kicked, [sid]);
  const told = on.said.filter(({ to }) => to === 'bob@proxy.example').map(({ text }) => text);
  assert.equal(told, ['alice (admin) logged your app phone out.']);
});

test('client kick: the app that asks hears the answer before its session ends', async () => {
  const { on, alice, sids } = apps();
  let saidBefore = 0;
  on.kicked.push = () => (saidBefore = on.said.length);
  await on.tell(alice, 'client kick 1');
  assert.is(saidBefore, 1);
  assert.is(sids[0], alice.sid);
});

test('numbers of apps are not given again', async () => {
  const { on, alice } = apps();
  await on.tell(alice, 'client list');
  const [own, , work] = on.clients.get('alice')!;
  on.clients.set('alice', [own!, work!, client(speaker('alice'))]);
  await on.clock.pass(minute);
  assert.equal((await on.tell(alice, 'client list')).match(/^● \d+/gm), ['● 1', '● 3', '● 4']);
});

test('what ends the session that asks is done after the answer: account del', async () => {
  const on = stage(people());
  const alice = speaker('alice', 'alice@work.example');
  on.passwords.set('alice', 'right');
  await on.tell(alice, 'unlock right');
  const code = codeIn(await on.tell(alice, 'account del work'));
  const before: string[] = [];
  on.pooled.push = (call) => before.push(`${call}: ${on.said.at(-1)!.text}`);
  on.ended.push = () => before.push(`end: ${on.said.at(-1)!.text}`);
  await on.tell(alice, `yes ${code}`);
  const last = 'work is removed. Take it out of your apps, or set their server back.';
  const calls = ['end', 'refresh alice', 'forget alice alice@work.example'];
  assert.equal(
    before,
    calls.map((call) => `${call}: ${last}`),
  );
});

test.run();
