/** The clients that are in a room, and those that wait to enter it. */
import { StanzaError } from '../wire/error.ts';
import { errorOf, type Stanza } from '../wire/stanza.ts';
import { escapeAttribute } from '../wire/xml.ts';
import type { Context } from './context.ts';
import { withOwnAddress } from './muc.ts';

/** A client's presence that asks to enter. */
export interface Join {
  sid: number;
  presence: Stanza;
  /** When it is answered at the latest. */
  until: number;
}

export class Audience {
  readonly #context: Context;
  readonly #moved: (sid: number) => void;
  readonly #members = new Set<number>();
  #waiting: Join[] = [];

  /** `moved`: that client has entered, or is out. */
  constructor(context: Context, moved: (sid: number) => void) {
    this.#context = context;
    this.#moved = moved;
  }

  get members(): ReadonlySet<number> {
    return this.#members;
  }
  get hasWaiting(): boolean {
    return this.#waiting.length > 0;
  }

  add(sid: number): void {
    this.#members.add(sid);
    this.#moved(sid);
  }

  /** It is out, and waits no longer. */
  remove(sid: number): void {
    this.#waiting = this.#waiting.filter((join) => join.sid !== sid);
    if (this.#members.delete(sid)) this.#moved(sid);
  }

  /** All are out. */
  empty(): void {
    const sids = [...this.#members];
    this.#members.clear();
    for (const sid of sids) this.#moved(sid);
  }

  /** A client's later join takes the place of its earlier one. */
  wait(join: Join): void {
    this.#waiting = [...this.#waiting.filter(({ sid }) => sid !== join.sid), join];
  }
  /** It waits no longer. False if it did not. */
  claim(join: Join): boolean {
    const before = this.#waiting.length;
    this.#waiting = this.#waiting.filter((one) => one !== join);
    return this.#waiting.length < before;
  }
  takeWaiting(): Join[] {
    return this.#waiting.splice(0);
  }
  refuseLate(now: number): void {
    for (const join of this.#waiting.filter(({ until }) => now >= until))
      this.refuse(join, new StanzaError('remote-server-timeout', 'The room cannot be reached now'));
    this.#waiting = this.#waiting.filter(({ until }) => now < until);
  }
  refuse({ sid, presence }: Join, reason: StanzaError): void {
    this.tell(errorOf(presence, reason), [sid]);
  }

  /** To those that are in, or to `only` some; `place`: where that is in the archive, of what is for one person. Each sees its own full address where the room shows ours. */
  tell(stanza: Stanza, only: Iterable<number> = this.#members, place?: number): void {
    const { outlet, up, clients } = this.#context;
    const sids = [...only];
    if (sids.length === 0) return;
    const core = up.address();
    if (stanza.name !== 'presence' || !stanza.rest.includes(escapeAttribute(core)))
      return outlet.deliver(sids, stanza, place);
    for (const sid of sids) {
      const client = clients.get(sid);
      if (client !== undefined) outlet.deliver([sid], withOwnAddress(stanza, core, client.address));
    }
  }
}
