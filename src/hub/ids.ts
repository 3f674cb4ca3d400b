/**
 * Names of archived messages (XEP-0359): our own, made of the place; and that of the account's own server, its alias. Apps that used
 * the server's archive before know aliases, so they are accepted wherever ours are.
 */
import type { ArchivedMessage, Messages } from '../archive/types.ts';
import type { BareJid } from '../wire/jid.ts';
import { placeOf } from './place.ts';

type OfOne<F> = F extends (account: string, ...words: infer Words) => infer Answer
  ? (...words: Words) => Answer
  : never;
/** The archive of one account, for who reads it. */
export type Archived = { readonly [K in 'find' | 'page' | 'count']: OfOne<Messages[K]> };

export const archivedOf = (messages: Messages, account: BareJid): Archived => ({
  find: (sought) => messages.find(account, sought),
  page: (selection, limit, backwards) => messages.page(account, selection, limit, backwards),
  count: (selection) => messages.count(account, selection),
});

/** The message that is called so; undefined where the archive has none. */
export async function findById(archived: Archived, id: string): Promise<ArchivedMessage | undefined> {
  const aliased = await archived.find({ alias: id });
  if (aliased !== undefined) return aliased;
  const place = placeOf(id);
  if (place === undefined) return undefined;
  const { messages } = await archived.page({ places: [place] }, 1);
  return messages[0];
}
