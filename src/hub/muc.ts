/** Multi-User Chat (XEP-0045): what its stanzas say, and those that a room would send. */
import { type BareJid, type FullJid, resourceOf, withResource } from '../wire/jid.ts';
import { NS } from '../wire/ns.ts';
import { delay, Stanza } from '../wire/stanza.ts';
import { childIn, clone, type Element, elements, hasChild, serialize, xml } from '../wire/xml.ts';

/** §7.2.1: a wish to enter; also of who is in and has lost track. */
export const isJoin = ({ name, type, tree }: Stanza): boolean =>
  name === 'presence' && type === undefined && hasChild(tree, 'x', NS.muc);

/** §7.2.5 */
export const passwordOf = (join: Stanza): string | undefined =>
  join.tree.getChild('x', NS.muc)?.getChildText('password') ?? undefined;

const itemOf = ({ tree }: Stanza): Element | undefined => tree.getChild('x', NS.mucUser)?.getChild('item');

export const affiliationOf = (presence: Stanza): string => String(itemOf(presence)?.attrs.affiliation ?? 'none');

/** §7.6: the nick that follows, in the presence that ends the old one. */
export const nextNick = (presence: Stanza): string | undefined => itemOf(presence)?.attrs.nick as string | undefined;

/** Status codes (§16.6.2): 110 is about oneself, 303 a change of nick, … */
export const codesOf = ({ tree }: Stanza): ReadonlySet<string> =>
  new Set((tree.getChild('x', NS.mucUser)?.getChildren('status') ?? []).map(({ attrs }) => String(attrs.code)));

/**
 * §8.2, §9.1, §9.4, §10.9: did somebody want us out? 333 outweighs 307 (§11.1).
 * COMPAT: ejabberd 23.01 says nothing but 110 when an earlier session of ours, of the same full address, ends late.
 */
export const isWilled = ({ tree }: Stanza, codes: ReadonlySet<string>): boolean =>
  tree.getChild('x', NS.mucUser)?.getChild('destroy') !== undefined ||
  (!codes.has('333') && ['301', '307', '321', '322'].some((code) => codes.has(code)));

/** §7.2.15: a subject without a body. */
export const isSubject = ({ tree }: Stanza): boolean =>
  tree.getChild('subject') !== undefined && tree.getChild('body') === undefined;

/** Is that a message for the history: with something to read, or what its sender wants stored (XEP-0334)? */
export const isHistory = ({ tree }: Stanza): boolean =>
  !hasChild(tree, 'no-store', NS.hints) &&
  elements(tree).some(
    ({ name, attrs }) => name === 'body' || name === 'encrypted' || (name === 'store' && attrs.xmlns === NS.hints),
  );

/** §7.8 and XEP-0249, and the answer to them: for whoever is there, in the room or not. */
export function isInvitation({ tree }: Stanza): boolean {
  const user = tree.getChild('x', NS.mucUser);
  if (user?.getChild('invite') !== undefined || user?.getChild('decline') !== undefined) return true;
  return hasChild(tree, 'x', NS.conference);
}

/** When a message was sent (XEP-0203), where it says so. */
export function stampOf({ tree }: Stanza): number | undefined {
  const at = Date.parse(String(childIn(tree, NS.delay)?.attrs.stamp));
  return Number.isNaN(at) ? undefined : at;
}

/** §7.2.13: with the room's own word on when it was sent, or `now` if it gave none. */
export function withDelay(message: Stanza, room: BareJid, now: number): Stanza {
  const delays = elements(message.tree).filter(({ attrs }) => attrs.xmlns === NS.delay);
  if (delays.some(({ attrs }) => attrs.from === room || attrs.from === undefined)) return message;
  const copy = clone(message.tree);
  // a sender's own date (XEP-0203 §4) would be taken for the room's
  copy.children = copy.children.filter((child) => typeof child === 'string' || child.attrs.xmlns !== NS.delay);
  copy.append(delay(room, now));
  return Stanza.of(copy);
}

/** The error condition in an error stanza. */
export function conditionOf({ tree }: Stanza): string | undefined {
  const error = tree.getChild('error');
  return error && elements(error).find(({ attrs }) => attrs.xmlns === NS.stanzas)?.name;
}

/** The presence as it is apart from what each sending of it may change: to know a repetition by. */
export function essence(presence: Stanza): string {
  const copy = clone(presence.tree);
  for (const name of ['id', 'to']) delete copy.attrs[name];
  copy.children = copy.children.filter((child) => typeof child === 'string' || child.attrs.xmlns !== NS.muc);
  withoutStatus(copy);
  return serialize(copy);
}

