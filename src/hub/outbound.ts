/** Messages from clients (RULES 6): to the server, and to the user's other clients. */
import { createHash, randomBytes } from 'node:crypto';
import { StanzaError } from '../wire/error.ts';
import { bare, type Jid } from '../wire/jid.ts';
import { NS } from '../wire/ns.ts';
import { errorOf, type Stanza } from '../wire/stanza.ts';
import { childOf, hasChild, xml } from '../wire/xml.ts';
import type { Client } from './clients.ts';
import type { Context, Past } from './context.ts';
import { Lately, type Name } from './hashed.ts';
import { concernsCopy, mirror } from './mirror.ts';
import { aboutName } from './names.ts';
import { Acknowledgements, ChatStates, isPassing } from './once.ts';
import type { Outbox, Waiting } from './outbox.ts';
import type { Rooms } from './rooms.ts';
import type { MediaSessions } from './sessions.ts';

/** Who sent which message: errors come back to the sender, a message to oneself from the app that wrote it. */
export class Sent {
  /** By what aboutName says of it. */
  readonly #senders = new Lately(2000);
  readonly #context: Context;
  constructor(context: Context) {
    this.#context = context;
  }
  note(about: Name | undefined, sid: number): void {
    if (about !== undefined) this.#senders.set(about, sid);
  }
  /** The connected client that sent the message with that id to that peer. */
  senderOf(peer: Jid, id: string | undefined): Client | undefined {
    const sid = id === undefined ? undefined : this.#senders.get(aboutName(bare(peer), id));
    return sid === undefined ? undefined : this.#context.clients.get(sid);
  }
}

const day = 24 * 60 * 60 * 1000;
/** So far may the clock have been set back between a message's coming and its place: microseconds. */
const skew = 1_000_000;
/** So far may its number be ahead of the time, and of its place, where many come in one millisecond: microseconds. */
const bump = 1000;

interface Parts {
  sent: Sent;
  outbox: Outbox;
  media: MediaSessions;
  rooms: Rooms;
  /** An error about a message that did not get to the server. */
  failed(error: Stanza): void;
  /** All clients have what stands there in the archive. */
  /** Where a message stands that a hub before this one gave a place at `since` or later, and may have shown. */
  shown: { replaced(place: number, since: number): void; placedAnew(place: number, since: number): void };
}

export class Outbound {
  readonly #context: Context;
  readonly #sent: Sent;
  readonly #outbox: Outbox;
  readonly #media: MediaSessions;
  readonly #rooms: Rooms;
  readonly #failed: (error: Stanza) => void;
  readonly #shown: Parts['shown'];
  readonly #acknowledgements = new Acknowledgements();
  readonly #chatStates = new ChatStates();

  constructor(context: Context, parts: Parts) {
    this.#context = context;
    this.#sent = parts.sent;
    this.#outbox = parts.outbox;
    this.#media = parts.media;
    this.#rooms = parts.rooms;
    this.#failed = parts.failed;
    this.#shown = parts.shown;
  }

