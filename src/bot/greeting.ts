/** First words to a person: at most five lines, and the one next step. */
import type { ServerFacts } from '../commands/context.ts';
import type { Grant } from '../commands/grant.ts';
import { serverText } from '../commands/text.ts';

const words = new Set(['hi', 'hello', 'hey', 'hallo', 'moin', 'salut', 'hola', 'ciao', 'ping']);

/** Somebody says hello rather than what to do. */
export const isGreeting = (text: string): boolean => words.has(text.toLowerCase().replace(/[\s.!?,]+$/, ''));

export function greeting({ user, only }: Grant, server: ServerFacts): string {
  return [
    `Hello${only === undefined ? ` ${user.name}` : ''}, I am root, the bot of this proxy. \`help\` shows what I can do.`,
    'I keep XMPP accounts online and show them to all your apps.',
    'Mind: who runs this machine could read what passes through it.',
    ...nextStep({ user, only }, server),
  ].join('\n');
}

function nextStep({ user, only }: Pick<Grant, 'user' | 'only'>, server: ServerFacts): string[] {
  if (only !== undefined) return ['Next: set this account up in your other apps as in this one.'];
  const [first] = user.accounts;
  if (first === undefined) return ['Next: `account add you@example.org`'];
  return [`Next: in your apps, with ${serverText(server)}, log in as`, first.jid];
}
