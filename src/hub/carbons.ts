/** Message Carbons (XEP-0280): what is eligible, and the wrapper. */
import type { BareJid } from '../wire/jid.ts';
import { NS } from '../wire/ns.ts';
import { delay, Stanza } from '../wire/stanza.ts';
import { childIn, childOf, clone, type Element, escapeAttribute, hasChild, serialize } from '../wire/xml.ts';

/** XEP-0334 and XEP-0280 §9: the sender wants no copies. */
export const isPrivate = (message: Element): boolean =>
  hasChild(message, 'private', NS.carbons) || hasChild(message, 'no-copy', NS.hints);

/** XEP-0280 §6.1: would a server copy that message to the other resources? `toOccupant`: of a room, to those that are in it. */
export function isEligible(message: Element, toOccupant = false): boolean {
  const { type } = message.attrs;
  if (type === 'groupchat' || type === 'headline' || type === 'error') return false;
  if (isPrivate(message) || childIn(message, NS.carbons) !== undefined) return false;
  if (!toOccupant && hasChild(message, 'x', NS.mucUser))
    return hasChild(message.getChild('x', NS.mucUser)!, 'invite', NS.mucUser);
  if (type === 'chat') return true;
  return (
    childOf(message, 'body') !== undefined ||
    childIn(message, NS.receipts) !== undefined ||
    childIn(message, NS.markers) !== undefined ||
    childIn(message, NS.chatStates) !== undefined ||
    childIn(message, NS.jingleMessage) !== undefined
  );
}

export type Direction = 'sent' | 'received';

/** The message inside a carbon, or undefined. */
export function carbonOf(message: Element): { direction: Direction; inner: Element } | undefined {
  const wrapper = childIn(message, NS.carbons);
  if (wrapper === undefined || (wrapper.name !== 'sent' && wrapper.name !== 'received')) return undefined;
  const inner = wrapper.getChild('forwarded', NS.forward)?.getChild('message');
  return inner === undefined || inner.getNS() !== NS.client ? undefined : { direction: wrapper.name, inner };
}

/**
 * XEP-0280 §7, §8: the copy for a client that enabled carbons; `inner` is serialised once, with the addresses given. `at`: when that
 * was (XEP-0297 §3.1), if it was not now; milliseconds.
 */
export function wrap(
  direction: Direction,
  account: BareJid,
  inner: Stanza,
  to: string,
  from: string,
  at?: number,
): Stanza {
  const date = at === undefined ? '' : serialize(delay(account, at));
  const text =
    ` type="${inner.type === 'normal' || inner.type === undefined ? 'normal' : inner.type}">` +
    `<${direction} xmlns="${NS.carbons}"><forwarded xmlns="${NS.forward}">${date}` +
    `<message xmlns="${NS.client}" to="${escapeAttribute(to)}" from="${escapeAttribute(from)}"${inner.rest}` +
    `</forwarded></${direction}></message>`;
  return Stanza.fromParts('message', { from: account, type: inner.type }, text);
}

/** A message that was inside a wrapper, to stand alone. */
export function unwrap(inner: Element): Stanza {
  const copy = clone(inner);
  delete copy.attrs.xmlns;
  return Stanza.of(copy);
}
