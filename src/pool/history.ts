/** What people ask of a user's archive: words in it, how far it reaches, and that messages be deleted. */
import type { ArchivedMessage, Selection, Store } from '../archive/types.ts';
import type { Ask, Hit, Hits, Reach, Sought, UnitQuestions } from '../link/link.ts';
import type { BareJid } from '../wire/jid.ts';

export const selectionOf = ({ peer }: Sought): Selection => (peer === null ? {} : { peer });

/** All before a page is read for it. */
const farthest = 5000;

/** The newest of all accounts, whatever account they are of. */
export async function search(store: Store, ask: Ask<UnitQuestions, 'search'>): Promise<Hits> {
  const { accounts, words, since, skip, limit } = ask;
  const selection: Selection = { ...selectionOf(ask), words, ...(since !== null && { start: since }) };
  let total = 0;
  for (const account of accounts) total += await store.messages.count(account, selection);
  if (skip >= total || skip > farthest) return { hits: [], total };
  const found: Hit[] = [];
  for (const account of accounts) {
    const { messages } = await store.messages.page(account, selection, skip + limit, true);
    found.push(...messages.map((message) => hitOf(account, message)));
  }
  found.sort((one, other) => other.at - one.at);
  return { hits: found.slice(skip, skip + limit), total };
}

const hitOf = (account: BareJid, message: ArchivedMessage): Hit => ({
  account,
  at: message.at,
  peer: message.peer,
  nick: message.type === 'groupchat' ? (message.resource ?? null) : null,
  isSent: message.isSent,
  body: message.body ?? '',
});

export async function forgetHistory(store: Store, ask: Sought): Promise<number> {
  let count = 0;
  for (const account of ask.accounts) count += await store.messages.forget(account, selectionOf(ask));
  return count;
}

export async function reach(store: Store, ask: Sought): Promise<Reach> {
  const found: Reach = { messages: 0, first: null, waiting: 0, size: await store.size() };
  for (const account of ask.accounts) {
    const extent = await store.messages.extent(account, selectionOf(ask));
    found.waiting += (await store.read(account, 'outbox')).length;
    if (extent === undefined) continue;
    found.messages += extent.count;
    found.first = Math.min(found.first ?? extent.first.at, extent.first.at);
  }
  return found;
}

/** So many addresses are told. */
const mostPeers = 20;

export async function peers(store: Store, accounts: readonly BareJid[], start: string): Promise<string[]> {
  const found = await Promise.all(accounts.map((account) => store.messages.peers(account, start, mostPeers)));
  return [...new Set(found.flat())].sort().slice(0, mostPeers);
}
