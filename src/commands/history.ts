/** `history`: what the archive has, and out of it. */
import type { Hit, Sought } from '../link/link.ts';
import type { Context } from './context.ts';
import { command, noAccount } from './define.ts';
import { UsageError } from './error.ts';
import { readAccount } from './kinds.ts';
import { choosePeer } from './peer.ts';
import { readSince } from './since.ts';
import { count, dateText, peerText, typed, wrap } from './text.ts';
import type { Group } from './tree.ts';

/** As many hits as a phone shows without scrolling far. */
const perPage = 5;

interface Words {
  with?: string | undefined;
  account?: string | undefined;
}

/** Which messages are meant, of those that this login may know of. */
async function soughtOf({ with: peer, account }: Words, context: Context): Promise<Sought> {
  const { user, only } = context.grant;
  const all = user.accounts.map(({ jid }) => jid).filter((jid) => only === undefined || jid === only);
  if (all.length === 0) throw new UsageError(noAccount);
  const accounts = account === undefined ? all : [readAccount(account, context).jid];
  return { accounts, peer: peer === undefined ? null : await choosePeer(peer, accounts, context) };
}

const places = {
  with: { kind: 'text', label: 'contact or room', optional: true },
  account: { kind: 'text', label: 'account', optional: true },
} as const;

const search = command({
  summary: 'find messages by words',
  access: 'all',
  args: {
    words: { kind: 'text', label: 'words', rest: true },
    ...places,
    since: { kind: 'text', label: 'since when', optional: true },
    page: { kind: 'number', label: 'page', optional: true },
  },
  words: ['words'],
  example: 'history search lunch tomorrow with=bob since=3d',
  next: 'I show messages that have all the words, the newest first. since: `12h`, `3d`, `2w`, or a date like 2026-01-31.',
  check({ since }, { clock }) {
    if (since !== undefined) readSince(since, clock.now());
  },
  async run({ words, page: wanted = 1, since, ...more }, context) {
    const { grant, pool, clock } = context;
    const sought = await soughtOf(more, context);
    const number = Math.max(1, wanted);
    const from = since === undefined ? null : readSince(since, clock.now());
    const skip = (number - 1) * perPage;
    const { hits, total } = await pool.search(grant.user.name, { ...sought, words, since: from, skip, limit: perPage });
    if (total === 0) return 'No message has these words. Fewer words, or the start of another?';
    const again = (at: number) => `\`${typed('history search', [words], { ...more, since, page: String(at) })}\``;
    if (hits.length === 0 && skip < total) return 'So many I do not show. More words, or with=…, find fewer.';
    if (hits.length === 0) return `There is no page ${number}: ${again(1)}`;
    const shown = hits.map((hit) => describe(hit, sought, context));
    const left = total - skip - hits.length;
    return [...shown, left > 0 ? `…and ${left} more: ${again(number + 1)}` : count(total, 'message')].join('\n');
  },
});

function describe({ account, at, peer, nick, isSent, body }: Hit, { accounts }: Sought, { grant }: Context): string {
  const label = grant.user.accounts.find(({ jid }) => jid === account)?.label;
  const who = nick === null ? [] : [`${peerText(nick)}:`];
  return [
    `${dateText(at)} ${isSent ? 'to' : 'from'}${accounts.length > 1 ? ` (${label})` : ''}`,
    peer,
    ...wrap([...who, peerText(body)].join(' ')),
  ].join('\n');
}

const forget = command({
  summary: 'delete messages for good',
  access: 'all',
  args: { ...places, all: { kind: 'flag', label: 'all messages', optional: true } },
  example: 'history forget with=bob@example.org',
  next: 'I say how many they are and ask for a code. Name a contact (with=…), an account (account=…), or `all`.',
  check({ with: peer, account, all }) {
    if (peer === undefined && account === undefined && all !== true)
      throw new UsageError('What shall I forget? with=… a contact, account=… an account, or `all`.');
  },
  target: ({ with: peer, account, all }) => [peer, account, all === true ? 'all' : undefined].filter(Boolean).join(' '),
  async run(words, context) {
    const { grant, pool } = context;
    const sought = await soughtOf(words, context);
    const { messages } = await pool.reach(grant.user.name, sought);
    if (messages === 0) return 'There is no such message.';
    const text = [
      `This deletes ${count(messages, 'message')}`,
      ...(sought.peer === null ? [] : ['with', sought.peer]),
      ...(sought.accounts.length === 1
        ? ['of', sought.accounts[0]!]
        : [`of ${count(sought.accounts.length, 'account')}`]),
      'from this proxy, for good. What apps and servers have stays there.',
      'To keep a copy first: `history export`',
    ].join('\n');
    return {
      text,
      confirm: async () => `Deleted: ${count(await pool.forgetHistory(grant.user.name, sought), 'message')}.`,
    };
  },
});

const exported = command({
  summary: 'write messages to a file',
  access: 'all',
  args: { ...places, format: { kind: 'choice', of: ['json', 'xml'], label: 'format', optional: true } },
  example: 'history export with=bob@example.org',
  next: 'The file is on the machine that xmpproxy runs on. json: one message a line; xml: XEP-0227.',
  target: ({ with: peer, account }) => [peer, account].filter(Boolean).join(' '),
  async run({ format = 'json', ...words }, context) {
    const sought = await soughtOf(words, context);
    const { file, messages } = await context.pool.exportHistory(context.grant.user.name, { ...sought, format });
    return `${count(messages, 'message')}, in\n${file}\non the proxy's machine. Take it away from there: whoever administers it can read it.`;
  },
});

export const history: Group = {
  summary: 'search and delete messages',
  least: 3,
  commands: { search, forget, export: exported },
};
