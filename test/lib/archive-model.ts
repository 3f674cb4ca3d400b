/** What the archive's messages are to do, in the plainest way: a list that is looked through. */
import type { ArchivedMessage, Selection, Sought } from '../../src/archive/types.ts';

const words = (text: string): string[] => text.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? [];

export function isMeant(message: ArchivedMessage, selection: Selection): boolean {
  const { peer, resource, start, end, after, before, places, groupchat, isSent, notBy } = selection;
  const has = words(message.body ?? '');
  return (
    (peer === undefined || message.peer === peer) &&
    (resource === undefined || message.resource === resource) &&
    (start === undefined || message.at >= start) &&
    (end === undefined || message.at <= end) &&
    (after === undefined || message.place > after) &&
    (before === undefined || message.place < before) &&
    (places === undefined || places.includes(message.place)) &&
    (groupchat === undefined || (message.type === 'groupchat') === groupchat) &&
    (isSent === undefined || message.isSent === isSent) &&
    (notBy === undefined || message.client !== notBy) &&
    (selection.words === undefined || words(selection.words).every((word) => has.includes(word)))
  );
}

export class Model {
  #messages: ArchivedMessage[] = [];

  add(message: ArchivedMessage): void {
    this.#messages = this.#messages.filter(({ place }) => place !== message.place);
    this.#messages.push(message);
    this.#messages.sort((one, other) => one.place - other.place);
  }
  alias(place: number, alias: string): void {
    this.#messages = this.#messages.map((message) => (message.place === place ? { ...message, alias } : message));
  }
  all(selection: Selection): ArchivedMessage[] {
    return this.#messages.filter((message) => isMeant(message, selection));
  }
  find(sought: Sought): ArchivedMessage | undefined {
    return this.#messages.findLast((message) => {
      if ('alias' in sought) return message.alias === sought.alias;
      if (message.peer !== sought.peer || message.isSent !== sought.isSent) return false;
      if ('originId' in sought) return message.originId === sought.originId;
      return message.id === sought.id && (sought.resource === undefined || message.resource === sought.resource);
    });
  }
  forget(selection: Selection): number {
    const gone = this.all(selection);
    this.#messages = this.#messages.filter((message) => !gone.includes(message));
    return gone.length;
  }
}

/** The same numbers every time: a linear congruential generator. */
export function chance(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}
