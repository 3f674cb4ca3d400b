/** Root speaks unasked: once per change that a person must act on, and when it is over. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Alerts } from '../src/bot/alerts.ts';
import type { AccountState } from '../src/link/link.ts';
import type { User } from '../src/registry/types.ts';
import type { Failure } from '../src/wire/failure.ts';
import { account, domain, fingerprint, HandClock, memoryRegistry, speaker, stage, state, user } from './lib/root.ts';

const minute = 60_000;
const jid = 'alice@work.example';
const people = () => [user('alice', { accounts: [account(jid, 'work'), account('alice@home.example', 'home')] })];

function watch(users: User[] = people()) {
  const clock = new HandClock();
  const registry = memoryRegistry(users, new Map());
  const said: [string, string][] = [];
  const alerts = new Alerts({ registry, clock, domain, say: (login, text) => void said.push([login, text]) });
  const see = (status: AccountState['status'], failure?: Failure) =>
    alerts.account('alice', state(jid, status, failure));
  return {
    clock,
    registry,
    said,
    alerts,
    see,
    merged: () => said.filter(([to]) => to === 'alice@proxy.example').map(([, text]) => text),
  };
}
const refused: Failure = { kind: 'refused', text: '' };
const away: Failure = { kind: 'unreachable', text: '' };

test('refused credentials are said at once, once, to both logins', () => {
  const { see, said } = watch();
  see('connecting');
  see('stopped', refused);
  see('stopped', refused);
  assert.equal(
    said.map(([to]) => to),
    ['alice@proxy.example', jid],
  );
  assert.match(said[0]![1], /^work is not online\.\nThe server of work\.example refused/);
  assert.match(said[0]![1], '`account set work password`');
  assert.not.match(said[1]![1], 'home');
});

test('another certificate: in the account’s own login unlock comes first', () => {
  const { see, said } = watch();
  see('stopped', { kind: 'pin', text: '', fingerprint: fingerprint('ab') });
  assert.match(said[0]![1], /If so: `account trust work`/);
  assert.match(said[1]![1], /If so: `unlock`, then `account trust work`/);
  see('stopped', { kind: 'pin', text: '', fingerprint: fingerprint('ab') });
  assert.is(said.length, 2);
  see('stopped', { kind: 'pin', text: '', fingerprint: fingerprint('cd') });
  assert.is(said.length, 4);
});

test('a user with one account and no proxy password is not sent to unlock', () => {
  const { verifiers: _, ...carol } = user('alice', { accounts: [account(jid, 'work')] });
  const { see, said } = watch([carol]);
  see('stopped', { kind: 'pin', text: '', fingerprint: fingerprint('ab') });
  assert.not.match(said[1]![1], 'unlock');
});

test('a conflict is said though we wait', () => {
  const { see, merged } = watch();
  see('waiting', { kind: 'conflict', text: '' });
  assert.match(merged()[0]!, 'another took its place');
});

test('an account that is down is said after ten minutes, not after each try', async () => {
  const { see, clock, merged } = watch();
  see('online');
  see('waiting', away);
  for (let i = 0; i < 9; i++) {
    await clock.pass(minute);
    see('connecting');
    see('waiting', away);
  }
  assert.equal(merged(), []);
  await clock.pass(minute);
  assert.is(merged().length, 1);
  assert.match(merged()[0]!, /^work has been offline for 10 min\.\nThe server of work\.example cannot be reached/);
  for (let i = 0; i < 30; i++) {
    await clock.pass(minute);
    see('waiting', away);
  }
  assert.is(merged().length, 1);
});

test('an account that comes back within ten minutes is not spoken of', async () => {
  const { see, clock, said } = watch();
  see('waiting', away);
  await clock.pass(9 * minute);
  see('online');
  await clock.pass(60 * minute);
  assert.equal([said, clock.waiting], [[], 0]);
});

test('back is said after an alert, once it has stayed for a minute', async () => {
  const { see, clock, merged } = watch();
  see('waiting', away);
  await clock.pass(10 * minute);
  see('online');
  await clock.pass(minute - 1);
  assert.is(merged().length, 1);
  await clock.pass(1);
  assert.is(merged()[1], 'work is online again.');
  see('stopped', refused);
  assert.is(merged().length, 3);
});

test('an account that comes and goes is one outage', async () => {
  const { see, clock, merged } = watch();
  for (let i = 0; i < 40; i++) {
    see('waiting', away);
    await clock.pass(minute / 2);
    see('online');
    await clock.pass(minute / 2);
  }
  assert.is(merged().length, 1);
  await clock.pass(minute);
  assert.equal(merged().slice(1), ['work is online again.']);
});

test('what changes from down to refused is said again', async () => {
  const { see, clock, merged } = watch();
  see('waiting', away);
  await clock.pass(10 * minute);
  see('stopped', refused);
  assert.is(merged().length, 2);
});

test('an account that was switched off or removed is not spoken of', async () => {
  const off = watch();
  off.see('waiting', away);
  off.see('off');
  await off.clock.pass(60 * minute);
  assert.equal([off.said, off.clock.waiting], [[], 0]);
  const disabled = watch();
  disabled.see('waiting', away);
  await disabled.registry.setAccount(jid as never, { enabled: false });
  await disabled.clock.pass(60 * minute);
  assert.equal(disabled.said, []);
  const removed = watch();
  removed.see('waiting', away);
  await removed.registry.removeAccount(jid as never);
  removed.see('waiting', away);
  assert.is(removed.clock.waiting, 0);
});

test('close forgets every timer', () => {
  const { see, alerts, clock } = watch();
  see('waiting', away);
  alerts.close();
  assert.is(clock.waiting, 0);
});

test('the bot passes states on, and its words reach the logins', () => {
  const on = stage(people());
  on.bot.account('alice', state(jid, 'stopped', refused));
  assert.equal(
    on.said.map(({ to, only }) => [to, only]),
    [
      [speaker('alice').bare, undefined],
      [jid, undefined],
    ],
  );
});

test.run();
