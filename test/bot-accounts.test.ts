/** Accounts by chat: shown, changed, switched, trusted, removed. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { FailureKind } from '../src/wire/failure.ts';
import { parseBare } from '../src/wire/jid.ts';
import { account, user } from './lib/registry.ts';
import { codeIn, fingerprint, speaker, stage, state } from './lib/root.ts';

const people = () => [
  user('alice', { admin: true, accounts: [account('alice@work.example', 'work', { pin: fingerprint('dd') })] }),
  user('bob', {
    accounts: [account('bob@home.example', 'home'), account('bob@club.example', 'club', { enabled: false })],
  }),
];
const jid = parseBare('bob@new.example');
const shown = fingerprint('ab12cd34ef56ab78');
test('account list and show', async () => {
  const on = stage(people());
  const bob = speaker('bob');
  on.states.push(state('bob@home.example', 'online'));
  assert.is(
    await on.tell(bob, 'account list'),
    '● 1 home: online, 2 apps\nbob@home.example\n○ 2 club: off\nbob@club.example',
  );
  assert.is(
    await on.tell(bob, 'account show 1'),
    `home (account 1)
bob@home.example
online since 2023-11-14 22:13 UTC
server: found by its name
certificate: as CAs vouch
no message kept yet
41 contacts, 2 apps
To add it again:
account add bob@home.example label=home`,
  );
  assert.match(await on.tell(bob, 'account show club'), 'club (account 2)\nbob@club.example\noff\n');
  on.states[0] = state('bob@home.example', 'stopped', { kind: 'refused', text: '' });
  assert.match(await on.tell(bob, 'account show 1'), 'Give me the right password: `account set home password`');
  const teaching = await stage([user('eve')]).tell(speaker('eve'), 'account list');
  assert.is(teaching, 'No account yet. Add one: `account add alice@example.org`');
});

test('many accounts come in pages, numbered throughout', async () => {
  const many = Array.from({ length: 12 }, (_, index) => account(`a${index}@many.example`, `many${index}`));
  const on = stage([user('eve', { accounts: many })]);
  const first = (await on.tell(speaker('eve'), 'account list')).split('\n');
  assert.equal([first.length, first[20]], [21, '…and 2 more: `account list 2`']);
  const second = await on.tell(speaker('eve'), 'account list 2');
  assert.is(second, '◐ 11 many10: connecting\na10@many.example\n◐ 12 many11: connecting\na11@many.example');
});

test('account show prints the pin, and a command that brings it back', async () => {
  const on = stage(people());
  const text = await on.tell(speaker('alice'), 'account show');
  assert.match(text, /certificate: trusted is only\nDD:00/);
  assert.is(text.split('\n').at(-1), `account add alice@work.example label=work trust=${fingerprint('dd')}`);
});

test('numbers stay with their accounts when one is removed', async () => {
  const on = stage(people());
  const bob = speaker('bob');
  await on.tell(bob, 'account list');
  const text = await on.tell(bob, 'account del 1');
  await on.tell(bob, `yes ${codeIn(text)}`);
  assert.is(await on.tell(bob, 'account list'), '○ 2 club: off\nbob@club.example');
  await on.tell(bob, `account add ${jid} hunter2`);
  assert.match(await on.tell(bob, 'account list'), '◐ 3 new: connecting\nbob@new.example');
});

test('account off, on, and on again for what has stopped', async () => {
  const on = stage(people());
  const bob = speaker('bob');
  const enabled = () => on.registry.user('bob')!.accounts.map((one) => one.enabled);
  assert.match(await on.tell(bob, 'account off home'), 'home is off.');
  assert.equal([enabled(), on.pooled], [[false, false], ['refresh bob']]);
  assert.match(await on.tell(bob, 'account off home'), 'off already');
  assert.match(await on.tell(bob, 'account on home'), 'home connects.');
  assert.equal([enabled(), on.pooled.length], [[true, false], 2]);
  on.states.push(state('bob@home.example', 'stopped', { kind: 'conflict', text: '' }));
  await on.tell(bob, 'account on home');
  assert.equal([enabled(), on.pooled.length], [[true, false], 4]);
  on.states[0] = state('bob@home.example', 'online');
  assert.match(await on.tell(bob, 'account on home'), 'online already');
  assert.is(on.pooled.length, 4);
});

test('account set: a new password is tried first', async () => {
  const on = stage(people());
  const bob = speaker('bob');
  on.passwords.set('bob@home.example', 'old');
  on.outcomes.push({ failure: { kind: 'refused', text: '' } });
  const refused = await on.tell(bob, 'account set home password=wrong');
  assert.match(refused, 'Nothing was changed. Check it, then: `account set home password`');
  assert.equal([on.passwords.get('bob@home.example'), on.pooled, on.ended], ['old', [], []]);
  assert.match(
    await on.tell(bob, 'account set home password=newer'),
    'The login works.\nPassword stored (5 characters).',
  );
  assert.equal([on.passwords.get('bob@home.example'), on.pooled], ['newer', ['refresh bob']]);
  assert.equal(on.ended, [
    { match: { account: 'bob@home.example', except: bob.sid }, reason: "The account's password was changed" },
  ]);
  assert.is(on.registry.ownerOf(parseBare('bob@home.example'))?.account.refused, false);
});

test('account set: every other failure of a change says what next, and changes nothing', async () => {
  const kinds: [FailureKind, RegExp][] = [
    ['refused', /Check it, then: `account set home password label=house`/],
    ['unreachable', /Try again later: `account set home password label=house`/],
    ['certificate', /server's own: `account set home password label=house pin=ab12cd34ef56ab78`/],
    ['private', /Ask who runs this proxy/],
  ];
  for (const [kind, next] of kinds) {
    const on = stage(people());
    on.outcomes.push({ failure: { kind, text: '', fingerprint: kind === 'certificate' ? shown : undefined } });
    assert.match(await on.tell(speaker('bob'), 'account set home password=newer label=house'), next);
    assert.equal([on.passwords.size, on.pooled], [0, []]);
  }
});

test('account set: label, pin and host', async () => {
  const on = stage(people());
  const alice = speaker('alice');
  const work = () => on.registry.user('alice')!.accounts[0]!;
  on.passwords.set('alice@work.example', 'stored');
  assert.match(
    await on.tell(alice, 'account set work label=office'),
    'Its short name is office.\nApps that log in by its short name do so now as\nalice+office@proxy.example',
  );
  assert.equal([on.tried, work().label], [[], 'office']);
  const reserved = await on.tell(alice, 'account set office label=root host=10.0.0.1');
  assert.is(reserved, 'root is reserved. Give another: `account set office label=… host=10.0.0.1`');
  assert.match(await on.tell(alice, 'account set office host=10.0.0.1:5222'), 'Its server is 10.0.0.1:5222.');
  assert.equal(
    [on.tried[0]!.route, on.tried[0]!.password, on.tried[0]!.pin],
    ['10.0.0.1:5222', 'stored', fingerprint('dd')],
  );
  assert.match(await on.tell(alice, 'account set office host=none pin=none'), 'as CAs vouch');
  assert.equal([on.tried[1]!.route, on.tried[1]!.pin, work().route, work().pin], [undefined, undefined, '', '']);
  on.outcomes.push({ failure: { kind: 'certificate', text: '', fingerprint: shown } });
  await on.tell(alice, 'account set office pin=ab12cd34ef56ab78');
  assert.is(work().pin, shown);
  assert.match(await on.tell(alice, 'account set office'), 'What shall I change?');
  assert.match(await on.tell(alice, 'account set office pin=xyz'), 'SHA-256');
});

test('account set: an account that is off is not tried', async () => {
  const on = stage(people());
  const bob = speaker('bob');
  assert.match(await on.tell(bob, 'account set club password=newer'), 'Password stored');
  assert.equal([on.tried, on.passwords.get('bob@club.example')], [[], 'newer']);
  assert.match(await on.tell(bob, 'account set club pin=ab12cd34ef56ab78'), 'all 64 digits');
  await on.tell(bob, `account set club pin=${shown}`);
  assert.is(on.registry.user('bob')!.accounts[1]!.pin, shown);
});

test('account set in the account’s own login: its password and nothing else', async () => {
  const on = stage(people());
  const home = speaker('bob', 'bob@home.example');
  assert.match(await on.tell(home, 'account set password=newer'), 'Password stored');
  assert.is(on.passwords.get('bob@home.example'), 'newer');
  for (const line of ['account set label=x', 'account set pin=none', 'account set host=x:1'])
    assert.match(await on.tell(home, line), 'not for this login', line);
});

test('account trust: old and new are shown, a code is asked for, the new one is pinned', async () => {
  const on = stage(people());
  const alice = speaker('alice');
  on.states.push(state('alice@work.example', 'stopped', { kind: 'pin', text: '', fingerprint: shown }));
  const text = await on.tell(alice, 'account trust work');
  assert.match(text, /Old:\nDD(:00){7}\n(00(:00){7}\n){3}New:\nAB:12:CD/);
  assert.is(on.registry.user('alice')!.accounts[0]!.pin, fingerprint('dd'));
  assert.match(await on.tell(alice, `yes ${codeIn(text)}`), 'Trusted. work connects');
  assert.equal([on.registry.user('alice')!.accounts[0]!.pin, on.pooled], [shown, ['refresh alice']]);
});

test('account trust: only what is shown, and only where it matters', async () => {
  const on = stage(people());
  const alice = speaker('alice');
  assert.match(await on.tell(alice, 'account trust work'), 'No certificate of work waits');
  on.states.push(state('alice@work.example', 'stopped', { kind: 'certificate', text: '', fingerprint: shown }));
  assert.match(
    await on.tell(alice, 'account trust work deadbeefdeadbeef'),
    /another one than you named:\nAB:12[^`]*Then: `account trust work`/,
  );
  assert.match(await on.tell(alice, 'account trust work AB:12:CD:34:EF:56:AB:78'), 'Reply `yes');
  on.states[0] = state('alice@work.example', 'online');
  assert.match(await on.tell(alice, 'account trust work'), 'No certificate of work waits');
});

test.run();
