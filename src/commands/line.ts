/** A line behind a command's name → its arguments by name; and whether a secret is among them. */
import { type Arg, argsFor, type Command, read, type Scope } from './define.ts';
import { UsageError } from './error.ts';
import type { Grant } from './grant.ts';
import { find, type Tree } from './tree.ts';
import { parseWords, splitWords, type Word } from './words.ts';

/** Words → given arguments, those by place under their names. */
export function givenIn(
  declaration: Command,
  words: readonly Word[],
  level: Grant['level'],
): Map<string, string | true> {
  const args = argsFor(declaration, { level });
  const places = (declaration.words ?? []).filter((key) => args.some(([known]) => known === key));
  const keyed = (kind: string): string[] =>
    args.filter(([key, arg]) => arg.kind === kind && !places.includes(key)).map(([key]) => key);
  const flags = keyed('flag');
  const all = Object.keys(declaration.args);
  const { positional, named } = parseWords(words, { all, flags, bare: [...flags, ...keyed('secret')] });
  const open = places.filter((key) => !named.has(key));
  const last = open.at(-1);
  if (last !== undefined && declaration.args[last]!.rest) {
    const rest = positional.splice(open.length - 1).join(' ');
    if (rest !== '') named.set(last, rest);
    open.pop();
  }
  if (positional.length > open.length) throw new UsageError(tooMany(declaration));
  for (const [index, text] of positional.entries()) named.set(open[index]!, text);
  return named;
}

const tooMany = ({ args }: Command): string =>
  Object.values(args).some(({ kind }) => kind === 'secret')
    ? 'That is one word too many. What has spaces in it, a password too, goes in quotes.'
    : 'That is one word too many. What has spaces in it goes in quotes.';

/**
 * May the user's other apps see that line? Not if it carries a secret, and not if it might: what cannot be read as a
 * command with all its values may be a password that was sent too late, or a command with one in it.
 */
export function isPlain(tree: Tree, line: string, scope: Scope): boolean {
  try {
    const { level } = scope.grant;
    const found = find(tree, splitWords(line), level);
    if (found.kind !== 'command') return found.kind === 'group';
    const given = givenIn(found.command, found.rest, level);
    read(found.command, given, scope);
    const { args } = found.command;
    return [...given].every(([key, text]) => text === true || isHarmless(args[key]!, text));
  } catch {
    return false;
  }
}

const isHarmless = ({ kind, rest }: Arg, text: string): boolean =>
  kind !== 'secret' && !(rest === true && text.split(' ').length > 2);
