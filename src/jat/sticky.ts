/**
 * What must stay with the resource that it began with, whatever the policy: ad-hoc commands (XEP-0050 §3.3), in-band
 * bytestreams (XEP-0047), Jingle (XEP-0166) with its transports, stream initiation (XEP-0095, XEP-0065). Rooms are the matter of
 * `presences.ts`.
 */
import type { Jid } from '../wire/jid.ts';
import { NS } from '../wire/ns.ts';
import { childIn, type Element, elements } from '../wire/xml.ts';
import { brief, Owned } from './bounded.ts';
import type { Resource } from './target.ts';

/** Sessions of one address at a time, and of one user; beyond it the oldest is forgotten. */
const most = 10_000;
const mostOfUser = 100;

interface Bond {
  /** The session's name, among its user's. */
  name: string;
  /** Names of the transports inside. */
  inner: readonly string[];
  /** Nothing of it has been before. */
  begins: boolean;
  ends: boolean;
}

/** What a stanza (of either side) is part of. */
export function bondOf(payload: Element | undefined): Bond | undefined {
  if (payload === undefined) return undefined;
  const { attrs, name } = payload;
  switch (attrs.xmlns) {
    case NS.commands: {
      const isOver = attrs.status === 'completed' || attrs.status === 'canceled';
      return bond('command', attrs.sessionid, false, isOver); // its name is the answer's to give
    }
    case NS.ibb:
      return bond('stream', attrs.sid, name === 'open', name === 'close');
    case NS.bytestreams:
      return bond('stream', attrs.sid, true, false);
    case NS.si:
      return bond('stream', attrs.id, true, false);
    case NS.jingle: {
      const { action } = attrs;
      const found = bond('jingle', attrs.sid, action === 'session-initiate', action === 'session-terminate');
      return found && { ...found, inner: transportsOf(payload) };
    }
    case NS.jingleMessage: // XEP-0353 §3: its id becomes the session's
      return bond('jingle', attrs.id, false, name === 'reject' || name === 'retract' || name === 'finish');
    default:
      return undefined;
  }
}

const bond = (kind: string, id: unknown, begins: boolean, ends: boolean): Bond | undefined =>
  typeof id === 'string' && id !== '' ? { name: `${kind} ${id}`, inner: [], begins, ends } : undefined;

/** XEP-0261 §2.1, XEP-0260 §2.1: the streams inside have names of their own. */
function transportsOf(jingle: Element): string[] {
  const transports = jingle.getChildren('content').flatMap((content) => elements(content));
  return transports.flatMap(({ name, attrs }) => (name === 'transport' && attrs.sid ? [`stream ${attrs.sid}`] : []));
}

/** The payload of a message that makes it part of a session. */
export const sessionPayload = (message: Element): Element | undefined =>
  childIn(message, NS.ibb) ?? childIn(message, NS.jingleMessage);

export class Sticky {
  readonly #bonds = new Owned<Jid, Resource>(most, mostOfUser);

  /** Who has it; it may be gone. Undefined: nobody, as far as we know. */
  holder(user: Jid, name: string): Resource | undefined {
    return this.#bonds.isEmpty ? undefined : this.#bonds.get(user, brief(name));
  }

  /** From now on it is that resource's; or it is over. */
  note(user: Jid, { name, inner, ends }: Bond, resource: Resource): void {
    for (const each of [...inner, name]) // the session itself last: it outlives what it has too much of
      if (ends) this.#bonds.delete(user, brief(each));
      else this.#bonds.set(user, brief(each), resource);
  }
}
