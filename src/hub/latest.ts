/** Up to where the server's archive is known: what is behind it was missed. */
import type { ArchivedMessage } from '../archive/types.ts';
import type { Reach } from './place.ts';

/** A message that the server's archive is known up to: with the server's name for it, where that is known, and when it was said. */
export interface Latest {
  alias?: string;
  at: number;
}

/** As kept (JSON). It outlasts the message, for what is deleted here the server shall not bring back. */
export interface KeptReach extends Reach {
  latest?: Latest;
}

/** Of the last messages that are here, and what was kept. What was sent while the server was away says nothing of what it has. */
export function latestOf(messages: readonly ArchivedMessage[], reach: KeptReach | undefined): Latest | undefined {
  const named = messages.findLast(({ alias }) => alias !== undefined);
  if (reach?.latest !== undefined && (named === undefined || named.place <= reach.last)) return reach.latest;
  const last = named ?? messages.findLast(({ isSent }) => !isSent);
  return last && { at: last.at, ...(last.alias && { alias: last.alias }) };
}
