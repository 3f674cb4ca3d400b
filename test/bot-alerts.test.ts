/** Root speaks unasked: once per change that a person must act on, and when it is over. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Alerts } from '../src/bot/alerts.ts';
import type { AccountState } from '../src/link/link.ts';
import type { User } from '../src/registry/types.ts';
import type { Failure } from '../src/wire/failure.ts';
import { account, domain, memoryRegistry, user } from './lib/registry.ts';
import { fingerprint, HandClock, speaker, stage, state } from './lib/root.ts';

const minute = 60_000;
const jid = 'alice@work.example';
const logins = ['alice@proxy.example', 'alice+work@proxy.example', jid];
const people = () => [user('alice', { accounts: [account(jid, 'work'), account('alice@home.example', 'home')] })];

function watch(users: User[] = people()) {
  const clock = new HandClock();
  const registry = memoryRegistry(users, new Map());
  const said: [string, string][] = [];
  /** Logins that have an app. */
  const present = new Set(logins);
  const say = (login: string, text: string) => present.has(login) && said.push([login, text]) > 0;
  const alerts = new Alerts({ registry, clock, domain, say });
  const see = (status: AccountState['status'], failure?: Failure) =>
    alerts.account('alice', state(jid, status, failure));
  return {
    clock,
    registry,
    said,
    present,
    alerts,
    see,
    merged: () => said.filter(([to]) => to === 'alice@proxy.example').map(([, text]) => text),
  };
}
const refused: Failure = { kind: 'refused', text: '' };
const away: Failure = { kind: 'unreachable', text: '' };

test('refused credentials are said at once, once, to all logins of the account', () => {
  const { see, said } = watch();
  see('connecting');
  see('stopped', refused);
  see('stopped', refused);
  assert.equal(
    said.map(([to]) => to),
    logins,
  );
  assert.match(said[0]![1], /^work is not online\.\nThe server of work\.example refused/);
  assert.match(said[0]![1], '`account set work password`');
  assert.not.match(said[2]![1], 'home');
});

test('what serves an account broke: its people are told, and the admins which user it is', async () => {
  const on = stage([...people(), user('root-user', { admin: true })]);
  on.bot.account('alice', state(jid, 'stopped', { kind: 'crash', text: '' }));
  assert.equal(
    on.said.map(({ to }) => to),
    logins,
  );
  assert.match(on.said[0]!.text, /^work is not online\.\nWhat serves alice@work\.example in this proxy broke/);
  assert.match(on.said[0]!.text, /Tell who runs this proxy\. To try again: `account on work`$/);
  on.said.length = 0;
  on.bot.switchedOff('alice', 'out of memory');
  assert.equal(
    on.said.map(({ to }) => to),
    ['root-user@proxy.example'],
  );
  assert.match(on.said[0]!.text, /^What serves alice broke .*\n\(out of memory\)\nThe log has more\./);
});

test('another certificate: in the account’s own login unlock comes first', () => {
  const { see, said } = watch();
  see('stopped', { kind: 'pin', text: '', fingerprint: fingerprint('ab') });
  assert.match(said[0]![1], /If so: `account trust work`/);
  assert.match(said[1]![1], /If so: `account trust work`/);
  assert.match(said[2]![1], /If so: `unlock`, then `account trust work`/);
  see('stopped', { kind: 'pin', text: '', fingerprint: fingerprint('ab') });
  assert.is(said.length, 3);
  see('stopped', { kind: 'pin', text: '', fingerprint: fingerprint('cd') });
  assert.is(said.length, 6);
});

test('a user with one account and no proxy password is not sent to unlock', () => {
  const { verifiers: _, ...carol } = user('alice', { accounts: [account(jid, 'work')] });
  const { see, said } = watch([carol]);
  see('stopped', { kind: 'pin', text: '', fingerprint: fingerprint('ab') });
  assert.not.match(said[2]![1], 'unlock');
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
    logins.map((login) => [login, undefined]),
  );
});

const merged = speaker('alice');
const identity = speaker('alice', jid);

test('who was away is told on arrival, once a login, for how long it has been', async () => {
  const { see, said, present, clock, alerts } = watch();
  present.clear();
  see('waiting', away);
  await clock.pass(10 * minute);
  assert.equal(said, []);
  await clock.pass(35 * minute);
  present.add(jid);
  alerts.arrived(identity);
  alerts.arrived(identity);
  assert.equal(said.length, 1);
  assert.match(said[0]![1], /^work has been offline for 45 min\./);
  present.add('alice@proxy.example');
  alerts.arrived(merged);
  alerts.arrived(speaker('alice'));
  assert.equal(
    said.map(([to]) => to),
    [jid, 'alice@proxy.example'],
  );
});

test('on arrival nobody hears of what is not theirs, of what is over, or of what may be over in a moment', async () => {
  const { see, said, present, clock, alerts } = watch();
  present.clear();
  see('stopped', refused);
  for (const login of [...logins, 'alice@home.example', 'bob@proxy.example']) present.add(login);
  alerts.arrived(speaker('bob'));
  alerts.arrived(speaker('alice', 'alice@home.example'));
  see('online');
  alerts.arrived(merged);
  await clock.pass(minute);
  alerts.arrived(merged);
  assert.equal(said, []);
});

test('who has heard of the outage and was away at its end hears of that on arrival', async () => {
  const { see, said, present, clock, alerts } = watch();
  present.delete(jid);
  see('stopped', refused);
  present.clear();
  see('online');
  await clock.pass(minute);
  said.length = 0;
  for (const login of logins) present.add(login);
  alerts.arrived(identity);
  alerts.arrived(merged);
  alerts.arrived(merged);
  assert.equal(said, [['alice@proxy.example', 'work is online again.']]);
});

test('what never reached the app is said again on arrival', () => {
  const { see, said, alerts } = watch();
  see('stopped', refused);
  const text = said[0]![1];
  said.length = 0;
  alerts.unheard(merged, ['something else']);
  alerts.arrived(merged);
  assert.equal(said, []);
  alerts.unheard(merged, ['something else', text]);
  alerts.arrived(merged);
  alerts.arrived(merged);
  assert.equal(said, [['alice@proxy.example', text]]);
});

test('after a restart it is said again', () => {
  for (let start = 0; start < 2; start++) {
    const { see, alerts, merged } = watch();
    see('stopped', refused);
    alerts.close();
    assert.is(merged().length, 1);
  }
});

test('a closed one says nothing and waits for nothing', async () => {
  const { see, alerts, clock, said } = watch();
  alerts.close();
  see('waiting', away);
  see('stopped', refused);
  alerts.arrived(merged);
  assert.equal([said, clock.waiting], [[], 0]);
});

test.run();
