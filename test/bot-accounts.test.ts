/** Accounts by chat: tried before they are kept, and every failure with its why and the next command. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Failure, FailureKind } from '../src/wire/failure.ts';
import { parseBare } from '../src/wire/jid.ts';
import { account, codeIn, drained, fingerprint, speaker, stage, state, user } from './lib/root.ts';

const people = () => [
  user('alice', { admin: true, accounts: [account('alice@work.example', 'work', { pin: fingerprint('dd') })] }),
  user('bob', {
    accounts: [account('bob@home.example', 'home'), account('bob@club.example', 'club', { enabled: false })],
  }),
];
const jid = parseBare('bob@new.example');
const shown = fingerprint('ab12cd34ef56ab78');
const colons = /AB:12:CD:34:EF:56:AB:78(:00){24}/;

test('account add: tried, kept, started; then what to do next', async () => {
  const on = stage(people());
  const bob = speaker('bob');
  const text = await on.tell(bob, 'account add Bob@New.example hunter2 label=new');
  assert.is(
    text,
    `Connected: 41 contacts.
Password stored (7 characters).
It is account 3, new. Next: in your app, log in as
bob@new.example
with that account's own password, but set server host.example, port 5222.
Should the app ask about a certificate: \`certificate\` here, in this app, tells the right one.
Delete your message with the password in this app, which still has it.`,
  );
  const [{ resource, ...tried }] = on.tried as [(typeof on.tried)[number]];
  assert.equal(tried, { jid, label: '', password: 'hunter2', enabled: true, route: undefined, pin: undefined });
  assert.match(resource, /^xmpproxy-try-[0-9a-f]{12}$/);
  assert.equal(on.pooled, ['refresh bob']);
  assert.is(on.registry.ownerOf(jid)?.account.label, 'new');
  assert.is(on.passwords.get(jid), 'hunter2');
});

test('account add: nothing is kept before the login has worked', async () => {
  const on = stage(people());
  let finish = (_: { contacts: number }) => {};
  on.outcomes.push(new Promise((resolve) => (finish = resolve)));
  await on.tell(speaker('bob'), `account add ${jid} hunter2`);
  assert.equal([on.registry.ownerOf(jid), on.passwords.size], [undefined, 0]);
  finish({ contacts: 1 });
  await drained();
  assert.ok(on.registry.ownerOf(jid));
  assert.match(on.said[0]!.text, 'Connected: 1 contact.');
});

test('account add: taken while it was being tried', async () => {
  const on = stage(people());
  let finish = (_: { contacts: number }) => {};
  on.outcomes.push(new Promise((resolve) => (finish = resolve)));
  await on.tell(speaker('bob'), `account add ${jid} hunter2`);
  await on.registry.addAccount('alice', { jid, password: 'other', label: 'mine' });
  finish({ contacts: 1 });
  await drained();
  assert.match(on.said[0]!.text, 'belongs to another user');
  assert.is(on.passwords.get(jid), 'other');
});

/** What failed and why; the next command for anybody; the same for an admin where it differs. */
const failures: Record<FailureKind, [RegExp, RegExp, RegExp?]> = {
  refused: [
    /server of new\.example refused the address or the password/,
    /Check both, then: `account add bob@new\.example`/,
  ],
  certificate: [
    /certificate of new\.example cannot be trusted/,
    /`account add bob@new\.example trust=ab12cd34ef56ab78`/,
  ],
  pin: [/another certificate than the one trusted/, /`account add bob@new\.example trust=ab12cd34ef56ab78`/],
  'no-tls': [/offers no encryption/, /switch TLS on\. Then: `account add bob@new\.example`/],
  mechanisms: [/SASL mechanism/, /SCRAM-SHA-256, SCRAM-SHA-1 or PLAIN\. Then: `account add bob@new\.example`/],
  name: [
    /does not resolve/,
    /Check the spelling, then: `account add bob@new\.example`/,
    /`account add bob@new\.example host=name:port`/,
  ],
  unreachable: [/cannot be reached/, /Try later: `account add bob@new\.example`/, /host=name:port`/],
  timeout: [/did not answer in time/, /Try later: `account add bob@new\.example`/, /host=name:port`/],
  private: [
    /private or loopback address/,
    /Ask who runs this proxy/,
    /`account add bob@new\.example host=address:port`\nor in the configuration one of\nUPSTREAM_ROUTES=new\.example=address:port\nUPSTREAM_PRIVATE=allow/,
  ],
  conflict: [/another took its place/, /Try again: `account add bob@new\.example`/],
  stream: [/ended the conversation/, /Try again: `account add bob@new\.example`/],
  lost: [/was cut/, /Try again: `account add bob@new\.example`/],
};
for (const [kind, [why, next, nextForAdmin]] of Object.entries(failures) as [FailureKind, [RegExp, RegExp, RegExp?]][])
  test(`account add: ${kind} keeps nothing and says why and what next`, async () => {
    const failure: Failure = {
      kind,
      text: 'said\nby the\u0007 peer',
      fingerprint: /^(certificate|pin)$/.test(kind) ? shown : undefined,
    };
    for (const name of ['bob', 'alice']) {
      const on = stage(people());
      on.outcomes.push({ failure });
      const text = await on.tell(speaker(name), `account add ${jid} hunter2`);
      assert.match(text, why);
      assert.match(text, '(said by the peer)');
      assert.match(text, 'Nothing was kept.');
      assert.match(text, name === 'alice' ? (nextForAdmin ?? next) : next);
      if (name === 'bob') assert.not.match(text, /host=|UPSTREAM/);
      if (failure.fingerprint !== undefined) assert.match(text, colons);
      assert.equal([on.registry.ownerOf(jid), on.passwords.size, on.pooled], [undefined, 0, []]);
    }
  });

