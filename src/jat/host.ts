/** What a host says where it is no service address itself: which addresses it has; of all others that they are not there. */
import { type BareJid, bare, type Jid } from '../wire/jid.ts';
import { NS } from '../wire/ns.ts';
import { errorOf, resultOf, Stanza } from '../wire/stanza.ts';
import { type Element, firstElement, xml } from '../wire/xml.ts';
import { questionOf } from './identity.ts';
import { isAnswerable } from './place.ts';
import type { AddressSettings } from './types.ts';

/** `host`: where it was sent to, unless to a resource; `addresses`: that host's. Undefined: nothing is to be said. */
export function answerAsHost(
  stanza: Stanza,
  from: Jid,
  host: BareJid | undefined,
  addresses: readonly AddressSettings[],
): Stanza | undefined {
  if (stanza.name === 'presence') {
    if (stanza.type !== 'subscribe' && stanza.type !== 'probe') return undefined;
    return Stanza.of(
      xml('presence', { type: 'unsubscribed', from: stanza.to && bare(stanza.to as Jid), to: bare(from) }),
    );
  }
  if (!isAnswerable(stanza)) return undefined;
  const payload = stanza.type === 'get' && addresses.length > 0 ? firstElement(stanza.tree) : undefined;
  if (payload?.attrs.xmlns === NS.ping) return resultOf(stanza);
  const answer = host === undefined ? undefined : discovered(questionOf(payload), host, addresses);
  return answer === undefined ? errorOf(stanza, 'service-unavailable') : resultOf(stanza, answer);
}

function discovered(
  question: ReturnType<typeof questionOf>,
  host: BareJid,
  addresses: readonly AddressSettings[],
): Element | undefined {
  if (question === 'info') {
    const features = [NS.discoInfo, NS.discoItems, NS.ping].map((feature) => xml('feature', { var: feature }));
    const identity = xml('identity', { category: 'component', type: 'generic', name: host });
    return xml('query', NS.discoInfo, identity, ...features);
  }
  if (question !== 'items') return undefined;
  const items = addresses
    .filter(({ enabled }) => enabled)
    .map(({ address, name }) => xml('item', { jid: address, name }));
  return xml('query', NS.discoItems, ...items);
}
