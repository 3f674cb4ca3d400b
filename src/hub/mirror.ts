/** What one client sends, for the others (RULES 6): carbons where they are enabled, inline copies elsewhere. */
import { randomBytes } from 'node:crypto';
import { type BareJid, bare, type FullJid, type Jid } from '../wire/jid.ts';
import { NS } from '../wire/ns.ts';
import { Stanza } from '../wire/stanza.ts';
import { childIn, clone, type Element, hasChild, xml } from '../wire/xml.ts';
import { isEligible, wrap } from './carbons.ts';
import type { Client } from './clients.ts';
import type { Context } from './context.ts';
import { acknowledgedId } from './once.ts';
import { stanzaIdOf } from './place.ts';

/** How long after its first presence a client may still enable carbons before it counts as without. */
const grace = 10_000;
const copyPrefix = 'xmpproxy-copy-';
/** The same whenever that message is copied again. */
const copyId = (place: number | undefined): string =>
  copyPrefix + (place === undefined ? randomBytes(8).toString('hex') : stanzaIdOf(place));

/** Receipts, markers and errors that name such an id are about our copy, which nobody else knows: they end here. */
export function concernsCopy(message: Stanza): boolean {
  const id = message.type === 'error' ? message.id : acknowledgedId(message.tree);
  return id?.startsWith(copyPrefix) ?? false;
}

/**
 * Mirrors a message that went out from `from`, to all clients but its sender. `sender` is undefined when another resource of
 * the account, not a client of ours, sent it.
 *
 * `place`: where it is in the archive; clients that are being given what they missed will find it there. `tree`: of the message as
 * it went out, without what was added here.
 *
 * `among`: `to` is an occupant of a room that these clients are in. XEP-0280 §6.1 wants a private message copied to the clients
 * that share the nick and to no others: who reads both sides of that talk on the other app expects it, and an app that is not in
 * the room could not answer. The mark of a private message (XEP-0045 §7.5) is added where the sender left it out.
 */
export function mirror(
  context: Context,
  original: Stanza,
  to: string,
  from: string,
  sender: number | undefined,
  { among, place, tree }: { among?: ReadonlySet<number> | undefined; place?: number | undefined; tree?: Element } = {},
): void {
  const withCarbons: number[] = [];
  const without: Client[] = [];
  for (const client of context.clients.all()) {
    const { sid, isBehind, carbons, presence, priority } = client;
    if (sid === sender || presence === undefined || (isBehind && place !== undefined)) continue;
    if (among !== undefined && !among.has(sid)) continue;
    if (carbons) withCarbons.push(sid);
    else if (priority >= 0) without.push(client);
  }
  if (withCarbons.length + without.length === 0 || !isEligible(tree ?? original.tree, among !== undefined)) return;
  const message = among === undefined ? original : marked(original);
  if (withCarbons.length > 0)
    context.outlet.deliver(withCarbons, wrap('sent', context.account, message, to, from), place);
  if (without.length === 0) return;
  const copy = inlineCopy(context, message, among === undefined ? bare(to as BareJid) : (to as FullJid), place);
  if (copy !== undefined) for (const client of without) deliverWhenSure(context, client, copy, place);
}

/**
 * A client that has just come may still enable carbons: until that is known, its copies wait. In the archive, where they are there:
 * what it acknowledges must not pass them by, for they would be lost with us.
 */
function deliverWhenSure(context: Context, client: Client, copy: Stanza, place: number | undefined): void {
  const now = context.now();
  client.availableAt = Math.min(client.availableAt, now); // the clock may have been set back
  const until = client.availableAt + grace;
  const wait = client.isPlain ? 0 : until - now;
  if (wait > 0 && place !== undefined && context.postpone(client, place, until)) return;
  const deliver = () => {
    const isThere = context.clients.get(client.sid) === client && client.presence !== undefined;
    if (isThere && !client.knowsCarbons) context.outlet.deliver([client.sid], copy, place);
  };
  if (wait <= 0) deliver();
  else context.later(wait, deliver);
}

/** As a private message in a room. */
export function marked(message: Stanza): Stanza {
  if (hasChild(message.tree, 'x', NS.mucUser)) return message;
  const copy = clone(message.tree);
  copy.append(xml('x', NS.mucUser));
  return Stanza.of(copy);
}

/** The body alone, under an id of ours; nothing of an encrypted message, whose body is only an excuse. */
export function inlineCopy(
  { settings }: Context,
  message: Stanza,
  peer: Jid,
  place: number | undefined,
): Stanza | undefined {
  const body = message.tree.getChildText('body');
  if (!body || settings.mirror === 'off' || childIn(message.tree, NS.encryption) !== undefined) return undefined;
  if (message.tree.children.some((child) => typeof child !== 'string' && child.name === 'encrypted')) return undefined;
  const inChat = settings.mirror === 'inline';
  const text = inChat ? `→ ${body}` : `→ ${peer}: ${body}`;
  const from = inChat ? peer : `log@${settings.domain}`;
  return Stanza.of(xml('message', { from, type: 'chat', id: copyId(place) }, xml('body', {}, text)));
}
