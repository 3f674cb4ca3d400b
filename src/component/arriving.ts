/** What a stanza from the component's server must be before anybody looks at what it says (XEP-0114 §3, RFC 6120 §8). */
import { type Condition, StanzaError } from '../wire/error.ts';
import { type BareJid, isAt, readJid } from '../wire/jid.ts';
import { errorOf, Stanza } from '../wire/stanza.ts';
import type { Element } from '../wire/xml.ts';

/** A stanza to go on with, an answer that it has already, or why there is neither. */
export type Arrived = { stanza: Stanza } | { answer: Stanza } | { dropped: string };

/**
 * The element is the stanza's from now on. Nobody but people of other domains speaks to a component.
 *
 * COMPAT: ejabberd 23.01 sends what is for any component host of a listener to whichever of them is connected there, so
 * `to` may be on another host.
 */
export function arriving(element: Element, host: BareJid): Arrived {
  const attrs = element.attrs as { from?: string; to?: string; id?: string; type?: string };
  const from = readJid(attrs.from);
  const to = readJid(attrs.to);
  if (from === undefined || isAt(from, host)) return { dropped: 'no sender of theirs' };
  attrs.from = from;
  if (to === undefined) return refused(element, host, 'jid-malformed', '');
  attrs.to = to;
  // what has no id cannot be answered
  if (element.name === 'iq' && !attrs.id) return { dropped: 'an iq without id' };
  return { stanza: Stanza.of(element) };
}

/** That stanza as an error to its sender, if it may be answered (RFC 6120 §8.2.3, §8.3.1). */
export function refused(element: Element, host: BareJid, condition: Condition, why: string): Arrived {
  const { attrs, name } = element as {
    attrs: { from?: string; to?: string; type?: string; id?: string };
    name: string;
  };
  const from = readJid(attrs.from);
  const isAnswer = attrs.type === 'error' || (name === 'iq' && attrs.type === 'result');
  if (from === undefined || isAt(from, host) || isAnswer || name === 'presence')
    return { dropped: `${condition} ${why}`.trimEnd() };
  attrs.from = from;
  attrs.to = readJid(attrs.to) ?? host;
  return { answer: errorOf(Stanza.of(element), new StanzaError(condition, why)) };
}
