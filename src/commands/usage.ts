/** Help texts, from the declarations: at most 12 lines of 40 characters, one screen of a phone. */
import { type Arg, argsFor, type Command } from './define.ts';
import type { Level } from './grant.ts';
import { wrap } from './text.ts';
import { topics } from './topics.ts';
import { type Group, isGroup, type Tree, visibleIn, visibleNames } from './tree.ts';

/** One argument as it is written: `<jid>`, `[password]`, `[mirror=inline|log|off]`. */
function argText(key: string, arg: Arg, placed: boolean): string {
  const value = arg.kind === 'choice' ? arg.of.join('|') : '…';
  const text = placed ? key : arg.kind === 'flag' || arg.kind === 'secret' ? key : `${key}=${value}`;
  const optional = arg.optional === true || arg.kind === 'flag' || arg.kind === 'secret' || arg.kind === 'account';
  return optional ? `[${text}]` : placed ? `<${text}>` : text;
}

/** `account add <jid> [password] [label=…]`; what is not given and needed is asked for. */
export function usage(name: string, declaration: Command, level: Level): string {
  const args = argsFor(declaration, { level });
  const places: readonly string[] = declaration.words ?? [];
  const placed = places.flatMap((place) => args.filter(([key]) => key === place));
  const named = args.filter(([key]) => !places.includes(key));
  return [
    name,
    ...placed.map(([key, arg]) => argText(key, arg, true)),
    ...named.map(([key, arg]) => argText(key, arg, false)),
  ].join(' ');
}

/** Usage, one example, what happens next. */
export const commandHelp = (name: string, declaration: Command, level: Level): string =>
  [
    ...wrap(usage(name, declaration, level)),
    ...wrap(`Example: ${declaration.example}`),
    ...wrap(declaration.next),
  ].join('\n');

export const groupHelp = (name: string, group: Group, level: Level): string =>
  [
    ...visibleIn(group, level).map((verb) => `${name} ${verb}: ${group.commands[verb]!.summary}`),
    `\`help ${name} ${visibleIn(group, level)[0]}\`: more about one`,
  ].join('\n');

export function treeHelp(tree: Tree, level: Level): string {
  const names = visibleNames(tree, level);
  // who reads this knows `help`; `set` is short for `user set`
  const lines = names
    .filter((name) => name !== 'help' && name !== 'set')
    .map((name) => `${name}: ${tree[name]!.summary}`);
  const one = names.find((name) => isGroup(tree[name]!)) ?? 'help';
  const more = [one, ...Object.keys(topics).filter((name) => topics[name]!.summary !== '')];
  return [...lines, `${more.map((name) => `\`help ${name}\``).join(', ')}: more`].join('\n');
}
