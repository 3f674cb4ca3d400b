/** Result set management (XEP-0059): the page that is asked for, and what is said of the one that is given. */
import { StanzaError } from '../wire/error.ts';
import { NS } from '../wire/ns.ts';
import { type Element, xml } from '../wire/xml.ts';

/** Which page; none of it: the first one, of the usual size. */
export interface PageWish {
  /** 0: none, but how many there are (§2.7). */
  max: number | undefined;
  after: string | undefined;
  /** Empty: the last page (§2.5). */
  before: string | undefined;
}

export interface PageGiven {
  first?: string | undefined;
  last?: string | undefined;
  /** Of the first one, among all. */
  index?: number | undefined;
  count?: number | undefined;
}

/** The wish in a query; throws `bad-request`, and `feature-not-implemented` for a page by its index (§2.6). */
export function readPageWish(query: Element): PageWish {
  const set = query.getChild('set', NS.rsm);
  if (set?.getChild('index') !== undefined)
    throw new StanzaError('feature-not-implemented', 'Pages are asked for by ids, not by their index');
  const max = set?.getChildText('max')?.trim();
  if (max !== undefined && !/^\d{1,9}$/.test(max)) throw new StanzaError('bad-request', 'max is no number');
  return {
    max: max === undefined ? undefined : Number(max),
    after: set?.getChildText('after')?.trim() || undefined, // empty: before the first one
    before: set?.getChild('before')?.getText().trim(),
  };
}

/** §2.2: an empty page has neither first nor last. */
export function pageElement({ first, last, index, count }: PageGiven): Element {
  return xml(
    'set',
    NS.rsm,
    first === undefined ? undefined : xml('first', { index: index?.toString() }, first),
    last === undefined ? undefined : xml('last', {}, last),
    count === undefined ? undefined : xml('count', {}, String(count)),
  );
}
