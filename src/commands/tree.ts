/** Noun, then verb: which command a line means. What a person may not run is not there. */
import type { Command } from './define.ts';
import { allowed, type Level } from './grant.ts';
import { nearest } from './nearest.ts';
import { visible, type Word } from './words.ts';

export interface Group {
  summary: string;
  /** So many letters of its name are needed, where fewer mean something else. */
  least?: number;
  commands: Readonly<Record<string, Command>>;
}
export type Tree = Readonly<Record<string, Command | Group>>;

export const isGroup = (node: Command | Group): node is Group => 'commands' in node;

export type Found =
  | { kind: 'command'; name: string; command: Command; rest: Word[] }
  | { kind: 'group'; name: string; group: Group }
  | { kind: 'ambiguous'; candidates: string[] }
  | { kind: 'unknown'; suggestion: string | undefined };

export type Matching = 'prefix' | 'exact';

/** What may be seen: groups without a visible command are absent as well. */
export function visibleNames(tree: Tree, level: Level): string[] {
  return Object.entries(tree)
    .filter(([, node]) => (isGroup(node) ? visibleIn(node, level).length > 0 : allowed(node.access, level)))
    .map(([name]) => name);
}
export const visibleIn = ({ commands }: Group, level: Level): string[] =>
  Object.keys(commands).filter((name) => allowed(commands[name]!.access, level));

/** Each word may be the unique start of a name; with `exact`, names are written out (an answer is not a command by chance). */
export function find(tree: Tree, words: readonly Word[], level: Level, matching: Matching = 'prefix'): Found {
  const names = visibleNames(tree, level);
  const first = match(words[0], names, matching).filter((name) => plain(words[0]).length >= leastOf(tree[name]!));
  if (first.length > 1) return { kind: 'ambiguous', candidates: first };
  const name = first[0];
  if (name === undefined) return { kind: 'unknown', suggestion: suggestion(tree, words, names, level) };
  const node = tree[name]!;
  if (!isGroup(node)) return { kind: 'command', name, command: node, rest: words.slice(1) };
  if (words.length === 1) return { kind: 'group', name, group: node };
  const verbs = visibleIn(node, level);
  const second = match(words[1], verbs, matching);
  if (second.length > 1) return { kind: 'ambiguous', candidates: second.map((verb) => `${name} ${verb}`) };
  const verb = second[0];
  if (verb !== undefined)
    return { kind: 'command', name: `${name} ${verb}`, command: node.commands[verb]!, rest: words.slice(2) };
  const close = nearest(plain(words[1]), verbs);
  return { kind: 'unknown', suggestion: close === undefined ? undefined : `${name} ${close}` };
}

const leastOf = (node: Command | Group): number => (isGroup(node) ? (node.least ?? 1) : 1);

const plain = (word: Word | undefined): string => visible(word?.text ?? '').toLowerCase();

function match(word: Word | undefined, names: readonly string[], matching: Matching): string[] {
  const text = plain(word);
  if (names.includes(text)) return [text];
  return matching === 'exact' || text === '' ? [] : names.filter((name) => name.startsWith(text));
}

/** The nearest name, with its verb where that one is right; or the two words the other way round (`add account`). */
function suggestion(tree: Tree, words: readonly Word[], names: readonly string[], level: Level): string | undefined {
  const verbOf = (noun: string | undefined, word: Word | undefined): string | undefined => {
    const node = noun !== undefined && names.includes(noun) ? tree[noun]! : undefined;
    return node !== undefined && isGroup(node) ? match(word, visibleIn(node, level), 'prefix')[0] : undefined;
  };
  const swapped = verbOf(plain(words[1]), words[0]);
  if (swapped !== undefined) return `${plain(words[1])} ${swapped}`;
  const close = nearest(plain(words[0]), names);
  const verb = verbOf(close, words[1]);
  return verb === undefined ? close : `${close} ${verb}`;
}
