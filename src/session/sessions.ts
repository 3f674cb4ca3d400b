/** All sessions: by number, address, login and by what they are resumed with. */
import type { BareJid, FullJid } from '../wire/jid.ts';
import type { Session } from './session.ts';

/** Clients that answer no pings, at most: beyond, the first are asked anew. */
const mostMute = 1000;

export class Sessions {
  readonly #byId = new Map<number, Session>();
  readonly #byAddress = new Map<FullJid, Session>();
  readonly #byBare = new Map<BareJid, Set<Session>>();
  readonly #byResumption = new Map<string, Session>();
  /** Clients that answer no pings. */
  readonly mute = new Set<FullJid>();
  #last = 0;

  nextSid(): number {
    this.#last += 1;
    return this.#last;
  }

  add(session: Session): void {
    const { address, bare } = session.facts;
    this.#byId.set(session.sid, session);
    this.#byAddress.set(address, session);
    const siblings = this.#byBare.get(bare);
    if (siblings === undefined) this.#byBare.set(bare, new Set([session]));
    else siblings.add(session);
  }

  /** With what it is resumed, from now on. */
  resumable(session: Session, id: string): void {
    this.#byResumption.set(id, session);
  }

  remove(session: Session): void {
    const { address, bare, stream } = session.facts;
    this.#byId.delete(session.sid);
    if (this.#byAddress.get(address) === session) this.#byAddress.delete(address);
    const siblings = this.#byBare.get(bare);
    siblings?.delete(session);
    if (siblings?.size === 0) this.#byBare.delete(bare);
    this.#byResumption.delete(stream.id);
    this.mute.delete(address);
    if (session.isMute) this.mute.add(address);
    if (this.mute.size > mostMute) this.mute.delete(this.mute.values().next().value!);
  }

  get(sid: number): Session | undefined {
    return this.#byId.get(sid);
  }

  at(address: FullJid): Session | undefined {
    return this.#byAddress.get(address);
  }

  of(bare: BareJid): ReadonlySet<Session> {
    return this.#byBare.get(bare) ?? none;
  }

  resumedBy(id: string): Session | undefined {
    return this.#byResumption.get(id);
  }

  all(): Session[] {
    return [...this.#byId.values()];
  }
}

const none: ReadonlySet<Session> = new Set();
