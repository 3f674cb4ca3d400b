/** Messages from upstream (RULES 1 to 3): each client gets each one once. */
import { isFull, type Jid } from '../wire/jid.ts';
import { NS } from '../wire/ns.ts';
import { delay, type Stanza } from '../wire/stanza.ts';
import { childIn, hasChild } from '../wire/xml.ts';
import type { ArchiveQueries } from './archives.ts';
import { carbonOf, unwrap, wrap } from './carbons.ts';
import { isSentBy } from './catchup.ts';
import type { Client } from './clients.ts';
import type { Context } from './context.ts';
import { hasEndIn } from './forged.ts';
import { mirror } from './mirror.ts';
import type { Sent } from './outbound.ts';
import type { Events } from './pep.ts';
import type { Replay } from './replay.ts';
import type { Rooms } from './rooms.ts';
import type { MediaSessions } from './sessions.ts';

interface Parts {
  events: Events;
  archives: ArchiveQueries;
  rooms: Rooms;
  media: MediaSessions;
  replay: Replay;
  sent: Sent;
}

export class Inbound {
  readonly #context: Context;
  readonly #parts: Parts;

  constructor(context: Context, parts: Parts) {
    this.#context = context;
    this.#parts = parts;
  }

  take(message: Stanza): void {
    const { rooms } = this.#parts;
    if (message.type === 'error') return this.#error(message);
    if (message.type === 'groupchat') return void rooms.message(message);
    if (this.#isSpecial(message) || rooms.message(message)) return;
    this.#deliver(message);
  }

  /** From the server's archive: as if it came now, with the date it was said (milliseconds). */
  missed(message: Stanza, at: number): void {
    const { account, up } = this.#context;
    const { from, to } = message;
    const dated = childIn(message.tree, NS.delay) === undefined ? message.adding(delay(account, at)) : message;
    if (from === undefined || to === undefined) return this.take(dated);
    if (isSentBy(message, account)) return this.#sentElsewhere(dated, to, from, at);
    if (isFull(to as Jid) && to !== up.address() && message.type !== 'error')
      return this.#receivedElsewhere(dated, to, from);
    this.take(dated);
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

  /** As itself, to every client that takes messages; who does not now will find it in the archive. */
  #deliver(message: Stanza): void {
    const { account, archive, clients, outlet, up } = this.#context;
    const toBare = message.to === undefined || !isFull(message.to as Jid);
    const own = message.from === up.address() ? this.#parts.sent.senderOf(account, message.id)?.address : undefined;
    const ours = own === undefined ? {} : { client: own, from: own };
    const taken = archive.take(message, { isSent: false, ...ours });
    if (taken.isRepeated) return;
    const { place } = taken;
    const stanza = own === undefined ? taken.stanza : taken.stanza.readdress({ to: message.to, from: own });
    const recipients = toBare ? clients.reachable : clients.taking;
    if (recipients.length > 0) outlet.deliver(recipients, stanza, place);
    if (place === undefined) this.#parts.replay.hold(clients.behind, stanza);
  }

  /** XEP-0280: what other resources of the account, not ours, sent and received. */
  #carbon(message: Stanza): void {
    const { account, log, settings } = this.#context;
    const carbon = carbonOf(message.tree);
    if (message.from !== account || carbon === undefined || hasEndIn(settings.domain, carbon.inner))
      return log.warn('forged carbon dropped', { account, from: message.from });
    const inner = unwrap(carbon.inner);
    if (inner.from === undefined || inner.to === undefined) return;
    if (carbon.direction === 'received') return this.#receivedElsewhere(inner, inner.to, inner.from);
    if (inner.from !== this.#context.up.address()) this.#sentElsewhere(inner, inner.to, inner.from);
  }

  #receivedElsewhere(inner: Stanza, to: string, from: string): void {
    const { account, archive, clients, outlet } = this.#context;
    if (this.#parts.rooms.isPrivate(inner)) return;
    const { stanza, place, isRepeated } = archive.take(inner, { isSent: false, way: 'carbon' });
    if (isRepeated) return;
    const present = [...clients.all()].filter((client) => client.presence !== undefined && isDue(client, place));
    const withCarbons = present.filter((client) => client.carbons).map(({ sid }) => sid);
    const without = present.filter((client) => !client.carbons && client.priority >= 0).map(({ sid }) => sid);
    const copy = () => wrap('received', account, stanza, to, from);
    if (withCarbons.length > 0) outlet.deliver(withCarbons, copy(), place);
    if (without.length > 0) outlet.deliver(without, stanza, place);
  }

  #sentElsewhere(inner: Stanza, to: string, from: string, at?: number): void {
    const said = at === undefined ? {} : { at };
    const { stanza, place, isRepeated } = this.#context.archive.take(inner, { isSent: true, way: 'carbon', ...said });
    const among = this.#parts.rooms.membersAt(to as Jid);
    if (!isRepeated) mirror(this.#context, stanza, to, from, undefined, { among, place });
  }

  /** To the client whose message it is about, as itself; to the others as a carbon (RULES 2). */
  #error(message: Stanza): void {
    const { account, archive, clients, outlet } = this.#context;
    if (message.from === undefined) return;
    const sender = this.#parts.sent.senderOf(message.from as Jid, message.id);
    const { stanza, place, isRepeated } = archive.take(message, { isSent: false });
    if (isRepeated) return;
    if (sender !== undefined && isDue(sender, place)) outlet.deliver([sender.sid], stanza, place);
    if (this.#parts.rooms.has(message.from)) return this.#parts.rooms.error(message);
    const others = clients.others(sender?.sid ?? -1).filter((client) => client.carbons && isDue(client, place));
    if (others.length > 0 && !hasChild(message.tree, 'x', NS.mucUser))
      outlet.deliver(
        others.map(({ sid }) => sid),
        wrap('received', account, stanza, account, message.from),
        place,
      );
  }
}

/** Who is behind finds in the archive what is there. */
const isDue = ({ isBehind }: Client, place: number | undefined): boolean => !isBehind || place === undefined;
