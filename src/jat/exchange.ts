/**
 * A stanza as the other side shall see it: the addresses inside, at the places of `wire/places.ts`, and without what would
 * let one side speak as somebody else. What has no address inside keeps its text.
 */
import { type BareJid, bare, type Jid, readJid } from '../wire/jid.ts';
import { NS } from '../wire/ns.ts';
import { type Exchange, mayHavePlaces, withPlaces } from '../wire/places.ts';
import { Stanza } from '../wire/stanza.ts';
import { Element } from '../wire/xml.ts';
import type { Users } from './users.ts';

/** Both ends of one exchange. */
export interface Ends {
  address: BareJid;
  users: Users;
  user: Jid;
  /** The address that the user wrote to, or would have: ours, or a resource or node of it. */
  asked: Jid;
  /** Where the target is: a resource of it, or its bare address. */
  target: Jid;
  /** Users are sealed: nobody but `user` is told to anybody. */
  private: boolean;
}

/** Has it no address inside, and nothing that one of the sides must not say? */
const isOuterAll = ({ name, tree }: Stanza): boolean => name !== 'message' && !mayHavePlaces(tree);

/** A user's stanza as the target sees it, `from` whom it knows. */
export function toTarget(stanza: Stanza, ends: Ends, from: string, id = stanza.id): Stanza {
  const { address, asked, target, user, users } = ends;
  if (isOuterAll(stanza)) return readdressed(stanza, target, from, id);
  const own = bare(user);
  const askedBare = bare(asked);
  const exchange: Exchange = (text) => {
    const found = readJid(text);
    if (found === undefined) return text;
    const whose = bare(found);
    if (whose === own) return users.seen(found) ?? text;
    if (found === asked) return target;
    return whose === address || whose === askedBare ? exchangeAddress(found, ends) : text;
  };
  const { tree } = stanza;
  const guarded = stanza.name === 'message' ? without(tree, isForgery, [address, askedBare, bare(target)]) : undefined;
  return translated(stanza, guarded, exchange, target, from, id);
}

/** Of our address itself the target's bare one; what lies below it is somebody else, as the target sees them. */
const exchangeAddress = (found: Jid, { address, target }: Ends): string => (found === address ? bare(target) : found);

/** A target's stanza as the user sees it. */
export function toUser(stanza: Stanza, ends: Ends, from: string, to: string, id = stanza.id): Stanza {
  const { address, asked, target, user, users } = ends;
  if (isOuterAll(stanza)) return readdressed(stanza, to, from, id);
  const account = bare(target);
  const exchange: Exchange = (text) => {
    const found = readJid(text);
    if (found === undefined) return text;
    if (bare(found) === account) return found === target ? asked : address;
    const whom = users.userOf(found);
    return whom !== undefined && (!ends.private || bare(whom) === bare(user)) ? whom : text;
  };
  const guarded = stanza.name === 'message' ? without(stanza.tree, isForgery, []) : undefined;
  return translated(stanza, guarded, exchange, to, from, id);
}

function translated(
  stanza: Stanza,
  guarded: Element | undefined,
  exchange: Exchange,
  to: string,
  from: string,
  id: string | undefined,
): Stanza {
  const changed = withPlaces(guarded ?? stanza.tree, exchange) ?? guarded;
  return readdressed(stanza, to, from, id, changed);
}

/** Its text is as it was, where its id and what is in it are. */
function readdressed(stanza: Stanza, to: string, from: string, id: string | undefined, changed?: Element): Stanza {
  if (changed === undefined && id === stanza.id) return stanza.readdress({ to, from });
  const root = shallow(changed ?? stanza.tree);
  Object.assign(root.attrs, { to, from, id });
  return Stanza.of(root);
}

/** Another outermost element around the same children; nobody changes a stanza's tree. */
function shallow({ name, attrs, children }: Element): Element {
  const copy = new Element(name, attrs);
  copy.children = children;
  return copy;
}

/**
 * What only the receiver's own server or archive may say: carbons (XEP-0280 §11), ids given by those who are addressed
 * (XEP-0359 §3.1, rule 7). Of extended addresses (XEP-0033), who is said to have written it first: that is `from`.
 */
function isForgery(child: Element, own: readonly BareJid[]): boolean {
  const ns = child.attrs.xmlns;
  if (ns === NS.carbons) return child.name === 'sent' || child.name === 'received';
  if (ns !== NS.sid || child.name !== 'stanza-id') return false;
  const by = readJid(child.attrs.by);
  return by !== undefined && own.includes(bare(by));
}

const isOrigin = ({ name, attrs }: Element): boolean => name === 'address' && attrs.type === 'ofrom';

/** Undefined if nothing has to go. */
function without(
  tree: Element,
  forged: (child: Element, own: readonly BareJid[]) => boolean,
  own: readonly BareJid[],
): Element | undefined {
  let found = false;
  const children: (Element | string)[] = [];
  for (const child of tree.children) {
    if (typeof child === 'string') children.push(child);
    else if (forged(child, own)) found = true;
    else if (child.attrs.xmlns === NS.addresses && child.children.some(isOriginNode)) {
      found = true;
      const addresses = shallow(child);
      addresses.children = child.children.filter((inner) => !isOriginNode(inner));
      children.push(addresses);
    } else children.push(child);
  }
  if (!found) return undefined;
  const copy = shallow(tree);
  copy.children = children;
  return copy;
}

const isOriginNode = (node: Element | string): boolean => typeof node !== 'string' && isOrigin(node);
