import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { PlainVerdict } from '../src/stream/authority.ts';
import { Guesses } from '../src/stream/guesses.ts';
import { addressKey } from '../src/stream/remote.ts';
import type { StreamError } from '../src/wire/error.ts';
import { NS } from '../src/wire/ns.ts';
import { HandClock } from './lib/edge.ts';
import { begin, condition, content, window } from './lib/sasl.ts';
import { scram } from './lib/scram.ts';
import { base64 } from './lib/wire.ts';

test('PLAIN: localpart, whole address, authzid; capitals', async () => {
  for (const user of ['alice', 'ALICE', 'alice@proxy.example'])
    assert.is((await begin().plain(user, 'proxy secret')).login?.bare, 'alice@proxy.example');
  assert.ok((await begin().plain('alice', 'proxy secret', 'alice@proxy.example')).login);
  assert.is(condition(await begin().plain('alice', 'proxy secret', 'bob@proxy.example')), 'invalid-authzid');
  assert.is(condition(await begin().plain('alice', 'proxy secret', 'alice@proxy.example/desk')), 'invalid-authzid');
  assert.is(condition(await begin().plain('alice@work.example', 'work secret')), 'not-authorized');
});

const badPlain: [string, string, string][] = [
  ['two parts', base64('alice\0secret'), 'malformed-request'],
  ['four parts', base64('\0alice\0se\0cret'), 'malformed-request'],
  ['no password', base64('\0alice\0'), 'malformed-request'],
  ['no user', base64('\0\0secret'), 'malformed-request'],
  ['no bytes', '=', 'malformed-request'],
  ['not UTF-8', Buffer.from([0, 0x61, 0, 0xff]).toString('base64'), 'malformed-request'],
  ['white space in base64', `${base64('\0alice\0proxy secret')}\n`, 'incorrect-encoding'],
  ['no base64', 'ä', 'incorrect-encoding'],
  ['base64 without its padding', base64('\0alice\0secret').replace(/=+$/, ''), 'incorrect-encoding'],
];
for (const [what, content, expected] of badPlain)
  test(`PLAIN: ${what}`, async () => {
    assert.is(condition(await begin().auth('PLAIN', content)), expected);
  });

test('other refusals', async () => {
  assert.is(condition(await begin().auth('EXTERNAL', '=')), 'invalid-mechanism');
  assert.is(condition(await begin().auth('SCRAM-SHA-256-PLUS', '=')), 'invalid-mechanism');
  assert.is(condition(await begin({ confidential: false }).auth('SCRAM-SHA-1', '=')), 'encryption-required');
  const open = begin({ authority: { mechanisms: () => ['PLAIN'] } });
  assert.is(condition(await open.auth('SCRAM-SHA-1', '=')), 'invalid-mechanism');
  const { auth, take } = begin();
  await auth('SCRAM-SHA-1', base64('n,,n=alice,r=abc'));
  assert.is(condition(await take(`<abort xmlns="${NS.sasl}"/>`)), 'aborted');
  const broken = begin({ authority: { plain: () => Promise.reject(new Error('disk')) } });
  assert.is(condition(await broken.plain('alice', 'x')), 'temporary-auth-failure');
  const gone = begin({ authority: { user: () => undefined } });
  assert.is(condition(await gone.plain('alice', 'proxy secret')), 'not-authorized');
  const away = begin({
    authority: { plain: async () => ({ ok: false, reason: 'temporary-auth-failure', text: 'server away' }) },
  });
  const reply = await away.plain('alice', 'x');
  assert.is(condition(reply), 'temporary-auth-failure');
  assert.match(reply.text, '<text>server away</text>');
  await begin()
    .take(`<hello xmlns="${NS.sasl}"/>`)
    .then(
      () => assert.unreachable(),
      (error) => assert.is((error as StreamError).condition, 'unsupported-stanza-type'),
    );
});

test('a refused attempt leaves the way open to the next; the eighth ends the stream', async () => {
  const { auth, plain } = begin();
  for (let attempt = 1; attempt <= 7; attempt += 1) assert.is((await auth('EXTERNAL')).end, undefined);
  const { end, text } = await plain('alice', 'wrong');
  assert.is(condition({ text }), 'not-authorized');
  assert.is(end?.condition, 'policy-violation');
  const patient = begin();
  for (let attempt = 1; attempt <= 7; attempt += 1) await patient.auth('EXTERNAL');
  assert.ok((await patient.plain('alice', 'proxy secret')).login);
});

