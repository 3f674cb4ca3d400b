/**
 * What cannot survive another own address: OMEMO 2 (XEP-0384 with XEP-0420) and OpenPGP for XMPP (XEP-0373) have addresses
 * inside the ciphertext, which the far side must compare. Their nodes are not there in a translated view. The older OMEMO
 * (`eu.siacs.conversations.axolotl`) names devices only, and passes.
 */
import { StanzaError } from '../wire/error.ts';
import type { BareJid } from '../wire/jid.ts';
import { NS } from '../wire/ns.ts';
import { isRequest, type Stanza } from '../wire/stanza.ts';
import { clone, type Element, elements, firstElement } from '../wire/xml.ts';

const prefixes = [NS.omemo1, NS.omemo2, NS.openpgp];

const isWithheld = (name: unknown): boolean =>
  typeof name === 'string' && prefixes.some((prefix) => name === prefix || name.startsWith(`${prefix}:`));

const filtered = new WeakMap<ReadonlySet<string>, ReadonlySet<string>>();

/** Features without those encryptions and without interest in their nodes. */
export function usableFeatures(features: ReadonlySet<string>): ReadonlySet<string> {
  const known = filtered.get(features);
  if (known !== undefined) return known;
  const usable = new Set([...features].filter((feature) => !isWithheld(feature.replace(/\+notify$/, ''))));
  filtered.set(features, usable);
  return usable;
}

/** Why a client's request is refused here; undefined if it may go on. */
export function refusalOf(request: Stanza, account: BareJid): StanzaError | undefined {
  const payload = isRequest(request) ? firstElement(request.tree) : undefined;
  if (payload === undefined || !nodesIn(payload).some(isWithheld)) return undefined;
  if (request.type === 'get') return new StanzaError('item-not-found');
  const advice = `This encryption needs the account's own address: log in as ${account}`;
  return new StanzaError('not-acceptable', advice);
}

/** The nodes that a request for pubsub (XEP-0060) or disco (XEP-0030) names. */
function nodesIn(payload: Element): unknown[] {
  switch (payload.attrs.xmlns) {
    case NS.pubsub:
    case NS.pubsubOwner:
      return elements(payload).map(({ attrs }) => attrs.node);
    case NS.discoInfo:
    case NS.discoItems:
      return [payload.attrs.node];
    default:
      return [];
  }
}

/** Is that an event of such a node? */
export function isWithheldEvent({ name, tree }: Stanza): boolean {
  const event = name === 'message' ? tree.getChild('event', NS.pubsubEvent) : undefined;
  return event !== undefined && elements(event).some(({ attrs }) => isWithheld(attrs.node));
}

/** Lists of nodes without these: disco#items, and one's subscriptions and affiliations (XEP-0060 §5.2, §5.6, §5.7). */
export function withoutNodes(tree: Element): Element {
  if (!listsIn(tree).some(({ attrs }) => isWithheld(attrs.node))) return tree;
  const copy = clone(tree);
  for (const entry of listsIn(copy)) {
    if (!isWithheld(entry.attrs.node)) continue;
    const list = entry.parent as Element;
    list.children = list.children.filter((child) => child !== entry);
  }
  return copy;
}

function listsIn(tree: Element): Element[] {
  const payload = firstElement(tree);
  if (payload?.attrs.xmlns === NS.discoItems) return elements(payload);
  return payload?.attrs.xmlns === NS.pubsub ? elements(payload).flatMap(elements) : [];
}
