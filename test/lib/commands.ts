/** The command tree as lines are read against it: three accounts, three users. */
import { commands } from '../../src/commands/commands.ts';
import { type Command, type Reading, read, type Scope } from '../../src/commands/define.ts';
import type { Level } from '../../src/commands/grant.ts';
import { givenIn } from '../../src/commands/line.ts';
import { Numbers } from '../../src/commands/numbers.ts';
import { find, isGroup } from '../../src/commands/tree.ts';
import { splitWords } from '../../src/commands/words.ts';
import { account, user } from './registry.ts';

export const levels: Level[] = ['account', 'user', 'admin'];
export const all: [string, Command][] = Object.entries(commands).flatMap(([name, node]): [string, Command][] =>
  isGroup(node) ? Object.entries(node.commands).map(([verb, one]) => [`${name} ${verb}`, one]) : [[name, node]],
);

export const alice = user('alice', {
  admin: true,
  accounts: [
    account('alice@work.example', 'work'),
    account('alice@home.example', 'home'),
    account('ally@home.example', 'other'),
  ],
});
export const bob = user('bob');
export const scopeOf = (level: Level): Scope => ({
  grant: { level, user: alice, only: level === 'account' ? alice.accounts[0]!.jid : undefined },
  registry: { users: [alice, bob, user('bert')] },
  numbers: new Numbers(),
});
export const lineAs = (line: string, level: Level): Reading => {
  const found = find(commands, splitWords(line), level);
  if (found.kind !== 'command') throw new Error(`${line}: ${found.kind}`);
  return read(found.command, givenIn(found.command, found.rest, level), scopeOf(level));
};
