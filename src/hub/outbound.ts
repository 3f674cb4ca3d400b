/** Messages from clients (RULES 6): to the server, and to the user's other clients. */
import { StanzaError } from '../wire/error.ts';
import { bare, type Jid } from '../wire/jid.ts';
import { errorOf, type Stanza } from '../wire/stanza.ts';
import { BoundedMap } from './bounded.ts';
import type { Client } from './clients.ts';
import type { Context } from './context.ts';
import { concernsCopy, mirror } from './mirror.ts';
import type { Waiting } from './offline.ts';
import { Acknowledgements, ChatStates, isPassing } from './once.ts';
import type { Rooms } from './rooms.ts';
import type { MediaSessions } from './sessions.ts';

/** Who sent which message: errors come back to the sender, a message to oneself from the app that wrote it. */
export class Sent {
  readonly #senders = new BoundedMap<string, number>(2000);
  readonly #context: Context;
  constructor(context: Context) {
    this.#context = context;
  }
  note(to: Jid, id: string | undefined, sid: number): void {
    if (id !== undefined) this.#senders.set(`${bare(to)} ${id}`, sid);
  }
  /** The connected client that sent the message with that id to that peer. */
  senderOf(peer: Jid, id: string | undefined): Client | undefined {
    const sid = id === undefined ? undefined : this.#senders.get(`${bare(peer)} ${id}`);
    return sid === undefined ? undefined : this.#context.clients.get(sid);
  }
}

export class Outbound {
  readonly #context: Context;
  readonly #sent: Sent;
  readonly #outbox: Waiting;
  readonly #media: MediaSessions;
  readonly #rooms: Rooms;
  readonly #acknowledgements = new Acknowledgements();
  readonly #chatStates = new ChatStates();

  constructor(context: Context, parts: { sent: Sent; outbox: Waiting; media: MediaSessions; rooms: Rooms }) {
    this.#context = context;
    this.#sent = parts.sent;
    this.#outbox = parts.outbox;
    this.#media = parts.media;
    this.#rooms = parts.rooms;
  }

  take(client: Client, message: Stanza, order?: number): void {
    const { account, clients, outlet } = this.#context;
    const to = (message.to ?? account) as Jid;
    const local = clients.at(to);
    if (local !== undefined) return outlet.deliver([local.sid], message.readdress({ from: client.address }));
    const refusal = this.#rooms.refusal(client, message, to);
    if (refusal !== undefined) return outlet.deliver([client.sid], errorOf(message, refusal));
    if (!this.#mayLeave(client, message, to)) return;
    this.#sent.note(to, message.id, client.sid);
    this.#media.fromClient(client.sid, message.tree);
    if (!this.#send(client, message, to, order)) return;
    // what goes to oneself comes back from the server, once for each client
    const among = this.#rooms.membersAt(to);
    if (bare(to) !== account) mirror(this.#context, message, to, client.address, client.sid, among);
  }

  /** Of several clients' errors, receipts, markers and chat states only one may leave; about copies none. */
  #mayLeave(client: Client, message: Stanza, to: Jid): boolean {
    if (concernsCopy(message)) return false;
    if (message.type === 'error') return this.#context.clients.others(client.sid).length === 0;
    // an occupant of a room is a peer of its own
    const peer = this.#rooms.has(to) ? to : bare(to);
    if (this.#acknowledgements.isRepeated(peer, message.tree)) return false;
    if (!this.#chatStates.mayLeave(peer, client.sid, message.tree)) return false;
    if (message.tree.getChild('body') !== undefined) client.activeAt = this.#context.now();
    return true;
  }

  /** To the server, or into the outbox while it is away. False if it could not be taken: the client knows. */
  #send(client: Client, message: Stanza, to: Jid, order: number | undefined): boolean {
    // behind what waits already, to keep the order
    if (this.#outbox.size === 0 && this.#context.up.send(message.textFor(to, undefined))) return true;
    if (message.type === 'error' || isPassing(message.tree)) return false;
    const refusal = this.#refusal(message);
    if (refusal === undefined) this.#outbox.add(message.readdress({ to }), order);
    else this.#context.outlet.deliver([client.sid], errorOf(message, refusal));
    return refusal === undefined;
  }

  /** A room has to be entered again before it takes a message; and there is an end to what is kept. */
  #refusal({ type }: Stanza): StanzaError | undefined {
    if (type === 'groupchat') return new StanzaError('recipient-unavailable', 'The server is not reachable now');
    if (this.#outbox.isFull) return new StanzaError('resource-constraint', 'Too many messages wait for the server');
    return undefined;
  }

  /** The server is there (again): what waited, in order, with the date it was sent. */
  flush(): void {
    const { up } = this.#context;
    // a thread that dies before the server has them shall find them again
    this.#outbox.drain(
      (message) => this.#rooms.again(message) ?? up.send(message.textFor(message.to, undefined)),
      () => up.acknowledged(),
    );
  }

  /** What a hub before this one took, and died: the user's other clients have seen it, the server perhaps. */
  repeat(client: Client, message: Stanza, order?: number): void {
    const { account, clients, outlet, up } = this.#context;
    const to = (message.to ?? account) as Jid;
    if (message.type === 'error' || isPassing(message.tree) || clients.at(to) !== undefined) return;
    this.#sent.note(to, message.id, client.sid);
    const isRooms = message.type === 'groupchat' && this.#rooms.has(to);
    const refusal = isRooms ? undefined : this.#refusal(message);
    if (refusal !== undefined) return outlet.deliver([client.sid], errorOf(message, refusal));
    this.#outbox.add(message.readdress({ to }), order);
    if (up.online()) this.flush();
  }

  load(): Promise<void> {
    return this.#outbox.load();
  }

  /** Messages the server may never have got, oldest first: before those that wait already. */
  again(messages: readonly Stanza[]): void {
    this.#outbox.addFirst(messages.filter(({ tree }) => !isPassing(tree)));
  }

  gone(sid: number): void {
    this.#chatStates.gone(sid);
  }
}