test('account add: a certificate that no CA vouches for, accepted on purpose', async () => {
  const on = stage(people());
  const bob = speaker('bob');
  const failure: Failure = { kind: 'certificate', text: 'self-signed certificate', fingerprint: shown };
  on.outcomes.push({ failure });
  const refused = await on.tell(bob, `account add ${jid} hunter2`);
  const line = /`(account add [^`]*)`/.exec(refused)![1]!;
  on.outcomes.push({ failure });
  await on.tell(bob, line);
  assert.match(await on.tell(bob, 'hunter2'), 'Connected: 41 contacts.');
  assert.equal(
    on.tried.map(({ pin }) => pin),
    [undefined, undefined, shown],
  );
  assert.is(on.registry.ownerOf(jid)?.account.pin, shown);
});

test('account add: trust names another certificate than the one shown', async () => {
  const on = stage(people());
  on.outcomes.push({ failure: { kind: 'certificate', text: '', fingerprint: shown } });
  assert.match(await on.tell(speaker('bob'), `account add ${jid} hunter2 trust=deadbeef`), 'cannot be trusted');
  assert.equal([on.tried.length, on.registry.ownerOf(jid)], [1, undefined]);
});

test('account add: trust with a whole fingerprint is the pin at once; trust is not needed where a CA vouches', async () => {
  const on = stage(people());
  const bob = speaker('bob');
  await on.tell(bob, `account add ${jid} hunter2 trust=${shown} label=one`);
  assert.equal([on.tried[0]!.pin, on.registry.ownerOf(jid)?.account.pin], [shown, shown]);
  await on.tell(bob, 'account add b@other.example hunter2 trust=ab12cd34 label=two');
  assert.is(on.registry.ownerOf(parseBare('b@other.example'))?.account.pin, undefined);
});

test('account add: trust does not help a wrong password', async () => {
  const on = stage(people());
  on.outcomes.push(
    { failure: { kind: 'certificate', text: '', fingerprint: shown } },
    { failure: { kind: 'refused', text: '' } },
  );
  assert.match(
    await on.tell(speaker('bob'), `account add ${jid} hunter2 trust=ab12cd34`),
    'refused the address or the password',
  );
  assert.is(on.registry.ownerOf(jid), undefined);
});

test('account add: host is an admin’s to give', async () => {
  const on = stage(people());
  assert.match(await on.tell(speaker('bob'), `account add ${jid} hunter2 host=127.0.0.1:5299`), 'not for this login');
  assert.equal(on.tried, []);
  const alice = speaker('alice');
  await on.tell(alice, `account add ${jid} hunter2 host=LOCALHOST label=new`);
  assert.equal([on.tried[0]!.route, on.registry.ownerOf(jid)?.account.route], ['localhost:5222', 'localhost:5222']);
  await on.tell(alice, 'account add b@other.example hunter2 host=xmpps://[::1] label=other');
  assert.is(on.tried[1]!.route, 'xmpps://[::1]:5223');
  for (const host of ['a b', 'x:0', 'x:99999', 'http://x:1'])
    assert.match(await on.tell(alice, `account add c@other.example hunter2 host="${host}"`), '`host` is');
});

test('the peer’s words are kept short', async () => {
  const on = stage(people());
  on.outcomes.push({ failure: { kind: 'stream', text: 'x'.repeat(10_000) } });
  assert.ok((await on.tell(speaker('bob'), `account add ${jid} hunter2`)).length < 600);
});

test('account list and show', async () => {
  const on = stage(people());
  const bob = speaker('bob');
  on.states.push(state('bob@home.example', 'online'));
  assert.is(
    await on.tell(bob, 'account list'),
    '● 1 home bob@home.example online, 2 apps\n○ 2 club bob@club.example off',
  );
  assert.is(
    await on.tell(bob, 'account show 1'),
    `home (account 1)
