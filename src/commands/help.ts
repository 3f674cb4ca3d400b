/** `help` */
import { command } from './define.ts';
import { UsageError } from './error.ts';
import type { Grant } from './grant.ts';
import { findTopic } from './topics.ts';
import { type Found, find } from './tree.ts';
import { commandHelp, groupHelp, treeHelp } from './usage.ts';
import { splitWords, visible } from './words.ts';

export const help = command({
  summary: 'what I can do',
  access: 'all',
  args: { command: { kind: 'text', label: 'command', optional: true, rest: true } },
  words: ['command'],
  example: 'help account add',
  next: 'I tell how a command is written.',
  run({ command: line }, { tree, grant, server }) {
    const { level } = grant;
    const words = splitWords(line ?? '');
    if (words.length === 0) return treeHelp(tree, level);
    const found = find(tree, words, level);
    if (found.kind === 'group') return groupHelp(found.name, found.group, level);
    if (found.kind === 'command') return commandHelp(found.name, found.command, level);
    const topic = words.length === 1 ? findTopic(visible(words[0]!.text)) : undefined;
    if (topic !== undefined) return topic.text({ grant, server });
    throw notFound(found, grant);
  },
});

/** A line that is no command: which could be meant. It is not repeated: it may be a secret sent too late. */
export function notFound(found: Extract<Found, { kind: 'unknown' | 'ambiguous' }>, { level, user }: Grant): UsageError {
  if (found.kind === 'ambiguous')
    return new UsageError(`Which one: ${found.candidates.map((name) => `\`${name}\``).join(', ')}?`);
  const meant = found.suggestion === undefined ? '' : `Did you mean \`${found.suggestion}\`? `;
  const more =
    level === 'account' && user.verifiers !== undefined
      ? ' This login is for one account; `unlock` opens the rest.'
      : '';
  return new UsageError(`I do not know that command. ${meant}\`help\` shows all.${more}`);
}