/** Availability in words (RFC 6121 §4.7.2). */
export const statusText = ({ tree }: Stanza): string =>
  `${tree.getChildText('show') ?? ''} ${tree.getChildText('status') ?? ''}`;

function withoutStatus(presence: Element): Element | undefined {
  const user = presence.getChild('x', NS.mucUser);
  if (user !== undefined) user.children = elements(user).filter(({ name }) => name !== 'status');
  return user;
}

const status = (code: string): Element => xml('status', { code });

/** §7.2.2: who enters is shown itself, under the id of its own presence. */
export function selfPresence(known: Stanza, codes: readonly string[], id: string | undefined): Stanza {
  const copy = clone(known.tree);
  if (id === undefined) delete copy.attrs.id;
  else copy.attrs.id = id;
  const user = withoutStatus(copy) ?? xml('x', NS.mucUser);
  if (user.parent !== copy) copy.append(user);
  for (const code of codes) user.append(status(code));
  return Stanza.of(copy);
}

export interface Ending {
  affiliation?: string;
  codes?: readonly string[];
  id?: string | undefined;
  /** §7.6: the nick that follows. */
  nick?: string;
  /** In place of codes (§10.9). */
  destroyed?: boolean;
}

/** An occupant is in no longer (§7.14, §8.2, §9.1, §11.2), or not under that nick. */
export function ending(room: BareJid, nick: string, end: Ending = {}): Stanza {
  const { affiliation = 'none', codes = [], id, destroyed = false } = end;
  const role = end.nick === undefined ? 'none' : undefined;
  const user = xml(
    'x',
    NS.mucUser,
    xml('item', { affiliation, role, nick: end.nick }),
    destroyed ? xml('destroy') : undefined,
    ...codes.map(status),
  );
  return Stanza.of(xml('presence', { type: 'unavailable', id, from: withResource(room, nick) }, user));
}

/** §7.2.18: for somebody who takes himself to be in. */
export const outsider = (room: BareJid, nick: string, id: string | undefined): Stanza =>
  ending(room, nick, { codes: ['110', '307', '333'], id });

/** Others see what all clients can do, not what one of them can (XEP-0115). */
export function withCaps(presence: Stanza, caps: Element): Stanza {
  const copy = clone(presence.tree);
  copy.children = copy.children.filter((child) => typeof child === 'string' || child.attrs.xmlns !== NS.caps);
  copy.append(caps);
  return Stanza.of(copy);
}

/** §7.2.15: there is always a subject, be it empty. */
export const noSubject = (room: BareJid): Stanza =>
  Stanza.of(xml('message', { type: 'groupchat', from: room }, xml('subject')));

/** Own full addresses in `item` and `actor` (§7.2.3, §8.2) are each client's own. */
export function withOwnAddress(presence: Stanza, core: string, own: FullJid): Stanza {
  const copy = clone(presence.tree);
  const items = copy.getChild('x', NS.mucUser)?.getChildren('item') ?? [];
  for (const place of items.flatMap((item) => [item, ...item.getChildren('actor')]))
    if (place.attrs.jid === core) place.attrs.jid = own;
  return Stanza.of(copy);
}

/** The same stanza without its tree: for what is kept. */
export const compact = ({ name, from, id, type, rest }: Stanza): Stanza =>
  Stanza.fromParts(name, { from, id, type }, rest);

/** The nick a presence to an occupant's address asks for; empty for the room itself. */
export const nickIn = (address: string | undefined): string => resourceOf((address ?? '') as FullJid);

/** §7.2.17: what a refusal to let us in again means for clients that took us to be in. */
export function endingFor(condition: string): Ending {
  if (condition === 'forbidden') return { codes: ['110', '301'] };
  if (condition === 'registration-required') return { codes: ['110', '321'] };
  if (condition === 'item-not-found' || condition === 'gone') return { codes: ['110'], destroyed: true };
  return { codes: ['110', '333'] };
}

/**
 * §7.2.17: refusals that trying again does not change. Who is back first after a restart of the service makes a room anew, and
 * nobody else may enter before it is configured (§10.1): item-not-found; or we may not make it: not-allowed. These are final
 * only after a minute of attempts.
 */
export const isFinal = (condition: string, failures: number): boolean =>
  final.has(condition) || (failures >= 6 && (condition === 'item-not-found' || condition === 'not-allowed'));
const final: ReadonlySet<string> = new Set([
  ...['not-authorized', 'forbidden', 'gone', 'not-acceptable'],
  ...['registration-required', 'jid-malformed', 'bad-request', 'feature-not-implemented'],
]);
