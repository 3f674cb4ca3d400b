/** root as a contact: what it hears, how it answers, and who may see what. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { createAnswers } from '../src/bot/answers.ts';
import type { Speaker } from '../src/link/door.ts';
import { NS } from '../src/wire/ns.ts';
import { Stanza } from '../src/wire/stanza.ts';
import { type Attrs, type Element, elements, xml } from '../src/wire/xml.ts';
import { disco } from '../src/xep/disco.ts';
import { ping, version } from '../src/xep/info.ts';
import { codeIn, drained, minute, people, root, type Stage, speaker, stage } from './lib/root.ts';

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
  ['a retraction', odd({ type: 'chat' }, body(), xml('retract', { xmlns: NS.retract, id: 'm0' }))],
  ['a retraction of old', odd({ type: 'chat' }, body(), xml('apply-to', { xmlns: NS.fasten, id: 'm0' }))],
  ['a text for apps that know less', odd({ type: 'chat' }, body(), xml('fallback', NS.fallback))],
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

test('the quotation before a reply is not part of what is said', async () => {
  const on = stage(people());
  const quoted = '> Hello 🌍\n';
  const part = xml('body', { start: '0', end: String([...quoted].length) });
  const fallback = xml('fallback', { xmlns: NS.fallback, for: 'urn:xmpp:reply:0' }, part);
  assert.match(await on.tell(speaker('alice'), `${quoted}whoami`, fallback), 'You are alice, an admin.');
  const odd = xml('body', { start: '-1', end: '1e9' });
  const rest = xml('fallback', { xmlns: NS.fallback }, odd);
  const before = on.said.length;
  await on.tell(speaker('alice'), 'whoami', rest);
  assert.is(on.said.length, before);
});

test('commands are answered in every app of the login, and mirrored', async () => {
  const on = stage(people());
  const alice = speaker('alice');
  assert.is(await on.mirrored(alice, 'account list'), true);
  assert.equal(on.said, [
    {
      to: 'alice@proxy.example',
      text: '◐ 1 work: connecting\nalice@work.example\n◐ 2 home: connecting\nalice@home.example',
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
  assert.match(
    await on.tell(speaker('bob', 'bob@work.example'), 'hi'),
    /^Hello, I am root.*\nNext: set this account up/s,
  );
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

const iq = (attrs: Attrs, payload: Element | undefined) =>
  Stanza.of(xml('iq', { to: root, from: 'a@b/c', ...attrs }, payload));

test('requests to root are answered from one table', async () => {
  const routes = [ping, version(() => '1.2.3')];
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
