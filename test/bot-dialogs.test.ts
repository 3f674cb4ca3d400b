/** Questions that wait for the next message, and codes that destructive commands wait for. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { user } from './lib/registry.ts';
import { codeIn, drained, minute, people, speaker, stage, state } from './lib/root.ts';

test('cancel ends a dialog, from any app of the login, and nothing is kept', async () => {
  const on = stage(people());
  const [phone, desk] = [speaker('alice'), speaker('alice')];
  await on.tell(phone, 'account add alice@new.example');
  assert.is(await on.tell(phone, ' Cancel '), 'Cancelled. Nothing was changed.');
  await on.tell(phone, 'account add alice@new.example');
  assert.match(await on.tell(desk, '/cancel'), 'Cancelled.');
  assert.equal([on.tried, on.pooled, on.passwords.size, on.clock.waiting], [[], [], 0, 0]);
  assert.is(await on.tell(phone, 'cancel'), 'Nothing to cancel.');
});

test('a dialog ends after ten minutes, says so, and keeps nothing', async () => {
  const on = stage(people());
  const alice = speaker('alice');
  await on.tell(alice, 'account add alice@new.example');
  await on.clock.pass(10 * minute - 1);
  assert.is(on.said.length, 1);
  await on.clock.pass(1);
  assert.equal(on.said[1], {
    to: alice.bare,
    text: 'No answer for 10 minutes, so I stopped asking. Nothing was changed.',
    only: alice.sid,
  });
  assert.is(await on.mirrored(alice, 'hunter2'), false);
  assert.equal([on.tried, on.passwords.size, on.clock.waiting], [[], 0, 0]);
});

test('a command in the middle of a dialog runs, and the question is asked again', async () => {
  const on = stage(people());
  const alice = speaker('alice');
  assert.match(await on.tell(alice, 'user add'), 'Which name?');
  const both = await on.tell(alice, 'Whoami');
  assert.match(both, /You are alice, an admin\..*---\nWhich name\?/s);
  assert.match(await on.tell(alice, 'dora'), 'Send the proxy password');
  await on.tell(alice, 'hunter2');
  assert.ok(on.registry.user('dora'));
  assert.is(on.passwords.get('dora'), 'hunter2');
});

test('an answer that is the start of a command is an answer', async () => {
  const on = stage(people());
  const alice = speaker('alice');
  await on.tell(alice, 'user add');
  assert.match(await on.tell(alice, 'wh'), 'Send the proxy password');
  await on.tell(alice, 'hunter2');
  assert.ok(on.registry.user('wh'));
});

test('a question that gets no usable answer is asked again; back returns to the one before', async () => {
  const on = stage(people());
  const alice = speaker('alice');
  assert.match(await on.tell(alice, 'account del'), 'Which account? 1 work, 2 home');
  assert.match(await on.tell(alice, 'shop'), /^No such account.*\nWhich account\?/s);
  assert.match(await on.tell(alice, 'back'), 'Which account?');
  assert.match(await on.tell(alice, '2'), 'This removes home');
});

test('where there is nothing to choose from nothing is asked', async () => {
  const on = stage([user('dora')]);
  for (const line of ['account show', 'account del', 'account set password', 'account trust'])
    assert.is(await on.tell(speaker('dora'), line), 'No account yet. Add one: `account add alice@example.org`');
  assert.is(on.clock.waiting, 0);
});

test('what is needed cannot be skipped', async () => {
  const on = stage(people());
  const alice = speaker('alice');
  await on.tell(alice, 'user add');
  assert.match(await on.tell(alice, 'Skip'), /^I cannot do it without that\.\nWhich name\?/);
  await on.tell(alice, 'dora');
  await on.tell(alice, 'skip'); // to a question for a secret anything is the answer
  assert.equal([on.passwords.get('dora'), on.registry.user('skip')], ['skip', undefined]);
});

test('a question is seen in all apps of the login, with its answer; a secret one, and what follows, in one', async () => {
  const on = stage(people());
  const [phone, desk] = [speaker('alice'), speaker('alice')];
  const only = () => on.said.map((one) => one.only);
  assert.equal([await on.mirrored(phone, 'account del'), only()], [true, [undefined]]);
  assert.equal([await on.mirrored(phone, 'hunter2'), only()], [false, [undefined, undefined]]); // no answer: a secret, maybe
  assert.equal([await on.mirrored(phone, 'home'), only().length, only().at(-1)], [true, 3, undefined]);
  on.said.length = 0;
  await on.tell(phone, 'user add');
  assert.is(await on.mirrored(desk, 'dora'), false);
  assert.equal(on.said[1], {
    to: desk.bare,
    text: 'That question waits for an answer from the app that asked. `cancel` ends it.',
    only: desk.sid,
  });
  assert.match(await on.tell(desk, 'acc li'), '1 work');
  on.said.length = 0;
  assert.is(await on.mirrored(phone, 'dora'), true);
  assert.is(await on.mirrored(phone, 'hunter2'), false);
  assert.equal(only(), [phone.sid, phone.sid]);
});

test('what cannot go well is refused before the secret is asked for', async () => {
  const on = stage(people());
  const alice = speaker('alice');
  assert.match(await on.tell(alice, 'account add alice@work.example'), 'is already there. See `account show work`');
  assert.match(await on.tell(alice, 'account add bob@work.example'), 'belongs to another user');
  assert.match(await on.tell(alice, 'account add x@proxy.example'), /own domain.*`account add alice@example\.org`/);
  assert.match(await on.tell(alice, 'account add a@b.example label=work'), 'already an account work');
  assert.match(await on.tell(alice, 'user add bob'), 'already a user bob. Choose another: `user add …`');
  assert.match(await on.tell(alice, 'user add root admin'), 'reserved. Choose another: `user add … admin=yes`');
});

test('one dialog for each login; others go on meanwhile', async () => {
  const on = stage(people());
  const [phone, desk, work] = [speaker('alice'), speaker('alice'), speaker('alice', 'alice@work.example')];
  await on.tell(phone, 'account add alice@new.example');
  assert.match(await on.tell(desk, 'password'), 'Another question of mine waits');
  assert.match(await on.tell(desk, 'whoami'), 'You are alice');
  assert.match(await on.tell(work, 'account set password'), "Send the account's password");
  assert.is(await on.mirrored(desk, 'hunter2'), false);
  assert.equal(on.tried, []);
});

test('a question within a question is refused, and the first stays', async () => {
  const on = stage(people());
  const alice = speaker('alice');
  await on.tell(alice, 'user add');
  assert.match(await on.tell(alice, 'password'), /Another question of mine waits.*---\nWhich name\?/s);
  assert.match(await on.tell(alice, 'dora'), 'Send the proxy password');
});

test('the dialog of a session that is gone ends without a word', async () => {
  const on = stage(people());
  const [phone, again] = [speaker('alice'), speaker('alice')];
  await on.tell(phone, 'account add alice@new.example');
  on.bot.gone(phone.sid);
  await drained();
  assert.equal([on.said.length, on.clock.waiting], [1, 0]);
  assert.match(await on.tell(again, 'password'), 'Send the new');
});

test('close leaves no timer and says nothing more', async () => {
  const on = stage(people());
  await on.tell(speaker('alice'), 'account add alice@new.example');
  on.bot.account('alice', state('alice@work.example', 'waiting'));
  on.bot.close();
  await drained();
  assert.equal([on.said.length, on.clock.waiting], [1, 0]);
});

test('a destructive command needs its code, once, within five minutes, from that session', async () => {
  const on = stage(people());
  const [phone, desk] = [speaker('alice'), speaker('alice')];
  assert.is(await on.tell(phone, 'yes 1234'), 'Nothing to confirm.');
  assert.is(await on.tell(phone, 'yes'), 'Nothing to confirm.');
  const text = await on.tell(phone, 'account del home');
  assert.match(text, 'This removes home\nalice@home.example');
  assert.match(text, '`account off home`');
  assert.match(text, /Reply `yes \d{4}` within 5 minutes\.$/);
  assert.is(await on.tell(desk, `yes ${codeIn(text)}`), 'Nothing to confirm.');
  assert.is((await on.tell(phone, `Yes ${codeIn(text)}.`)).split('.')[0], 'home is removed');
  assert.equal(on.pooled, ['refresh alice', 'forget alice alice@home.example']);
  assert.equal(on.ended, [
    { match: { account: 'alice@home.example' }, reason: 'The account was removed from this proxy' },
  ]);
  assert.is(await on.tell(phone, `yes ${codeIn(text)}`), 'Nothing to confirm.');
  const late = await on.tell(phone, 'account del work');
  await on.clock.pass(5 * minute);
  assert.is(await on.tell(phone, `yes ${codeIn(late)}`), 'Nothing to confirm.');
  assert.is(on.registry.user('alice')!.accounts.length, 1);
});

test('a code is for what was named, not for what somebody else has made of it', async () => {
  for (const line of ['account del work', 'account trust work']) {
    const on = stage(people());
    const alice = speaker('alice');
    const failure = { kind: 'pin', text: '', fingerprint: 'ab'.repeat(32) } as const;
    on.states.push(state('alice@work.example', 'stopped', failure));
    const code = codeIn(await on.tell(alice, line));
    await on.registry.removeAccount('alice@work.example' as never);
    await on.registry.addAccount('bob', { jid: 'alice@work.example' as never, label: 'his', password: 'x' });
    assert.match(await on.tell(alice, `yes ${code}`), 'not yours any more. Nothing was done.');
    const { account } = on.registry.ownerOf('alice@work.example' as never)!;
    assert.equal([account.label, account.pin, on.pooled], ['his', undefined, []]);
  }
});

test('what goes wrong after the answer is said too', async () => {
  const on = stage(people());
  const alice = speaker('alice');
  const code = codeIn(await on.tell(alice, 'account del home'));
  on.pooled.push = () => {
    throw new Error('the worker is gone');
  };
  const text = await on.tell(alice, `yes ${code}`);
  assert.match(text, /^home is removed\..*---\nSomething went wrong \(reference [0-9a-f]{6}\)\. Try again/s);
  assert.match(JSON.stringify(on.logged), 'the worker is gone');
});

test('a wrong code does nothing, and codes cannot be tried out', async () => {
  const on = stage(people());
  const alice = speaker('alice');
  const code = codeIn(await on.tell(alice, 'account del home'));
  const wrong = code === '1000' ? '1001' : '1000';
  for (let i = 0; i < 3; i++) assert.match(await on.tell(alice, `yes ${wrong}`), 'not the code');
  assert.is(await on.tell(alice, `yes ${code}`), 'Nothing to confirm.');
});

test('one code a session: a later one takes its place', async () => {
  const on = stage(people());
  const alice = speaker('alice');
  const first = codeIn(await on.tell(alice, 'account del home'));
  const second = codeIn(await on.tell(alice, 'user del bob'));
  if (first !== second) assert.match(await on.tell(alice, `yes ${first}`), 'not the code');
  assert.is(await on.tell(alice, `yes ${second}`), 'bob is removed.');
  assert.is(on.registry.user('alice')!.accounts.length, 2);
});

test('a code is worth nothing when the right is gone', async () => {
  const on = stage(people());
  await on.registry.setUser('bob', { admin: true });
  const alice = speaker('alice');
  const text = await on.tell(alice, 'user del bob');
  await on.registry.setUser('alice', { admin: false });
  assert.match(await on.tell(alice, `yes ${codeIn(text)}`), 'may not do that any more');
  assert.ok(on.registry.user('bob'));
});

test('a right that is gone when the dialog ends is not used', async () => {
  const on = stage(people());
  const alice = speaker('alice');
  await on.tell(alice, 'user add dora');
  await on.registry.setUser('alice', { admin: false });
  assert.match(await on.tell(alice, 'hunter2'), 'has changed meanwhile');
  assert.is(on.registry.user('dora'), undefined);
});

test.run();
