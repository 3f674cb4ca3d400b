/** The clients of an account: how they come, what they say of themselves, and how they go. */
import { bare, type FullJid, type Jid } from '../wire/jid.ts';
import { parseElement } from '../wire/parser.ts';
import { errorOf, Stanza } from '../wire/stanza.ts';
import type { Client } from './clients.ts';
import type { Parts } from './parts.ts';
import { isSubscription } from './subscriptions.ts';

/** What is known of a client when it is attached: anew, or again after its unit has started elsewhere. */
export interface Attachment {
  address: FullJid;
  carbons: boolean;
  interested: boolean;
  blocklist: boolean;
  inactive: boolean;
  presence: string | undefined;
  directed: readonly string[];
  rooms: readonly string[];
  /** It takes what can wait; left out: it does. */
  isOpen?: boolean;
  /** All up to that place in the archive it has been given, or need not get; 0, or left out: nobody knows. */
  delivered?: number;
  /** The archive's last place when it came; left out: it comes now, or nobody knows. */
  began?: number;
  /** Of its features those that are of use in its view; the same set gives the same one. All, where left out. */
  usable?: (features: ReadonlySet<string>) => ReadonlySet<string>;
}

export class Attendance {
  readonly #parts: Parts;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  attach(sid: number, known: Attachment): void {
    const { context, flow, presences, rooms } = this.#parts;
    const client = this.#clientOf(sid, known);
    context.clients.add(client);
    if (known.began === undefined) context.outlet.facts(sid, { began: client.mayRepeat.until });
    if (known.isOpen === false) flow.set(sid, false);
    if (known.presence !== undefined)
      this.#restore(client, Stanza.of(parseElement(known.presence)), known.delivered ?? 0);
    presences.redirect(client, known.directed);
    rooms.attached(client, known.rooms);
    this.#weighActivity();
  }

  #clientOf(sid: number, known: Attachment): Client {
    const { address, carbons, interested, blocklist, inactive } = known;
    const { context, habits } = this.#parts;
    const habit = habits.of(address);
    return {
      sid,
      address,
      carbons,
      interested,
      blocklist,
      inactive,
      presence: undefined,
      priority: 0,
      availableAt: 0,
      activeAt: context.now(),
      isBehind: false,
      // an app does not hear of it when its unit starts anew
      mayRepeat: { since: habit.ended ?? 0, until: known.began ?? (known.presence ? 0 : context.archive.last) },
      knowsCarbons: carbons || habit.carbons === true,
      isPlain: habit.plain === true && habit.carbons !== true,
      usable: known.usable ?? ((features) => features),
      features: new Set(),
      notified: new Map(),
    };
  }

  /** A client that a hub before this one had: it has seen what is here, and the others have seen it. */
  #restore(client: Client, presence: Stanza, delivered: number): void {
    const { events, presences, capabilities, replay } = this.#parts;
    events.assume(client);
    presences.restore(client, presence);
    capabilities.fromPresence(client, presence);
    replay.restore(client, delivered);
  }

  /** `isClean`: it ended its session itself, and knows what became of all it sent. */
  detach(sid: number, isClean: boolean): void {
    const parts = this.#parts;
    const client = parts.context.clients.remove(sid);
    if (client === undefined || parts.line.isClosed) return;
    this.#remember(client, isClean);
    this.#succeed(client);
    parts.replay.gone(sid);
    parts.presences.gone(client);
    this.#weighActivity();
    parts.forwarded.gone(sid);
    parts.capabilities.gone(sid);
    parts.media.gone(sid);
    parts.rooms.gone(sid);
    parts.archives.gone(sid);
    parts.archive?.gone(sid);
    parts.flow.gone(sid);
    parts.outbound.gone(sid);
  }

  /**
   * Its app is there already with another session: this hub began after both. What the first had said is here only now, and the
   * second may say it once more.
   */
  #succeed({ address }: Client): void {
    const { context, habits } = this.#parts;
    const next = context.clients.at(address);
    if (next === undefined) return;
    next.mayRepeat = { since: habits.of(address).ended ?? 0, until: context.archive.last };
    context.outlet.facts(next.sid, { began: context.archive.last });
  }

  /** How it was when it went. */
  #remember({ sid, address, carbons }: Client, isClean: boolean): void {
    const { last } = this.#parts.context.archive;
    const rooms = this.#parts.rooms.of(sid);
    const left = rooms.length > 0 ? { rooms, left: last } : { rooms: undefined, left: undefined };
    this.#parts.habits.change(address, { carbons, ...left, ...(isClean ? { ended: last } : {}) });
  }

  /** The client has all that it was given up to that place in the archive. */
  acknowledged(client: Client, place: number): void {
    const upTo = this.#parts.replay.acknowledged(client, place);
    if (upTo !== undefined) this.#parts.cursors.acknowledged(client.address, upTo);
  }

  activity(client: Client, inactive: boolean): void {
    client.inactive = inactive;
    if (!inactive) client.activeAt = this.#parts.context.now();
    this.#weighActivity();
  }

  /** The server may hold back what is not urgent while every client is inactive or absent. */
  #weighActivity(): void {
    const { clients, up } = this.#parts.context;
    const looks = [...clients.all()].some(({ presence, inactive }) => presence !== undefined && !inactive);
    up.setInactive(!looks);
  }

  /** Presence of a client's; `to` is prepared. */
  presence(client: Client, presence: Stanza): void {
    const { context, rooms, presences } = this.#parts;
    const to = presence.to as Jid | undefined;
    if (presence.type !== undefined && presence.type !== 'unavailable') return this.#signal(client, presence, to);
    if (to === undefined || to === context.account) return this.#broadcast(client, presence);
    const peer = context.clients.at(to);
    if (peer !== undefined) return context.outlet.deliver([peer.sid], presence.readdress({ from: client.address }));
    if (rooms.fromClient(client, presence, to)) return;
    presences.direct(client, presence, to);
  }

  /** Presence that is not availability: subscriptions, probes. */
  #signal(client: Client, presence: Stanza, to: Jid | undefined): void {
    const { context, presences, subscriptions } = this.#parts;
    if (to === undefined) return;
    if (presence.type === 'probe') return presences.probe(client, bare(to));
    if (presence.type === 'error') return;
    if (!isSubscription(presence.type)) return context.outlet.deliver([client.sid], errorOf(presence, 'bad-request'));
    subscriptions.answered(bare(to), presence.type!);
    const sent = context.up.send(presence.textFor(bare(to), undefined));
    if (!sent) context.outlet.deliver([client.sid], errorOf(presence, 'recipient-unavailable'));
  }

  /** It says to all that it is there, how, or that it is not. */
  #broadcast(client: Client, presence: Stanza): void {
    const { rooms, presences, replay, capabilities, events, subscriptions } = this.#parts;
    if (presence.type === 'unavailable') rooms.gone(client.sid);
    const initial = presences.fromClient(client, presence);
    this.#weighActivity();
    replay.present(client);
    if (client.presence === undefined) return;
    capabilities.fromPresence(client, presence);
    events.replay(client);
    if (initial) subscriptions.welcome(client);
  }
}
