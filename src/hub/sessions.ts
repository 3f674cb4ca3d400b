/** Jingle (XEP-0166, 0353) and In-Band Bytestreams (XEP-0047): a session belongs to the client that holds its sid. */
import { RecentMap } from '../wire/bounded.ts';
import { NS } from '../wire/ns.ts';
import { childIn, clone, type Element } from '../wire/xml.ts';

const sessionSpaces: ReadonlySet<string> = new Set([NS.jingle, NS.ibb]);

export const isSessionPayload = (payload: Element): boolean => sessionSpaces.has(String(payload.attrs.xmlns));

/** Does that payload begin a session, so that nobody holds its sid yet? */
export const isBeginning = ({ name, attrs }: Element): boolean =>
  name === 'open' || attrs.action === 'session-initiate';

export class MediaSessions {
  /** sid → client. */
  readonly #holders = new RecentMap<string, number>(500);

  /** A client takes part in that session: it sends for it, or it took the call (XEP-0353 §3). */
  fromClient(sid: number, stanza: Element): void {
    const payload = childIn(stanza, NS.jingle) ?? childIn(stanza, NS.ibb);
    if (typeof payload?.attrs.sid === 'string') this.#holders.set(payload.attrs.sid, sid);
    const message = childIn(stanza, NS.jingleMessage);
    const takes = message?.name === 'proceed' || message?.name === 'accept' || message?.name === 'propose';
    if (takes && typeof message.attrs.id === 'string') this.#holders.set(message.attrs.id, sid);
  }

  holder(payload: Element): number | undefined {
    return this.#holders.get(String(payload.attrs.sid));
  }

  give(payload: Element, sid: number): void {
    if (typeof payload.attrs.sid === 'string') this.#holders.set(payload.attrs.sid, sid);
  }

  gone(sid: number): void {
    for (const [id, holder] of this.#holders) if (holder === sid) this.#holders.delete(id);
  }
}

/** XEP-0166 §7: `initiator` and `responder` are full addresses; ours are exchanged. */
export function exchange(stanza: Element, from: string, to: string): Element {
  const jingle = childIn(stanza, NS.jingle);
  if (jingle === undefined || (jingle.attrs.initiator !== from && jingle.attrs.responder !== from)) return stanza;
  const copy = clone(stanza);
  const inner = childIn(copy, NS.jingle)!;
  for (const place of ['initiator', 'responder']) if (inner.attrs[place] === from) inner.attrs[place] = to;
  return copy;
}
