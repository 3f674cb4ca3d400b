/** First words to a person: at most five lines, and the one next step. */
import type { ServerFacts } from '../commands/context.ts';
import type { Grant } from '../commands/grant.ts';
import { serverText } from '../commands/text.ts';

const words = new Set(['hi', 'hello', 'hey', 'hallo', 'moin', 'salut', 'hola', 'ciao', 'ping']);

/** Somebody says hello rather than what to do. */
export const isGreeting = (text: string): boolean => words.has(text.toLowerCase().replace(/[\s.!?,]+$/, ''));

export function greeting({ level, user, only }: Grant, server: ServerFacts): string {
  return [
    `Hello ${only ?? user.name}, I am root, the bot of this proxy.`,
    'It keeps XMPP accounts online and shows them to all your apps.',
    nextStep({ level, user, only }, server),
    '`help` shows what I can do.',
    'Mind: who runs this machine could read what passes through it.',
  ].join('\n');
}

function nextStep({ user, only }: Grant, server: ServerFacts): string {
  if (only !== undefined) return 'Next: set this account up in your other apps as in this one.';
  const [first] = user.accounts;
  if (first === undefined) return 'Next: `account add you@example.org`';
  return `Next: log in with your apps as ${first.jid}, ${serverText(server)}.`;
}
