/** The tree as a tree: what every command declares, what help says, who sees what, what a line means. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { commands } from '../src/commands/commands.ts';
import { argsFor, kinds } from '../src/commands/define.ts';
import { allowed, type Grant, grantOf, type Level } from '../src/commands/grant.ts';
import { find, isGroup, visibleNames } from '../src/commands/tree.ts';
import { commandHelp, groupHelp, treeHelp } from '../src/commands/usage.ts';
import { splitWords } from '../src/commands/words.ts';
import { alice, all, bob, levels, lineAs } from './lib/commands.ts';
import { account, user } from './lib/registry.ts';
import { alone, people, speaker, stage } from './lib/root.ts';

const fits = (text: string, what: string) => {
  const lines = text.split('\n');
  assert.ok(lines.length <= 12, `${what}: ${lines.length} lines\n${text}`);
  for (const line of lines) assert.ok(line.length <= 40, `${what}: ${line.length} characters\n${line}`);
};

test('everything that root can be told is there', () => {
  const names = all.map(([name]) => name);
  for (const verb of ['add', 'del', 'list', 'set', 'show']) assert.ok(names.includes(`user ${verb}`));
  for (const verb of ['add', 'del', 'list', 'show', 'set', 'on', 'off', 'trust'])
    assert.ok(names.includes(`account ${verb}`));
  for (const verb of ['list', 'leave', 'detach', 'attach']) assert.ok(names.includes(`room ${verb}`));
  for (const verb of ['list', 'kick']) assert.ok(names.includes(`client ${verb}`));
  for (const name of ['password', 'unlock', 'whoami', 'certificate', 'server status', 'help'])
    assert.ok(names.includes(name));
});

for (const [name, command] of all) {
  test(`${name} has a summary, an example, a next step, and places that exist`, () => {
    assert.ok(command.summary.length > 5 && command.next.length > 10);
    for (const key of command.words ?? []) assert.ok(Object.hasOwn(command.args, key), key);
    for (const [key, arg] of Object.entries(command.args)) {
      assert.ok(arg.label.length > 0);
      assert.ok(kinds[arg.kind].field.length > 0);
      assert.match(key, /^[a-z]+$/);
    }
    const found = find(commands, splitWords(command.example), command.access === 'locked' ? 'account' : 'admin');
    assert.is(found.kind === 'command' && found.command, command, 'its example is the command itself');
  });
  test(`${name}: help fits a phone, for everybody who may run it`, () => {
    for (const level of levels.filter((one) => allowed(command.access, one)))
      fits(commandHelp(name, command, level), `help ${name} (${level})`);
  });
}

test('help of groups and of everything fits a phone', () => {
  for (const level of levels) {
    fits(treeHelp(commands, level), `help (${level})`);
    for (const name of visibleNames(commands, level)) {
      const node = commands[name]!;
      if (isGroup(node)) fits(groupHelp(name, node, level), `help ${name} (${level})`);
    }
  }
});

test('help encryption tells which login to use, on a phone, by any word for it', async () => {
  const on = stage(people());
  const text = await on.tell(speaker('alice'), 'help encryption');
  fits(text, 'help encryption');
  for (const login of ['alice@work.example', 'alice+work@proxy.example', 'alice@proxy.example'])
    assert.ok(text.split('\n').includes(login), login);
  for (const word of ['Encryption', 'encr', 'OMEMO', 'ox'])
    assert.is(await on.tell(speaker('alice'), `help ${word}`), text);
  assert.match(await on.tell(speaker('alice'), 'help encryption now'), 'I do not know that command');
  const home = await on.tell(speaker('alice', 'alice@home.example'), 'help encryption');
  assert.match(home, '\nalice@home.example\n');
  assert.not.match(home, 'work.example');
  assert.not.match(home, '@proxy.example', 'what that login has not proved');
  assert.match(await stage([user('dora')]).tell(speaker('dora'), 'help encryption'), '\nyou@example.org\n');
  const carol = speaker('carol', 'carol@work.example');
  assert.not.match(await stage(alone()).tell(carol, 'help omemo'), '@proxy.example');
});

test('the whole of help, as an admin reads it', () => {
  assert.is(
    treeHelp(commands, 'admin'),
    [
      'account: your XMPP accounts',
      'room: group chats you stay in',
      'client: apps that are logged in',
      'history: search and delete messages',
      'user: people, and your own settings',
      'target: service addresses',
      'component: domains for services',
      'password: set your proxy password',
      'whoami: what this login may do',
      'certificate: fingerprints to compare',
      'server: how it is doing',
      '`help account`, `help encryption`: more',
    ].join('\n'),
  );
});

const rooms = ['room list', 'room leave', 'room detach', 'room attach'];
const history = ['history search', 'history forget', 'history export'];
const seen: Record<Level, string[]> = {
  account: [
    'account show',
    'account set',
    ...rooms,
    'client list',
    'client kick',
    ...history,
    'unlock',
    'whoami',
    'certificate',
    'help',
  ],
  user: [
    ...['add', 'list', 'show', 'set', 'on', 'off', 'trust', 'del'].map((verb) => `account ${verb}`),
    ...rooms,
    'client list',
    'client kick',
    ...history,
    'user show',
    'user set',
    'set',
    'password',
    'whoami',
    'certificate',
    'help',
  ],
  admin: all.map(([name]) => name).filter((name) => name !== 'unlock'),
};
for (const level of levels)
  for (const [name, command] of all)
    test(`${level}: ${name} is ${seen[level].includes(name) ? 'there' : 'absent'}`, () => {
      const found = find(commands, splitWords(name), level);
      assert.is(found.kind === 'command' && found.command === command, seen[level].includes(name));
      assert.is(
        treeHelp(commands, level).includes(`${name.split(' ')[0]}:`),
        !['help', 'set'].includes(name) && seen[level].some((one) => one.split(' ')[0] === name.split(' ')[0]),
      );
    });

test('arguments that a person may not give are absent for that person', () => {
  const keys = (name: string, level: Level) =>
    argsFor(all.find(([one]) => one === name)![1], { level }).map(([key]) => key);
  assert.equal(keys('account set', 'account'), ['account', 'password']);
  assert.equal(keys('account set', 'user'), ['account', 'password', 'label', 'pin']);
  assert.equal(keys('account set', 'admin'), ['account', 'password', 'label', 'pin', 'host']);
  assert.not.ok(keys('account add', 'user').includes('host'));
  assert.not.ok(keys('user set', 'user').includes('admin'));
  assert.throws(() => lineAs('account add a@b.example host=x:1', 'user'), /not for this login/);
  assert.throws(() => lineAs('user set admin=yes', 'user'), /not for this login/);
});

const grants: [string, Grant['level'], Grant][] = [
  ['an admin by the proxy password', 'admin', grantOf(speaker('alice'), alice, false)],
  ['a user by the proxy password', 'user', grantOf(speaker('bob'), bob, false)],
  ['an account of several', 'account', grantOf(speaker('alice', 'alice@work.example'), alice, false)],
  ['an account of several, unlocked', 'admin', grantOf(speaker('alice', 'alice@work.example'), alice, true)],
];
for (const [who, level, grant] of grants) test(`${who} is at the level ${level}`, () => assert.is(grant.level, level));

test('one account and no proxy password is enough for what is the user’s, never for an admin’s', () => {
  const { verifiers: _, ...bare } = user('carol', { admin: true, accounts: [account('carol@work.example', 'work')] });
  assert.is(grantOf(speaker('carol', 'carol@work.example'), bare, false).level, 'user');
  const two = { ...bare, accounts: alice.accounts };
  assert.is(grantOf(speaker('carol', 'alice@work.example'), two, false).level, 'account');
});

const meanings: [string, string][] = [
  ['acc li', 'account list'],
  ['ACCOUNT LIST', 'account list'],
  ['Account List', 'account list'],
  ['ac sh', 'account show'],
  ['h', 'help'],
  ['wh', 'whoami'],
  ['us l', 'user list'],
  ['ser st', 'server status'],
  ['account of', 'account off'],
  ['acc\u200bount list', 'account list'],
];
for (const [line, name] of meanings)
  test(`${line} is ${name}`, () => {
    const found = find(commands, splitWords(line), 'admin');
    assert.is(found.kind === 'command' && found.name, name);
  });

test('an ambiguous start lists what it may mean', () => {
  assert.equal(find(commands, splitWords('account s'), 'admin'), {
    kind: 'ambiguous',
    candidates: ['account show', 'account set'],
  });
  assert.equal(find(commands, splitWords('account o'), 'user'), {
    kind: 'ambiguous',
    candidates: ['account on', 'account off'],
  });
});

const unknown: [string, string | undefined][] = [
  ['acount add', 'account add'],
  ['acount', 'account'],
  ['acount xyzzy', 'account'],
  ['account ad d', 'account add'],
  ['account delete', 'account del'],
  ['account lsit', 'account list'],
  ['add account', 'account add'],
  ['xyzzy', undefined],
];
for (const [line, meant] of unknown)
  test(`${line}: did you mean ${meant}`, () => {
    const found = find(commands, splitWords(line), 'admin');
    if (found.kind === 'command') assert.is(found.name, meant);
    else assert.equal(found, { kind: 'unknown', suggestion: meant });
  });

test('what a person may not run is not suggested either', () => {
  assert.equal(find(commands, splitWords('serve status'), 'user'), { kind: 'unknown', suggestion: undefined });
  assert.equal(find(commands, splitWords('user lst'), 'user'), { kind: 'unknown', suggestion: undefined });
});

test('in the middle of a dialog only a command written out in full counts', () => {
  assert.is(find(commands, splitWords('acc list'), 'admin', 'exact').kind, 'unknown');
  assert.is(find(commands, splitWords('Account list'), 'admin', 'exact').kind, 'command');
});

test.run();
