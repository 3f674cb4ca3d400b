/** A page of the account's archive (XEP-0313); what of it only the account's server has is fetched first. */
import type { Page, Selection } from '../archive/types.ts';
import type { Archived } from './ids.ts';
import type { ServerMessage } from './server-archive.ts';

/** What the account's server has from before the account came to us. */
export interface Past {
  /** Nothing that was said since then (milliseconds since the epoch; undefined: ever) is there alone. */
  reaches(since: number | undefined): boolean;
  /** Fetches it, page by page, until that is enough; ends after a while in any case. */
  fetch(since: number | undefined, isEnough: () => boolean | Promise<boolean>): Promise<unknown>;
  /** Its first message. */
  first(): Promise<ServerMessage | undefined>;
}

/** What an archive is whose account was never elsewhere. */
export const noPast: Past = { reaches: () => true, fetch: async () => true, first: async () => undefined };

export interface PageRead extends Page {
  /** False: the server has more that belongs into it, and has not given it out yet. */
  isWhole: boolean;
}

/** In characters: what a client takes without a pause. */
const longest = 256 * 1024;

export async function readPage(
  { archived, past, isWanted }: { archived: Archived; past: Past; isWanted: () => boolean },
  selection: Selection,
  limit: number,
  isBackwards: boolean,
): Promise<PageRead> {
  const { start, after, places, words } = selection;
  const read = (): Promise<Page> => archived.page(selection, limit, isBackwards);
  // before it is read: what is read then has all of it
  const isHere = (): boolean => after !== undefined || places !== undefined || past.reaches(start);
  const isFull = ({ messages, complete }: Page): boolean => isBackwards && (!complete || messages.length === limit);
  let [all, page] = [isHere(), await read()];
  // words are looked for in what is here
  if (!all && words === undefined && !isFull(page)) {
    await past.fetch(start, async () => !isWanted() || (isBackwards && isFull(await read())));
    [all, page] = [isHere(), await read()];
  }
  const given = fitting(page, isBackwards);
  return { ...given, complete: given.complete && all, isWhole: all || isFull(page) };
}

/** As much of a page as a client is given at once, from the side where paging began; one message at least. */
function fitting({ messages, complete }: Page, isBackwards: boolean): Page {
  let left = longest;
  const ordered = isBackwards ? messages.toReversed() : messages;
  const beyond = ordered.findIndex(({ text }, index) => {
    left -= text.length;
    return left < 0 && index > 0;
  });
  if (beyond < 0) return { messages, complete };
  const kept = ordered.slice(0, beyond);
  return { messages: isBackwards ? kept.reverse() : kept, complete: false };
}