bob@home.example
online since 2023-11-14 22:13 UTC
server: as home.example says
certificate: as CAs vouch
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
  assert.is(await on.tell(bob, 'account list'), '○ 2 club bob@club.example off');
  await on.tell(bob, `account add ${jid} hunter2`);
  assert.match(await on.tell(bob, 'account list'), '◐ 3 new bob@new.example');
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
    ['unreachable', /Try again later, or see `account show home`/],
    ['certificate', /say the same with `pin=ab12cd34ef56ab78`/],
    ['private', /Ask who runs this proxy/],
  ];
  for (const [kind, next] of kinds) {
    const on = stage(people());
    on.outcomes.push({ failure: { kind, text: '', fingerprint: kind === 'certificate' ? shown : undefined } });
    assert.match(await on.tell(speaker('bob'), 'account set home password=newer'), next);
    assert.equal([on.passwords.size, on.pooled], [0, []]);
  }
});

test('account set: label, pin and host', async () => {
  const on = stage(people());
  const alice = speaker('alice');
  const work = () => on.registry.user('alice')!.accounts[0]!;
  on.passwords.set('alice@work.example', 'stored');
  assert.match(await on.tell(alice, 'account set work label=office'), 'Its short name is office.');
  assert.equal([on.tried, work().label], [[], 'office']);
  assert.match(await on.tell(alice, 'account set office label=root'), 'reserved');
  assert.match(await on.tell(alice, 'account set office host=10.0.0.1:5222'), 'Its server is 10.0.0.1:5222.');
  assert.equal(
    [on.tried[0]!.route, on.tried[0]!.password, on.tried[0]!.pin],
    ['10.0.0.1:5222', 'stored', fingerprint('dd')],
  );
  assert.match(await on.tell(alice, 'account set office host=none pin=none'), 'as CAs vouch');
  assert.equal([on.tried[1]!.route, on.tried[1]!.pin, work().route, work().pin], [undefined, undefined, '', '']);
  on.outcomes.push({ failure: { kind: 'certificate', text: '', fingerprint: shown } });
  await on.tell(alice, 'account set office pin=ab12cd34');
  assert.is(work().pin, shown);
  assert.match(await on.tell(alice, 'account set office'), 'What shall I change?');
  assert.match(await on.tell(alice, 'account set office pin=xyz'), 'SHA-256');
});

test('account set: an account that is off is not tried', async () => {
  const on = stage(people());
  const bob = speaker('bob');
  assert.match(await on.tell(bob, 'account set club password=newer'), 'Password stored');
  assert.equal([on.tried, on.passwords.get('bob@club.example')], [[], 'newer']);
  assert.match(await on.tell(bob, 'account set club pin=ab12cd34'), 'all 64 digits');
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
  assert.match(text, /Old:\nDD(:00){31}\nNew:\nAB:12:CD/);
  assert.is(on.registry.user('alice')!.accounts[0]!.pin, fingerprint('dd'));
  assert.match(await on.tell(alice, `yes ${codeIn(text)}`), 'Trusted. work connects');
  assert.equal([on.registry.user('alice')!.accounts[0]!.pin, on.pooled], [shown, ['refresh alice']]);
});

test('account trust: only what is shown, and only where it matters', async () => {
  const on = stage(people());
  const alice = speaker('alice');
  assert.match(await on.tell(alice, 'account trust work'), 'No certificate of work waits');
  on.states.push(state('alice@work.example', 'stopped', { kind: 'certificate', text: '', fingerprint: shown }));
  assert.match(await on.tell(alice, 'account trust work deadbeef'), /another one than you named:\nAB:12/);
  assert.match(await on.tell(alice, 'account trust work AB:12:CD:34'), 'Reply `yes');
  on.states[0] = state('alice@work.example', 'online');
  assert.match(await on.tell(alice, 'account trust work'), 'No certificate of work waits');
});

test.run();