  take(client: Client, given: Stanza, order?: number): void {
    const { account, archive, clients, outlet } = this.#context;
    const to = (given.to ?? account) as Jid;
    const about = aboutOf(given, to);
    if (archive.mayKnow(given, to, about) && this.#isRepeated(client, given, to)) return;
    if (this.#hasSaid(client, given, to)) return;
    const local = clients.at(to);
    const refusal = this.#trouble(given) ?? (local === undefined ? this.#rooms.refusal(client, given, to) : undefined);
    if (refusal !== undefined) return outlet.deliver([client.sid], errorOf(given, refusal));
    const message = withId(given, client, order);
    if (local !== undefined) return this.#between(client, local, message);
    if (!this.#mayLeave(client, given, to)) return;
    this.#sent.note(about, client.sid);
    this.#media.fromClient(client.sid, message.tree);
    if (!this.#send(client, message, to, order)) return;
    // what goes to oneself comes back from the server, once for each client
    if (bare(to) === account || message.type === 'error' || message.type === 'groupchat') return;
    const source = { isSent: true, client: client.address, from: client.address, to, about };
    const { stanza, place } = archive.take(message, source);
    const among = this.#rooms.membersAt(to);
    mirror(this.#context, stanza, to, client.address, client.sid, { among, place, tree: message.tree });
  }

  /** Its app sends once more what it, or the account's server, has said already. */
  #isRepeated({ address, mayRepeat }: Client, message: Stanza, to: Jid): boolean {
    const { archive } = this.#context;
    return [address, undefined].some((sender) => archive.placeFrom(sender, message, to, mayRepeat) !== undefined);
  }

  /** A room's word for what its client cannot know: that the message was taken before the client's stream broke. */
  #hasSaid({ mayRepeat }: Client, message: Stanza, to: Jid): boolean {
    return message.type === 'groupchat' && mayRepeat.until > 0 && this.#rooms.hasSaid(message, to, mayRepeat);
  }

  /** What cannot be kept safe is not taken: who sent it has to know. */
  #trouble({ type, tree }: Stanza): StanzaError | undefined {
    if (this.#context.archive.trouble === undefined || type === 'error' || isPassing(tree)) return undefined;
    return new StanzaError(
      'resource-constraint',
      'Not sent: messages cannot be kept safe on the proxy now. Try later.',
    );
  }

  /** To another client of the account, and to no other. */
  #between(client: Client, local: Client, message: Stanza): void {
    const { archive, outlet } = this.#context;
    const source = { isSent: true, client: client.address, from: client.address, to: local.address };
    const { stanza, place } = archive.take(message, source);
    if (local.isBehind && place !== undefined) return; // it will find it there
    outlet.deliver([local.sid], stanza.readdress({ from: client.address }), place);
  }

  /** Of several clients' errors, receipts, markers and chat states only one may leave; about copies none. */
  #mayLeave(client: Client, message: Stanza, to: Jid): boolean {
    if (concernsCopy(message)) return false;
    if (message.type === 'error') return this.#context.clients.others(client.sid).length === 0;
    // an occupant of a room is a peer of its own
    const peer = this.#rooms.has(to) ? to : bare(to);
    if (this.#acknowledgements.isRepeated(peer, message.tree)) return false;
    if (!this.#chatStates.mayLeave(peer, client.sid, message.tree)) return false;
    if (childOf(message.tree, 'body') !== undefined) client.activeAt = this.#context.now();
    return true;
  }

  /** To the server, by the outbox. False if it could not be taken: the client knows. */
  #send(client: Client, message: Stanza, to: Jid, order: number | undefined): boolean {
    const { up, outlet } = this.#context;
    if (isPassing(message.tree)) return !this.#outbox.isHeldUp && up.send(message.textFor(to, undefined));
    const refusal = this.#outbox.isHeldUp ? this.#refusal(message) : undefined;
    if (refusal === undefined) this.#outbox.add(message.textFor(to, undefined), client.address, order);
    else if (message.type !== 'error') outlet.deliver([client.sid], errorOf(message, refusal));
    return refusal === undefined;
  }

  /** A room has to be entered again before it takes a message; and there is an end to what is kept. */
  #refusal({ type }: Stanza): StanzaError | undefined {
    if (type === 'groupchat') return new StanzaError('recipient-unavailable', 'The server is not reachable now');
    if (this.#outbox.isFull) return new StanzaError('resource-constraint', 'Too many messages wait for the server');
    return undefined;
  }

  /**
   * What a hub before this one took, and died before it was durable: the user's other clients have seen it, the server perhaps.
   * Where nobody knows whether it took it, its place says so: that outlives a hub sooner than all the rest that a message brought.
   */
  repeat(client: Client, given: Stanza, past: Past, order?: number): void {
    const { account, archive, clients, outlet, up } = this.#context;
    const to = (given.to ?? account) as Jid;
    if (archive.placeFrom(client.address, given, to, client.mayRepeat) !== undefined) return;
    const since = { since: order === undefined ? 0 : order - skew, until: archive.last };
    const message = withId(given, client, order);
    const before = archive.placeFrom(client.address, message, to, since);
    const caught = before ?? archive.placeFrom(undefined, message, to, since);
    if (past === 'told' && caught === undefined && given.type !== 'groupchat') return this.take(client, given, order);
    if (given.type === 'error' || isPassing(given.tree)) return;
    const source = { isSent: true, client: client.address, from: client.address, to };
    const placed = (order ?? 0) - bump;
    // the server's own copy is here; of what was only told nobody has seen anything
    if (before === undefined && caught !== undefined)
      return void (past === 'taken' && this.#shown.replaced(caught, placed));
    const keep = (): void => {
      const place = before ?? archive.take(message, source).place;
      if (before === undefined && place !== undefined) this.#shown.placedAnew(place, placed);
    };
    if (clients.at(to) !== undefined) return keep();
    this.#sent.note(aboutOf(message, to), client.sid);
    const isRooms = message.type === 'groupchat' && this.#rooms.has(to);
    const refusal = isRooms ? undefined : this.#refusal(message);
    if (refusal !== undefined) return outlet.deliver([client.sid], errorOf(message, refusal));
    this.#outbox.wait(message.textFor(to, undefined), client.address, order);
    if (bare(to) !== account && message.type !== 'groupchat') keep();
    if (up.online() && this.#outbox.isOpen) this.flush();
  }

  load(): Promise<void> {
    return this.#outbox.load();
  }

  // ---- the server

  /** It has all that was sent with these sequence numbers. */
  handled(first: number, last: number): void {
    this.#outbox.handled(first, last);
  }

  /** Another session, or one that a hub before this one began (`isSame`). Then flush(), when nothing is to be looked for before. */
  renewed(isSame: boolean): void {
    this.#outbox.renewed(isSame);
  }

  /** What was sent in a session that is over, and the server may have; found() says that it has. */
  doubtful(): Waiting[] {
    return this.#outbox.doubtful();
  }

  found(key: string): void {
    this.#outbox.found(key);
  }

  /** The server is there (again): what waited, in order, with the date it was sent; then what comes. */
  flush(): void {
    this.#outbox.flush((message, tell) => this.#rooms.again(message, tell));
  }

  offline(): void {
    this.#outbox.close();
  }

  /** From time to time. What waited for too long comes back as an error, to all that saw it leave (RULES 2); root says so, too. */
  expire(): void {
    const { settings, now, tell } = this.#context;
    const late = this.#outbox.expire(now() - (settings.expiry ?? day));
    if (late.length === 0) return;
    for (const waiting of late) this.#fail(waiting);
    const peers = [...new Set(late.map(({ message }) => bare(message.to as Jid)))];
    tell(tooLate(late.length, peers));
  }

  #fail({ client, message }: Waiting): void {
    const { account, clients } = this.#context;
    const sender = clients.at(client);
    if (sender !== undefined) this.#sent.note(aboutOf(message, message.to as Jid), sender.sid);
    const reason = new StanzaError('remote-server-timeout', 'The server was not reachable for too long');
    if (message.type !== 'error') this.#failed(errorOf(message.readdress({ to: message.to, from: account }), reason));
  }

  gone(sid: number): void {
    this.#chatStates.gone(sid);
  }
}

const aboutOf = ({ id }: Stanza, to: Jid): Name | undefined => (id === undefined ? undefined : aboutName(bare(to), id));

/** By which it is found again, at the server and in the archive (XEP-0359); the same when a hub after this one is told it once more. */
function withId(message: Stanza, { address }: Client, order: number | undefined): Stanza {
  const isNamed = message.id !== undefined || hasChild(message.tree, 'origin-id', NS.sid);
  if (isNamed || isPassing(message.tree)) return message;
  return message.adding(
    xml('origin-id', {
      xmlns: NS.sid,
      id: order === undefined ? randomBytes(12).toString('base64url') : idOf(`${address} ${order} ${message.rest}`),
    }),
  );
}

const idOf = (text: string): string => createHash('sha256').update(text).digest('base64url').slice(0, 16);

function tooLate(count: number, peers: readonly string[]): string {
  const named = peers.slice(0, 5).join(', ') + (peers.length > 5 ? ', …' : '');
  const what = count === 1 ? 'A message was' : `${count} messages were`;
  return `${what} not sent, for the server was not reachable all the time: to ${named}. Please send again what still matters.`;
}
