/**
 * Own addresses, exchanged between a client of a translated view and the hub of its account: `addresses.md` specifies it.
 * Pure and reversible; what is in no place of the table stays as it is.
 */
import { type BareJid, domainOf, type FullJid, localOf, readJid, resourceOf, withResource } from '../wire/jid.ts';
import { type Exchange, withPlaces } from '../wire/places.ts';
import { Stanza } from '../wire/stanza.ts';
import { Element } from '../wire/xml.ts';

/** A client's own address, and the account that it shows. */
export interface Pair {
  /** alice+work@proxy.example */
  readonly own: BareJid;
  /** alice@work.example */
  readonly account: BareJid;
}

/** Client → hub; the hub reads the tree. */
export function outward({ to, from, tree }: Stanza, { own, account }: Pair): Stanza {
  const exchange = exchangeOf(own, account, markOf(own));
  const copy = withPlaces(tree, exchange) ?? shallow(tree);
  if (to !== undefined) copy.attrs.to = exchange(to);
  if (from !== undefined) copy.attrs.from = exchange(from);
  return Stanza.of(copy);
}

/** Hub → client; where nothing inside differs the text is shared with other clients. */
export function inward(stanza: Stanza, { own, account }: Pair): Stanza {
  const exchange = exchangeOf(account, own, markOf(own));
  const copy = withPlaces(stanza.tree, exchange);
  const same = copy === undefined ? stanza : Stanza.of(copy);
  return same.readdress({ to: stanza.to && exchange(stanza.to), from: stanza.from && exchange(stanza.from) });
}

/** The client's full address as the hub knows it. */
export const hubAddress = (address: FullJid, { own, account }: Pair): FullJid =>
  withResource(account, toggle(resourceOf(address), markOf(own)));

/** Resources of a translated view do not meet those of the account itself, unless an app asks for such a one by name. */
const markOf = (own: BareJid): string => `~${localOf(own)}`;

/** With the mark, or without it. Whatever the resource, twice is nothing: an even number of marks gains one, an odd one loses one. */
function toggle(resource: string, mark: string): string {
  let rest = resource;
  let marks = 0;
  for (; rest.endsWith(mark); marks++) rest = rest.slice(0, -mark.length);
  return marks % 2 === 0 ? resource + mark : resource.slice(0, -mark.length);
}

/** Prepared already, as far as it could be ours. */
const isPlain = /^(?!.*xn--)[a-z0-9@._+-]*[a-z0-9_+-]$/;

/** One address: own or own server's, or another's, which stays as it is written. */
function exchangeOf(from: BareJid, to: BareJid, mark: string): Exchange {
  const server = domainOf(from);
  const otherServer = domainOf(to);
  return (address) => {
    const slash = address.indexOf('/');
    const text = slash < 0 ? address : address.slice(0, slash);
    const bare = text === from || isPlain.test(text) ? text : readJid(text);
    if (bare === from) return slash < 0 ? to : `${to}/${toggle(address.slice(slash + 1), mark)}`;
    return bare === server ? otherServer + address.slice(text.length) : address;
  };
}

/** Another outermost element around the same children; nobody changes a stanza's tree. */
function shallow({ name, attrs, children }: Element): Element {
  const copy = new Element(name, attrs);
  copy.children = children;
  return copy;
}
