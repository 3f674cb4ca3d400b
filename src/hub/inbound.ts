/** Messages from upstream (RULES 1 to 3): each client gets each one once. */

import { StanzaError } from '../wire/error.ts';
import { isFull, type Jid } from '../wire/jid.ts';
import { NS } from '../wire/ns.ts';
import { errorOf, type Stanza } from '../wire/stanza.ts';
import { hasChild } from '../wire/xml.ts';
import type { ArchiveQueries } from './archives.ts';
import { BoundedMap } from './bounded.ts';
import { carbonOf, unwrap, wrap } from './carbons.ts';
import type { Context } from './context.ts';
import { hasEndIn } from './forged.ts';
import { mirror } from './mirror.ts';
import { isKeepable, type Waiting } from './offline.ts';
import type { Sent } from './outbound.ts';
import type { Events } from './pep.ts';
import type { Rooms } from './rooms.ts';
import type { MediaSessions } from './sessions.ts';

interface Parts {
  events: Events;
  archives: ArchiveQueries;
  rooms: Rooms;
  media: MediaSessions;
  offline: Waiting;
  sent: Sent;
}

const keyOf = ({ from, id }: Stanza): string => `${from} ${id}`;

export class Inbound {
  readonly #context: Context;
  readonly #parts: Parts;
  /** When messages came, as themselves or as a carbon: a further carbon of one of them is a second copy. */
  readonly #seen = new BoundedMap<string, number>(500);

  constructor(context: Context, parts: Parts) {
    this.#context = context;
    this.#parts = parts;
  }

  /** When that message came; undefined where nobody knows (any more). */
  seenAt(message: Stanza): number | undefined {
    return message.id === undefined ? undefined : this.#seen.get(keyOf(message));
  }

  take(message: Stanza): void {
    const { rooms } = this.#parts;
    if (message.type === 'error') return this.#error(message);
    if (message.type === 'groupchat') return void rooms.message(message);
    if (this.#isSpecial(message) || rooms.message(message)) return;
    this.#deliver(message);
  }

  /** Carbons, archive results, events, bytestreams: the kinds that have rules of their own. Most messages have no such child. */
  #isSpecial(message: Stanza): boolean {
    const { archives, events, media } = this.#parts;
    for (const child of message.tree.children) {
      if (typeof child === 'string') continue;
      switch (child.attrs.xmlns) {
        case NS.carbons:
          if (child.name === 'private') break;
          this.#carbon(message);
          return true;
        case NS.mam:
          if (archives.take(message)) return true;
          break;
        case NS.pubsubEvent:
          if (events.take(message)) return true;
          break;
        case NS.ibb: {
          const holder = media.holder(child);
          if (holder === undefined) break;
          this.#context.outlet.deliver([holder], message);
          return true;
        }
      }
    }
    return false;
  }

  /** As itself, to every client that takes messages; kept where there is none. */
  #deliver(message: Stanza): void {
    const { clients, outlet, up } = this.#context;
    const toBare = message.to === undefined || !isFull(message.to as Jid);
    const recipients = toBare ? clients.reachable : clients.available;
    if (message.id !== undefined) this.#seen.set(keyOf(message), this.#context.now());
    if (recipients.length === 0) return this.#keep(message);
    const own =
      message.from === up.address() ? this.#parts.sent.senderOf(this.#context.account, message.id) : undefined;
    outlet.deliver(recipients, own === undefined ? message : message.readdress({ from: own.address }));
  }

  #keep(message: Stanza): void {
    if (!isKeepable(message)) return;
    if (!this.#parts.offline.isFull) return this.#parts.offline.add(message);
    const full = new StanzaError('resource-constraint', 'Too many messages wait for this person');
    this.#context.up.send(errorOf(message, full).textFor(message.from, undefined));
  }

  /** XEP-0280: what other resources of the account, not ours, sent and received. */
  #carbon(message: Stanza): void {
    const { account, clients, outlet, log, settings } = this.#context;
    const carbon = carbonOf(message.tree);
    if (message.from !== account || carbon === undefined || hasEndIn(settings.domain, carbon.inner))
      return log.warn('forged carbon dropped', { account, from: message.from });
    const inner = unwrap(carbon.inner);
    if (inner.from === undefined || inner.to === undefined) return;
    const { rooms } = this.#parts;
    if (carbon.direction === 'sent') {
      const among = rooms.membersAt(inner.to as Jid);
      if (inner.from !== this.#context.up.address())
        mirror(this.#context, inner, inner.to, inner.from, undefined, among);
      return;
    }
    if (rooms.isPrivate(inner)) return;
    if (this.seenAt(inner) !== undefined) return;
    if (inner.id !== undefined) this.#seen.set(keyOf(inner), this.#context.now());
    const present = [...clients.all()].filter(({ presence }) => presence !== undefined);
    const withCarbons = present.filter((client) => client.carbons).map(({ sid }) => sid);
    const without = present.filter((client) => !client.carbons && client.priority >= 0).map(({ sid }) => sid);
    if (withCarbons.length > 0) outlet.deliver(withCarbons, wrap('received', account, inner, inner.to, inner.from));
    if (without.length > 0) outlet.deliver(without, inner);
    // the other resource has it: not for us to answer
    if (present.length === 0 && isKeepable(inner) && !this.#parts.offline.isFull) this.#parts.offline.add(inner);
  }

  /** To the client whose message it is about, as itself; to the others as a carbon (RULES 2). */
  #error(message: Stanza): void {
    const { account, clients, outlet } = this.#context;
    if (message.from === undefined) return;
    const sender = this.#parts.sent.senderOf(message.from as Jid, message.id);
    if (sender !== undefined) outlet.deliver([sender.sid], message);
    if (this.#parts.rooms.has(message.from)) return this.#parts.rooms.error(message);
    const copies = clients.others(sender?.sid ?? -1).filter((client) => client.carbons);
    if (copies.length > 0 && !hasChild(message.tree, 'x', NS.mucUser))
      outlet.deliver(
        copies.map(({ sid }) => sid),
        wrap('received', account, message, account, message.from),
      );
  }
}
