/** Rooms (XEP-0045): which client is in which. One client at a time can be in a room of an account; another's join is refused. */
import { StanzaError } from '../wire/error.ts';
import { type BareJid, bare, type Jid } from '../wire/jid.ts';
import { NS } from '../wire/ns.ts';
import { errorOf, type Stanza } from '../wire/stanza.ts';
import { hasChild } from '../wire/xml.ts';
import type { Client } from './clients.ts';
import type { Context } from './context.ts';

export class Rooms {
  readonly #context: Context;
  readonly #occupants = new Map<BareJid, { sid: number; joined: boolean }>();

  constructor(context: Context) {
    this.#context = context;
  }

  /** Directed presence of a client. True if it was answered here and goes no further. */
  fromClient(client: Client, presence: Stanza, to: Jid): boolean {
    const room = bare(to);
    const holder = this.#occupants.get(room);
    if (presence.type === undefined && hasChild(presence.tree, 'x', NS.muc)) {
      if (holder !== undefined && holder.sid !== client.sid) {
        const error = new StanzaError('not-allowed', 'Another of your apps is in this room already');
        this.#context.outlet.deliver([client.sid], errorOf(presence, error));
        return true;
      }
      this.#occupants.set(room, { sid: client.sid, joined: holder?.joined ?? false });
    }
    return false;
  }

  /** Who is in the room that this stanza comes from; undefined if it is from no room of ours. */
  occupantFor(from: string): number | undefined {
    return this.#occupants.get(bare(from as Jid))?.sid;
  }

  /** Presence from a room a client is in, or tries to enter: begin and end of the occupancy are seen in passing. */
  fromRoom(presence: Stanza, sid: number): void {
    const room = bare(presence.from as Jid);
    const holder = this.#occupants.get(room)!;
    const codes = statusCodes(presence);
    if (presence.type === undefined && codes.includes('110')) holder.joined = true;
    const failed = presence.type === 'error' && !holder.joined;
    const left = presence.type === 'unavailable' && codes.includes('110') && !codes.includes('303');
    if (failed || left) this.#occupants.delete(room);
    this.#context.outlet.deliver([sid], presence);
  }

  gone(sid: number): void {
    for (const [room, holder] of this.#occupants) if (holder.sid === sid) this.#occupants.delete(room);
  }
}

/** XEP-0045 §15.6: 110 is about oneself, 303 a change of nick. */
const statusCodes = (presence: Stanza): string[] =>
  (presence.tree.getChild('x', NS.mucUser)?.getChildren('status') ?? []).map(({ attrs }) => String(attrs.code));
