/** `account add`: tried before it is kept, and every failure with its why and the next command. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Failure, FailureKind } from '../src/wire/failure.ts';
import { parseBare } from '../src/wire/jid.ts';
import { account, user } from './lib/registry.ts';
import { drained, fingerprint, minute, speaker, stage } from './lib/root.ts';

const people = () => [
  user('alice', { admin: true, accounts: [account('alice@work.example', 'work', { pin: fingerprint('dd') })] }),
  user('bob', {
    accounts: [account('bob@home.example', 'home'), account('bob@club.example', 'club', { enabled: false })],
  }),
];
const jid = parseBare('bob@new.example');
const shown = fingerprint('ab12cd34ef56ab78');
const colons = /\nAB:12:CD:34:EF:56:AB:78\n(00(:00){7}\n?){3}/;
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

test('account add: taken while the proxy password was asked for: that one is not kept either', async () => {
  const { verifiers: _, ...carol } = user('carol', { accounts: [account('carol@work.example', 'work')] });
  const on = stage([...people(), carol]);
  const own = speaker('carol', 'carol@work.example');
  await on.tell(own, `account add ${jid} hunter2`);
  await on.registry.addAccount('alice', { jid, password: 'other', label: 'mine' });
  assert.match(await on.tell(own, 'proxy-pw'), 'belongs to another user. Ask who runs this proxy.');
  assert.equal([...on.passwords], [[jid, 'other']]);
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
  unopened: [/cannot start now/, /Try again: `account add bob@new\.example`/],
  crash: [/broke again and again/, /Try again: `account add bob@new\.example`/],
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

/** What root says to say next. */
const suggested = (text: string): string[] => [...text.matchAll(/`(account [^`]*)`/g)].map(([, line]) => line!);

test('account add: the next command has all that was given, but for the password', async () => {
  for (const kind of Object.keys(failures) as FailureKind[]) {
    const on = stage(people());
    on.outcomes.push({
      failure: { kind, text: '', fingerprint: /^(certificate|pin)$/.test(kind) ? shown : undefined },
    });
    const line = `account add host=127.0.0.1:5222 ${jid} hunter2 --label new trust="DE:AD BE:EF:de:ad:be:ef"`;
    const lines = suggested(await on.tell(speaker('alice'), line));
    assert.ok(lines.length > 0, kind);
    for (const next of lines) {
      assert.match(next, / label=new\b/, kind);
      assert.match(next, / host=(127\.0\.0\.1:5222|name:port|address:port)( |$)/, kind);
      assert.match(
        next,
        /^(certificate|pin)$/.test(kind) ? ' trust=ab12cd34ef56ab78' : ' trust=deadbeefdeadbeef',
        kind,
      );
      assert.not.match(next, 'hunter2');
    }
    assert.ok(kind === 'private' || lines.some((next) => next.includes('host=127.0.0.1:5222')), kind);
  }
});

test('account add: what is suggested is what was meant, and works', async () => {
  const on = stage(people());
  const alice = speaker('alice');
  on.outcomes.push({ failure: { kind: 'certificate', text: '', fingerprint: shown } });
  const [next] = suggested(await on.tell(alice, `account add ${jid} hunter2 host=[::1]:5299 label=club`));
  on.outcomes.push({ failure: { kind: 'certificate', text: '', fingerprint: shown } });
  assert.match(await on.tell(alice, next!), "Send the account's password");
  await on.tell(alice, 'hunter2');
  const { label, route, pin } = on.registry.ownerOf(jid)!.account;
  assert.equal({ label, route, pin }, { label: 'club', route: '[::1]:5299', pin: shown });
});

test('account add: a label that is taken: another one is to be given, the rest stays', async () => {
  const on = stage(people());
  const text = await on.tell(speaker('alice'), `account add ${jid} hunter2 label=work host=127.0.0.1:5299`);
  assert.is(
    text.split('\n')[0],
    `There is already an account work. Give another: \`account add ${jid} label=… host=127.0.0.1:5299\``,
  );
});

test('account add: who fails too often waits, whatever the session; what works does not count, nor what others do', async () => {
  const on = stage(people());
  const failing = () => on.outcomes.push({ failure: { kind: 'refused', text: '' } });
  for (let i = 0; i < 20; i++) {
    await on.tell(speaker('bob'), `account add b${i}@new.example hunter2`);
    failing();
    assert.match(await on.tell(speaker('bob'), `account add ${jid} guess${i}`), 'refused the address');
  }
  const tried = on.tried.length;
  assert.match(
    await on.tell(speaker('bob'), `account add ${jid} hunter2`),
    'Too many logins have failed. Try again in',
  );
  assert.match(await on.tell(speaker('bob'), 'account set home password hunter2'), 'Too many logins have failed.');
  assert.is(on.tried.length, tried);
  assert.match(await on.tell(speaker('alice'), 'account add alice@new.example hunter2'), 'Connected');
  await on.clock.pass(10 * minute);
  assert.match(await on.tell(speaker('bob'), `account add ${jid} hunter2`), 'Connected');
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
  assert.match(await on.tell(speaker('bob'), `account add ${jid} hunter2 trust=deadbeefdeadbeef`), 'cannot be trusted');
  assert.equal([on.tried.length, on.registry.ownerOf(jid)], [1, undefined]);
});

test('account add: trust with a whole fingerprint is the pin at once; trust is not needed where a CA vouches', async () => {
  const on = stage(people());
  const bob = speaker('bob');
  await on.tell(bob, `account add ${jid} hunter2 trust=${shown} label=one`);
  assert.equal([on.tried[0]!.pin, on.registry.ownerOf(jid)?.account.pin], [shown, shown]);
  await on.tell(bob, 'account add b@other.example hunter2 trust=ab12cd34ef56ab78 label=two');
  assert.is(on.registry.ownerOf(parseBare('b@other.example'))?.account.pin, undefined);
});

test('account add: trust does not help a wrong password', async () => {
  const on = stage(people());
  on.outcomes.push(
    { failure: { kind: 'certificate', text: '', fingerprint: shown } },
    { failure: { kind: 'refused', text: '' } },
  );
  assert.match(
    await on.tell(speaker('bob'), `account add ${jid} hunter2 trust=ab12cd34ef56ab78`),
    'refused the address or the password',
  );
  assert.is(on.registry.ownerOf(jid), undefined);
});

test('account add: host is an admin’s to give', async () => {
  const on = stage(people());
  const refused = await on.tell(speaker('bob'), `account add ${jid} hunter2 host=127.0.0.1:5299`);
  assert.match(refused, '`host` is not for this login to set. `help account add` tells how it is written.');
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

test.run();
