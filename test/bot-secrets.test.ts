/** Secrets: taken as the next message or inline, and never seen again. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { people, speaker, stage } from './lib/root.ts';

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

test.run();
