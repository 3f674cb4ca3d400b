/**
 * SOCKS5 bytestreams (XEP-0065; in Jingle XEP-0260): both ends name a connection by a hash over both full addresses. Where
 * an own address is exchanged on the way, each side computes another one. A candidate is of use only if the side that offers
 * it tells its hash (`dstaddr`); and our client's mediators never are, since they compute it from the address they see.
 */
import { NS } from '../wire/ns.ts';
import { childIn, clone, type Element, elements } from '../wire/xml.ts';

/** A stanza without candidates that cannot work. `sender`: a client's address, where the stanza goes out from it. */
export function withUsableCandidates(stanza: Element, sender?: string): Element {
  const useless = (candidate: Element) => isUseless(candidate, sender);
  if (!candidatesIn(stanza).some(useless)) return stanza;
  const copy = clone(stanza);
  for (const candidate of candidatesIn(copy)) {
    if (!useless(candidate)) continue;
    const parent = candidate.parent as Element;
    parent.children = parent.children.filter((child) => child !== candidate);
  }
  return copy;
}

function candidatesIn(stanza: Element): Element[] {
  const plain = childIn(stanza, NS.bytestreams);
  if (plain !== undefined) return plain.name === 'query' ? named(plain, 'streamhost') : [];
  const jingle = childIn(stanza, NS.jingle);
  if (jingle === undefined) return [];
  const transports = named(jingle, 'content')
    .flatMap(elements)
    .filter(({ attrs }) => attrs.xmlns === NS.jingleS5b);
  return transports.flatMap((transport) => named(transport, 'candidate'));
}

const named = (element: Element, name: string): Element[] => elements(element).filter((child) => child.name === name);

function isUseless({ name, attrs, parent }: Element, sender: string | undefined): boolean {
  if (parent?.attrs.dstaddr === undefined) return true;
  if (sender === undefined) return false;
  return name === 'streamhost' ? attrs.jid !== sender : attrs.type === 'proxy';
}
