/** root as a contact: what it hears, how it answers, dialogs, codes, and who may see what. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { createAnswers } from '../src/bot/answers.ts';
import { commands } from '../src/commands/commands.ts';
import { allowed, type Level } from '../src/commands/grant.ts';
import { isGroup } from '../src/commands/tree.ts';
import type { Speaker } from '../src/link/door.ts';
import { NS } from '../src/wire/ns.ts';
import { Stanza } from '../src/wire/stanza.ts';
import { type Attrs, type Element, elements, xml } from '../src/wire/xml.ts';
import { disco } from '../src/xep/disco.ts';
import { ping, version } from '../src/xep/info.ts';
import { account, codeIn, drained, root, type Stage, speaker, stage, state, user } from './lib/root.ts';

const people = () => [
  user('alice', {
    admin: true,
    accounts: [account('alice@work.example', 'work'), account('alice@home.example', 'home')],
  }),
  user('bob', { accounts: [account('bob@work.example', 'work')] }),
];
const alone = () => {
  const { verifiers: _, ...carol } = user('carol', { accounts: [account('carol@work.example', 'work')] });
  return [...people(), carol];
};
const minute = 60_000;

const odd = (attrs: Attrs, ...children: Element[]) =>
  Stanza.of(xml('message', { to: root, id: 'm1', ...attrs }, ...children));
const body = () => xml('body', {}, 'whoami');

const ignored: [string, Stanza][] = [
  ['an error', odd({ type: 'error' }, body())],
  ['a room’s message', odd({ type: 'groupchat' }, body())],
  ['a headline', odd({ type: 'headline' }, body())],
  ['a chat state', odd({ type: 'chat' }, xml('active', NS.chatStates))],
  ['a receipt', odd({ type: 'chat' }, xml('received', { xmlns: NS.receipts, id: 'x' }))],
  ['a message without text', odd({ type: 'chat' }, xml('body', {}, ' \n'))],
  [
    'a delayed message',
    odd({ type: 'chat' }, body(), xml('delay', { xmlns: NS.delay, stamp: '2020-01-01T00:00:00Z' })),
  ],
  ['a forwarded message', odd({ type: 'chat' }, body(), xml('forwarded', NS.forward))],
  ['a carbon', odd({ type: 'chat' }, body(), xml('received', NS.carbons))],
  ['an archived message', odd({ type: 'chat' }, body(), xml('result', NS.mam))],
];
for (const [what, stanza] of ignored)
  test(`${what} is neither obeyed nor answered nor mirrored`, async () => {
    const { bot, said, sent, clock } = stage(people());
    assert.equal(bot.message(speaker('alice'), stanza), { mirror: false });
    await drained();
    assert.equal([said, sent, clock.waiting], [[], [], 0]);
  });

for (const ns of [NS.encryption, NS.omemo, NS.omemo2, NS.openpgp, NS.pgp])
  test(`encrypted (${ns}) is answered in clear, to that app alone`, async () => {
    const on = stage(people());
    const alice = speaker('alice');
    const reply = await on.tell(alice, 'This message is encrypted', xml('encrypted', ns));
    assert.is(reply, 'I cannot read encrypted messages; please switch encryption off for this chat.');
    assert.is(on.said[0]!.only, alice.sid);
  });

test('a message of type normal is obeyed like one of type chat', async () => {
  const { bot, said } = stage(people());
  bot.message(speaker('alice'), odd({}, body()));
  await drained();
  assert.match(said[0]!.text, 'You are alice, an admin.');
});

test('a receipt that is asked for is sent to the app that asked', async () => {
  const on = stage(people());
  const alice = speaker('alice');
  await on.tell(alice, 'whoami', xml('request', NS.receipts));
  const [{ to, stanza, only }] = on.sent as [Stage['sent'][number]];
  assert.equal([to, only, stanza.type], [alice.bare, alice.sid, 'chat']);
  assert.is(stanza.tree.getChild('received', NS.receipts)?.attrs.id, 'm1');
  await on.tell(alice, 'whoami');
  assert.is(on.sent.length, 1);
});

test('commands are answered in every app of the login, and mirrored', async () => {
  const on = stage(people());
  const alice = speaker('alice');
  assert.is(await on.mirrored(alice, 'account list'), true);
  assert.equal(on.said, [
    {
      to: 'alice@proxy.example',
      text: '◐ 1 work alice@work.example connecting\n◐ 2 home alice@home.example connecting',
      only: undefined,
    },
  ]);
});

test('a line that is no command stays in that app, with its answer, and is not repeated', async () => {
  const on = stage(people());
  const alice = speaker('alice');
  await on.tell(alice, 'whoami');
  assert.is(await on.mirrored(alice, 'hunter2'), false);
  assert.equal(on.said[1], { to: alice.bare, text: 'I do not know that command. `help` shows all.', only: alice.sid });
});

test('the first words of a login are greeted, and so is start', async () => {
  const on = stage(people());
  const alice = speaker('alice');
  const hello = await on.tell(alice, 'good morning');
  assert.match(hello, 'I am root');
  assert.ok(hello.split('\n').length <= 5);
  assert.not.match(await on.tell(alice, 'good morning'), 'I am root');
  assert.is(await on.tell(alice, 'start'), hello);
  assert.is(await on.tell(alice, 'Hello!'), hello);
  assert.match(await on.tell(speaker('bob', 'bob@work.example'), 'hi'), 'Hello bob@work.example');
});

test('a first command is obeyed, not greeted', async () => {
  const on = stage(people());
  assert.not.match(await on.tell(speaker('alice'), 'whoami'), 'I am root');
});

test('lines of one session are obeyed in their order, though the first takes long', async () => {
  const on = stage(people());
  const alice = speaker('alice');
  let finish = (_: { contacts: number }) => {};
  on.outcomes.push(new Promise((resolve) => (finish = resolve)));
  await on.tell(alice, 'account add alice@new.example secret1 label=new');
  assert.is(await on.mirrored(alice, 'account list'), true);
  assert.equal(on.said, []);
  finish({ contacts: 3 });
  await drained();
  assert.match(on.said[0]!.text, 'Connected: 3 contacts.');
  assert.match(on.said[1]!.text, 'alice@new.example');
});

test('too many lines at once are refused', async () => {
  const on = stage(people());
  const alice = speaker('alice');
  on.outcomes.push(new Promise(() => {}));
  await on.tell(alice, 'account add alice@new.example secret1');
  for (let i = 0; i < 20; i++) await on.tell(alice, 'whoami');
  assert.match(await on.tell(alice, 'whoami'), 'too much at once');
  on.bot.close();
});

test('composing is shown when an answer takes longer than a second, never when it does not', async () => {
  const on = stage(people());
  const alice = speaker('alice');
  await on.tell(alice, 'account add alice@quick.example secret1 label=quick');
  await on.clock.pass(5000);
  assert.equal([on.sent.length, on.said.length], [0, 1]);
  let finish = (_: { contacts: number }) => {};
  on.outcomes.push(new Promise((resolve) => (finish = resolve)));
  await on.tell(alice, 'account add alice@new.example secret1');
  await on.clock.pass(999);
  assert.equal([on.sent, on.said.length], [[], 1]);
  await on.clock.pass(1);
  assert.ok(on.sent[0]!.stanza.tree.getChild('composing', NS.chatStates));
  assert.equal([on.sent[0]!.only, on.said[1]!.only], [alice.sid, alice.sid]);
  assert.match(on.said[1]!.text, 'Trying to log in as\nalice@new.example');
  finish({ contacts: 1 });
  await drained();
  const count = on.sent.length;
  await on.clock.pass(minute);
  assert.is(on.sent.length, count);
  assert.is(on.clock.waiting, 0);
});

test('a secret is asked for, taken as the next message whatever it says, and never shown', async () => {
  for (const secret of ['help', 'account list', 'yes 1234', 'start', '  hunter2 ', '/hunter2', '“hunter2”', 'back']) {
    const on = stage(people());
    const alice = speaker('alice');
    assert.is(await on.mirrored(alice, 'account add alice@new.example'), true);
    assert.match(on.said[0]!.text, "Send the account's password as your next message.");
    assert.is(on.said[0]!.only, alice.sid);
    assert.is(await on.mirrored(alice, secret), false);
    assert.is(on.passwords.get('alice@new.example'), secret.trim());
    assert.is(on.said[1]!.only, alice.sid);
    assert.match(on.said[1]!.text, `Password stored (${secret.trim().length} characters).`);
    assert.match(on.said[1]!.text, 'Delete your message with the password');
    assert.not.match(on.said[1]!.text, secret.trim() === 'help' || secret === 'start' ? /^help|^start/ : secret.trim());
  }
});

test('a secret of several lines is asked for again', async () => {
  const on = stage(people());
  const alice = speaker('alice');
  await on.tell(alice, 'password');
  assert.match(await on.tell(alice, 'hunter2\nhunter3'), /^A password is one line\.\nSend the new proxy password/);
  assert.is(on.passwords.size, 0);
  await on.tell(alice, 'hunter2');
  assert.is(on.passwords.get('alice'), 'hunter2');
});

test('a secret typed inline is taken, and treated like any other', async () => {
  const on = stage(people());
  const alice = speaker('alice');
  assert.is(await on.mirrored(alice, 'account add alice@new.example hunter2'), false);
  assert.equal([on.said.length, on.said[0]!.only], [1, alice.sid]);
  assert.match(on.said[0]!.text, '(7 characters)');
  assert.match(on.said[0]!.text, 'Delete your message');
});

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

test('what cannot go well is refused before the secret is asked for', async () => {
  const on = stage(people());
  const alice = speaker('alice');
  assert.match(await on.tell(alice, 'account add alice@work.example'), 'is already there');
  assert.match(await on.tell(alice, 'account add bob@work.example'), 'belongs to another user');
  assert.match(await on.tell(alice, 'account add x@proxy.example'), 'own domain');
  assert.match(await on.tell(alice, 'account add a@b.example label=work'), 'already an account work');
  assert.match(await on.tell(alice, 'user add bob'), 'already a user bob');
  assert.match(await on.tell(alice, 'user add root'), 'reserved');
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

test('what goes wrong inside is not shown but by a reference, which the log has, without the secret', async () => {
  const on = stage(people());
  const alice = speaker('alice');
  on.outcomes.push(Promise.reject(new Error('the disk said hunter2 at /srv/data')));
  const text = await on.tell(alice, 'account add alice@new.example hunter2');
  const reference = /reference ([0-9a-f]{6})\)/.exec(text)?.[1];
  assert.match(text, /^Something went wrong \(reference [0-9a-f]{6}\)\./);
  assert.not.match(text, 'disk');
  const [entry] = on.logged as unknown as [{ level: string; fields: { reference: string; cause: string } }];
  assert.equal([entry.level, entry.fields.reference], ['error', reference]);
  assert.match(entry.fields.cause, 'the disk said … at');
});

test('changes are logged with actor, command and target; reading is not', async () => {
  const on = stage(people());
  const alice = speaker('alice');
  await on.tell(alice, 'account list');
  await on.tell(alice, 'user add dora hunter2 admin');
  await on.tell(alice, 'user set bob mirror=off password=hunter3');
  const code = codeIn(await on.tell(alice, 'user del dora'));
  assert.is(on.logged.length, 2);
  await on.tell(alice, `yes ${code}`);
  const line = (command: string, target: string) => ({
    level: 'info',
    message: 'administration',
    fields: { actor: 'alice', login: 'alice@proxy.example', command, target },
  });
  assert.equal(on.logged, [
    line('user add', 'dora as admin'),
    line('user set', 'bob mirror password'),
    line('user del', 'dora'),
  ]);
});

test('a user who is no more is not obeyed', async () => {
  const on = stage(people());
  const bob = speaker('bob');
  await on.registry.removeUser('bob');
  assert.match(await on.tell(bob, 'account list'), 'not a user here any more');
  const work = speaker('alice', 'alice@work.example');
  await on.registry.removeAccount(work.bare);
  assert.match(await on.tell(work, 'account show'), 'not kept here any more');
});

const secret = 'Tr0ub4dor&3-hunter2';
const carriers: [string, string[]][] = [
  ['account add, inline', [`account add alice@new.example ${secret}`]],
  ['account add, asked', ['account add alice@new.example', secret]],
  ['account set, inline', [`account set work password=${secret}`]],
  ['account set, asked', ['account set work password', secret]],
  ['password, inline', [`password ${secret}`]],
  ['password, asked', ['password', secret]],
  ['user add, inline', [`user add dora ${secret}`]],
  ['user add, asked', ['user add dora', secret]],
  ['user set, inline', [`user set bob password ${secret}`]],
  ['user set, asked', ['user set bob password', secret]],
  ['a command with a slip', [`acount add alice@new.example ${secret}`]],
  ['a word too many', [`account add alice@new.example x ${secret}`]],
  ['an unknown option', [`account add alice@new.example --${secret}`]],
  ['too late', ['account add alice@new.example', 'cancel', secret]],
];
for (const failing of [false, true])
  for (const [what, lines] of carriers)
    test(`a secret is in no answer, log or copy: ${what}${failing ? ', failing' : ''}`, async () => {
      const on = stage(people());
      if (failing) on.outcomes.push({ failure: { kind: 'refused', text: 'not-authorized' } });
      const alice = speaker('alice');
      for (const line of lines) {
        const mirror = await on.mirrored(alice, line);
        if (line.includes(secret)) assert.is(mirror, false);
        if (line.includes(secret)) assert.is(on.said.at(-1)!.only, alice.sid);
      }
      await on.tell(alice, 'account list');
      await on.tell(alice, 'account show work');
      await on.tell(alice, 'user show bob');
      for (const piece of [secret, 'Tr0ub4dor'])
        assert.not.ok(JSON.stringify([on.said, on.sent.map(String), on.logged, on.ended, on.pooled]).includes(piece));
    });

const locked = () => speaker('alice', 'alice@work.example');

test('an account’s own login knows that account alone, until unlock', async () => {
  const on = stage(people());
  on.passwords.set('alice', 'proxy password');
  const work = locked();
  for (const line of [
    'account list',
    'account add a@b.example',
    'user list',
    'server status',
    'password',
    'account del',
    'account trust work',
  ])
    assert.match(await on.tell(work, line), /I do not know that command|I am root/, line);
  assert.match(await on.tell(work, 'account show'), 'work\nalice@work.example');
  assert.match(await on.tell(work, 'account show home'), 'No such account');
  assert.match(await on.tell(work, 'whoami'), 'this account and nothing else');
  assert.not.match(await on.tell(work, 'help'), 'password:');
  assert.match(await on.tell(work, 'unlock'), 'Send the proxy password');
  assert.is(await on.mirrored(work, 'proxy password'), false);
  assert.match(on.said.at(-1)!.text, 'Unlocked in this app for 10 minutes');
  assert.match(await on.tell(work, 'account list'), 'home');
  assert.match(await on.tell(work, 'server status'), 'xmpproxy 1.2.3');
  assert.match(await on.tell(locked(), 'account list'), /I do not know/);
  await on.clock.pass(10 * minute);
  assert.match(await on.tell(work, 'account list'), 'I do not know');
});

const sessions: [Level, () => Speaker][] = [
  ['account', locked],
  ['user', () => speaker('bob')],
  ['admin', () => speaker('alice')],
];
for (const [level, from] of sessions)
  for (const [name, node] of Object.entries(commands))
    for (const [verb, command] of isGroup(node) ? Object.entries(node.commands) : [['', node] as const]) {
      if (allowed(command.access, level)) continue;
      test(`${level}: ${name} ${verb} is as unknown as any other word, and so is its help`, async () => {
        const on = stage(people());
        const who = from();
        await on.tell(who, 'whoami');
        assert.match(await on.tell(who, `${name} ${verb}`), 'I do not know that command');
        assert.match(await on.tell(who, `help ${name} ${verb}`), 'I do not know that command');
      });
    }

test('guessing at unlock is held back for that user, whatever the session', async () => {
  const on = stage(people());
  on.passwords.set('alice', 'right');
  for (let i = 0; i < 5; i++) assert.match(await on.tell(locked(), 'unlock wrong'), 'not the proxy password');
  assert.match(await on.tell(locked(), 'unlock right'), 'Too many wrong passwords. Try again in 10 min.');
  assert.match(await on.tell(speaker('alice'), 'whoami'), 'an admin');
  await on.clock.pass(10 * minute);
  assert.match(await on.tell(locked(), 'unlock right'), 'Unlocked');
});

test('unlock ends with its session and with another’s change of the password', async () => {
  const on = stage(people());
  on.passwords.set('alice', 'right');
  const [one, two] = [locked(), locked()];
  await on.tell(one, 'unlock right');
  await on.tell(two, 'unlock right');
  on.bot.gone(one.sid);
  assert.match(await on.tell(one, 'account list'), /I am root|I do not know/);
  await on.tell(speaker('alice'), 'password newer');
  assert.match(await on.tell(two, 'account list'), 'I do not know');
});

test('one account without a proxy password needs no unlock, and is never an admin', async () => {
  const on = stage(alone());
  await on.registry.setUser('carol', { admin: true });
  const carol = speaker('carol', 'carol@work.example');
  assert.match(await on.tell(carol, 'account list'), 'carol@work.example');
  assert.match(await on.tell(carol, 'user list'), /I do not know/);
  assert.not.match(await on.tell(carol, 'help'), 'unlock');
});

test('a second account asks for a proxy password first; both are kept, or neither', async () => {
  const on = stage(alone());
  const carol = speaker('carol', 'carol@work.example');
  await on.tell(carol, 'account add carol@new.example account-pw');
  assert.match(on.said[0]!.text, 'With a second account you need a proxy password.');
  await on.tell(carol, 'cancel');
  assert.equal([on.passwords.size, on.registry.user('carol')!.accounts.length], [0, 1]);
  await on.tell(carol, 'account add carol@new.example account-pw');
  assert.match(await on.tell(carol, 'proxy-pw'), 'Proxy password stored (8 characters).');
  assert.equal(
    [...on.passwords],
    [
      ['carol', 'proxy-pw'],
      ['carol@new.example', 'account-pw'],
    ],
  );
  assert.match(await on.tell(carol, 'account list'), 'carol@new.example');
  assert.match(await on.tell(speaker('carol', 'carol@work.example'), 'account list'), /I do not know/);
});

test('password: other sessions of the old one end, this one stays', async () => {
  const on = stage(alone());
  const alice = speaker('alice');
  assert.match(await on.tell(alice, 'password hunter2'), 'alice@proxy.example\nApps that used the old one');
  assert.equal(on.ended, [{ match: { user: 'alice', except: alice.sid }, reason: 'The password was changed' }]);
  const carol = speaker('carol', 'carol@work.example');
  assert.not.match(await on.tell(carol, 'password hunter3'), 'Apps that used');
  assert.match(await on.tell(carol, 'account list'), 'carol@work.example');
});

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

const iq = (attrs: Attrs, payload: Element | undefined) =>
  Stanza.of(xml('iq', { to: root, from: 'a@b/c', ...attrs }, payload));

test('requests to root are answered from one table', async () => {
  const routes = [ping, version('1.2.3')];
  const { bot } = stage(people(), { routes });
  const ask = (type: string, payload?: Element) => bot.iq(speaker('alice'), iq({ id: 'i1', type }, payload));
  const name = (await ask('get', xml('vCard', NS.vcard))).tree.getChild('vCard', NS.vcard)?.getChildText('FN');
  assert.is(name, 'root');
  assert.is((await ask('get', xml('ping', NS.ping))).type, 'result');
  const refused = await ask('get', xml('query', NS.private));
  assert.ok(refused.tree.getChild('error')?.getChild('service-unavailable'));
  assert.equal([refused.id, refused.from, refused.to], ['i1', root, 'a@b/c']);
  assert.is((await ask('set')).type, 'error');
});

test('disco#info tells what root is and what it answers', async () => {
  const answers = createAnswers((info) => [...disco<Speaker>(info), ping]);
  const request = iq({ id: 'i1', type: 'get' }, xml('query', NS.discoInfo));
  const answer = await answers.answer(request, speaker('alice'), () => assert.unreachable());
  const [query] = elements(answer.tree);
  const vars = query!.getChildren('feature').map(({ attrs }) => attrs.var);
  assert.equal(query!.getChild('identity')?.attrs, { category: 'client', type: 'bot', name: 'root' });
  for (const ns of [NS.ping, NS.vcard, NS.discoInfo, NS.receipts]) assert.ok(vars.includes(ns), ns);
});

test('a text that is no command and no password by its length is refused in that app', async () => {
  const on = stage(people());
  const alice = speaker('alice');
  assert.is(await on.mirrored(alice, 'x'.repeat(5000)), false);
  assert.equal(on.said, [
    { to: alice.bare, text: 'That is too long for me. `help` shows what I can do.', only: alice.sid },
  ]);
});

test.run();