test('only wrong passwords are guesses; too many of them close the address for a while', async () => {
  const clock = new HandClock();
  const guesses = new Guesses(3, window, clock);
  const fresh = () => begin({ guesses });
  await fresh().auth('EXTERNAL');
  await fresh().auth('PLAIN', '=');
  await fresh().plain('alice', 'x', 'bob@proxy.example');
  await fresh().plain('alice', 'wrong');
  await fresh().plain('nobody', 'wrong');
  assert.not(guesses.exhausted('192.0.2.1'));
  const { auth, respond } = fresh();
  const client = scram('sha1', 'alice', 'wrong');
  const challenge = await auth('SCRAM-SHA-1', base64(client.first));
  const third = await respond(base64(client.final(content(challenge))));
  assert.is(condition(third), 'not-authorized');
  assert.is(third.end?.condition, 'policy-violation');
  const right = await fresh().plain('alice', 'proxy secret');
  assert.is(condition(right), 'temporary-auth-failure');
  assert.is(right.end?.condition, 'policy-violation');
  assert.ok((await begin({ guesses, remote: '192.0.2.2' }).plain('alice', 'proxy secret')).login);
  clock.move(window);
  assert.ok((await fresh().plain('alice', 'proxy secret')).login);
});

test('guesses that are under way at once are no more than those that follow one another', async () => {
  const guesses = new Guesses(2, window, new HandClock());
  const replies = ['wrong', 'wrong', 'proxy secret', 'wrong'].map(async (password) => {
    const { auth, respond } = begin({ guesses });
    const client = scram('sha256', 'alice', password);
    const challenge = await auth('SCRAM-SHA-256', base64(client.first));
    return () => respond(base64(client.final(content(challenge))));
  });
  const begun = await Promise.all(replies);
  const conditions: string[] = [];
  for (const respond of begun) conditions.push(condition(await respond()));
  assert.equal(conditions, ['not-authorized', 'not-authorized', 'temporary-auth-failure', 'temporary-auth-failure']);
  const slow = new Guesses(1, window, new HandClock());
  let check = (_: PlainVerdict) => {};
  const verdict = new Promise<PlainVerdict>((resolve) => {
    check = resolve;
  });
  const waiting = begin({ guesses: slow, authority: { plain: () => verdict } }).plain('alice', 'proxy secret');
  slow.wrong('192.0.2.1');
  check({ ok: true });
  assert.is(condition(await waiting), 'temporary-auth-failure');
});

test('a wrong password with one mechanism after the other is one guess, for each login', async () => {
  const data = Buffer.alloc(32);
  const rounds = async (logins: readonly string[], mechanisms: readonly string[]): Promise<number> => {
    const guesses = new Guesses(100, window, new HandClock());
    const counted: string[] = [];
    guesses.wrong = (remote) => counted.push(remote);
    const { auth, respond, plain } = begin({ guesses, bindings: [{ type: 'tls-exporter', data }] });
    for (const mechanism of mechanisms)
      for (const login of logins) {
        if (mechanism === 'PLAIN') await plain(login, 'wrong');
        else {
          const binding = mechanism.endsWith('-PLUS') ? { type: 'tls-exporter', data } : 'n';
          const client = scram(mechanism.startsWith('SCRAM-SHA-256') ? 'sha256' : 'sha1', login, 'wrong', binding);
          const challenge = await auth(mechanism, base64(client.first));
          assert.is(condition(await respond(base64(client.final(content(challenge))))), 'not-authorized');
        }
      }
    return counted.length;
  };
  const all = ['SCRAM-SHA-256-PLUS', 'SCRAM-SHA-1-PLUS', 'SCRAM-SHA-256', 'SCRAM-SHA-1', 'PLAIN'];
  assert.is(await rounds(['alice'], all), 1);
  assert.is(await rounds(['nobody'], all), 1);
  assert.is(await rounds(['alice', 'nobody'], ['SCRAM-SHA-1', 'PLAIN']), 2);
  assert.is(await rounds(['alice'], ['PLAIN', 'PLAIN', 'PLAIN']), 3);
  assert.is(await rounds(['alice'], [...all, 'SCRAM-SHA-1', 'PLAIN']), 2, 'a second round');
  assert.is(await rounds(['alice'], ['SCRAM-SHA-1', 'PLAIN', 'SCRAM-SHA-1', 'PLAIN', 'SCRAM-SHA-1']), 3);
  assert.is(await rounds(['Alice', 'alice@proxy.example'], ['SCRAM-SHA-1', 'PLAIN']), 2, 'one login by two names');
});

test('behind loopback many may stand', () => {
  const guesses = new Guesses(1, window, new HandClock());
  for (let guess = 1; guess <= 10; guess += 1) {
    assert.not(guesses.exhausted('127.0.0.1'));
    guesses.wrong('127.0.0.1');
  }
  assert.ok(guesses.exhausted('127.0.0.1'));
});

test('an IPv6 network is one address', () => {
  assert.is(addressKey('2001:db8::1'), addressKey('2001:0db8:0:0:ffff:1:2:3'));
  assert.is(addressKey('2001:db8:0:1::1'), addressKey('2001:db8:0:1:8::'));
  assert.is.not(addressKey('2001:db8:0:1::1'), addressKey('2001:db8:0:2::1'));
  assert.is(addressKey('::1'), '0:0:0:0::/64');
  assert.is(addressKey('192.0.2.7'), '192.0.2.7');
});

test.run();
