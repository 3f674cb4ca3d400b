/** What a client's stanza must be before anybody looks at what it says (RFC 6120 §8). */
import { StanzaError, StreamError } from '../wire/error.ts';
import { type BareJid, type FullJid, parseJid, readJid } from '../wire/jid.ts';
import { Stanza } from '../wire/stanza.ts';
import { type Element, elements } from '../wire/xml.ts';

/** RFC 6121 §4.7.1. */
const presenceTypes = new Set([
  undefined,
  'unavailable',
  'subscribe',
  'subscribed',
  'unsubscribe',
  'unsubscribed',
  'probe',
  'error',
]);
const iqTypes = new Set<string | undefined>(['get', 'set', 'result', 'error']);

/** RFC 6120 §8.1.2.1: nobody speaks for another. */
export function checkFrom({ attrs }: Element, address: FullJid, bare: BareJid): void {
  if (attrs.from === undefined || attrs.from === address || attrs.from === bare) return;
  const from = readJid(attrs.from);
  if (from !== address && from !== bare) throw new StreamError('invalid-from');
}

/** The element as the stanza that goes on: `to` prepared, no `from`, a language (RFC 6120 §8.1.5). Throws StanzaError. */
export function takeStanza(element: Element, lang: string | undefined): Stanza {
  const { attrs } = element;
  delete attrs.from;
  if (attrs.to !== undefined) attrs.to = parseJid(attrs.to);
  if (lang !== undefined && attrs['xml:lang'] === undefined) attrs['xml:lang'] = lang;
  if (element.name === 'iq') checkIq(element);
  else if (element.name === 'presence' && !presenceTypes.has(attrs.type)) throw new StanzaError('bad-request');
  return Stanza.of(element);
}

/** RFC 6120 §8.2.3. */
function checkIq(element: Element): void {
  const { id, type } = element.attrs;
  if (!id) throw new StanzaError('bad-request', "an iq needs an 'id'");
  if (!iqTypes.has(type)) throw new StanzaError('bad-request', "no valid 'type'");
  const payloads = elements(element).length;
  if ((type === 'get' || type === 'set') && payloads !== 1) throw new StanzaError('bad-request', 'one payload');
  if (type === 'result' && payloads > 1) throw new StanzaError('bad-request', 'one payload at most');
}

/** May a fault of that stanza be answered? An error or result never is (RFC 6120 §8.2.3, §8.3.1). */
export const isAnswerable = ({ name, attrs }: Element): boolean =>
  attrs.type !== 'error' && !(name === 'iq' && attrs.type === 'result');
