/** Several clients answer one message: what may leave once only, and from whom (RULES 6). */
import { RecentMap } from '../wire/bounded.ts';
import type { Jid } from '../wire/jid.ts';
import { NS } from '../wire/ns.ts';
import { childIn, childOf, type Element } from '../wire/xml.ts';

/** The receipt (XEP-0184) or marker (XEP-0333) in a message: what equal ones share. */
function acknowledgement(message: Element): string | undefined {
  const receipt = childOf(message, 'received', NS.receipts);
  if (receipt !== undefined) return `received ${receipt.attrs.id ?? ''}`;
  for (const name of ['received', 'displayed', 'acknowledged']) {
    const marker = childOf(message, name, NS.markers);
    if (marker !== undefined) return `marker ${name} ${marker.attrs.id ?? ''}`;
  }
  return undefined;
}

/** The id a receipt or marker names. */
export const acknowledgedId = (message: Element): string | undefined => acknowledgement(message)?.split(' ').at(-1);

export class Acknowledgements {
  readonly #seen = new RecentMap<string, true>(2000);
  /** Is that a receipt or marker of which an equal one has left? Notes it otherwise. */
  isRepeated(peer: Jid, message: Element): boolean {
    const kind = acknowledgement(message);
    if (kind === undefined || childOf(message, 'body') !== undefined) return false;
    const key = `${peer} ${kind}`;
    if (this.#seen.has(key)) return true;
    this.#seen.set(key, true);
    return false;
  }
}

type ChatState = 'active' | 'composing' | 'paused' | 'inactive' | 'gone';

interface Chat {
  peer: Jid;
  owner: number;
  states: Map<number, ChatState>;
}

/** XEP-0085: the contact shall see one person, not several apps. */
export class ChatStates {
  readonly #chats = new RecentMap<Jid, Chat>(500);
  /** The chat that was asked after last. */
  #last: Chat | undefined;

  /** May that message leave as it is? A standalone state only from the client last active in the chat. */
  mayLeave(peer: Jid, sid: number, message: Element): boolean {
    const state = childIn(message, NS.chatStates)?.name as ChatState | undefined;
    const standalone = state !== undefined && isStandalone(message);
    const chat = this.#chat(peer, sid);
    if (state !== undefined) chat.states.set(sid, state);
    if (!standalone || state === 'active' || state === 'composing') {
      chat.owner = sid;
      return true;
    }
    if (chat.owner !== sid) return false;
    return state === 'paused' || !anotherIsIn(chat.states, sid);
  }

  #chat(peer: Jid, sid: number): Chat {
    if (this.#last?.peer === peer) return this.#last;
    const chat = this.#chats.get(peer) ?? { peer, owner: sid, states: new Map<number, ChatState>() };
    this.#chats.set(peer, chat);
    this.#last = chat;
    return chat;
  }

  gone(sid: number): void {
    for (const { states } of this.#chats.values()) states.delete(sid);
  }
}

const anotherIsIn = (states: Map<number, ChatState>, sid: number): boolean =>
  [...states].some(([other, state]) => other !== sid && state !== 'inactive' && state !== 'gone');

/** Of one moment only: not to be sent later. */
export const isPassing = (message: Element): boolean =>
  childIn(message, NS.chatStates) !== undefined && isStandalone(message);

/** Nothing but a chat state, a thread and hints. */
const isStandalone = (message: Element): boolean =>
  message.children.every(
    (child) =>
      typeof child === 'string' ||
      child.name === 'thread' ||
      child.attrs.xmlns === NS.chatStates ||
      child.attrs.xmlns === NS.hints,
  );
