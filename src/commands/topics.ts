/** What help tells beside the commands. */
import type { Context } from './context.ts';

interface Topic {
  /** One line of `help`; empty: another help text leads there. */
  summary: string;
  /** Other words for it. */
  words: readonly string[];
  /** At most 12 lines; addresses stand alone. */
  text(context: Pick<Context, 'grant' | 'server'>): string;
}

export const topics: Readonly<Record<string, Topic>> = {
  encryption: {
    summary: 'which login for it',
    words: ['omemo', 'openpgp', 'ox', 'e2ee'],
    text({ grant: { user, only }, server: { domain } }) {
      const account = user.accounts.find(({ jid }) => only === undefined || jid === only);
      const others = [
        'Does an app insist on a certificate',
        "of the address's own domain? Then as",
        `${user.name}+${account?.label ?? 'label'}@${domain}`,
        'There only OMEMO 0.3 works, which is',
        'what most apps have; not 2, not OX.',
        `${user.name}@${domain}`,
        'is for talking to me.',
      ];
      // The other logins go by the proxy password, and what proved one account alone learns nothing of them.
      const elsewhere = user.verifiers === undefined ? ['You have no other login.'] : others;
      return [
        'Apps encrypt for addresses, so log in',
        'as the account itself: OMEMO, OpenPGP',
        'and all else works there.',
        account?.jid ?? 'you@example.org',
        ...(only === undefined ? elsewhere : []),
        'Never encrypt what you write to me.',
      ].join('\n');
    },
  },
  services: {
    summary: '',
    words: ['service', 'jat'],
    text: () =>
      [
        'policy: who of several gets the work.',
        'encoding=localpart: one chat for each',
        'user; private=yes: users are hidden.',
        'messages=resources: to each app, not',
        'to the account. initiate=yes: it may',
        'write to people who never wrote to it.',
        'allow: who may use it. timeout: seconds',
        'for an answer. rate: requests a second',
        'of one user, total: of all of them.',
        'open: requests at once.',
        'name, category, type, avatar: what',
        'people see (XEP-0030, a data: URI).',
      ].join('\n'),
  },
};

/** By its name, its start of three letters or more, or another word for it. */
export function findTopic(word: string): Topic | undefined {
  const lower = word.toLowerCase();
  const fits = ([name, { words }]: [string, Topic]): boolean =>
    words.includes(lower) || (lower.length > 2 && name.startsWith(lower));
  return Object.entries(topics).find(fits)?.[1];
}
