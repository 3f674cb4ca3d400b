/** A unit that does not run: what is said for it. */
import type { AccountState, EdgeLink, SessionFacts, UnitSettings } from '../link/link.ts';
import { StanzaError } from '../wire/error.ts';
import { errorOf, isRequest, type Stanza } from '../wire/stanza.ts';

export interface Off {
  /** It is tried again by itself. */
  isTried?: boolean;
  /** For administrators alone. */
  reason: string;
  /** Milliseconds since the epoch. */
  since: number;
}

/** How its accounts are doing. */
export function statesOf(
  { since, isTried = false }: Off,
  { accounts }: UnitSettings,
  sessions: readonly SessionFacts[],
): AccountState[] {
  return accounts.map(({ jid, enabled }) => ({
    jid,
    since,
    status: !enabled ? 'off' : isTried ? 'waiting' : 'stopped',
    failure: enabled ? { kind: isTried ? 'unopened' : 'crash', text: '' } : undefined,
    contacts: 0,
    clients: sessions.filter((facts) => (facts.account ?? facts.bare) === jid).length,
  }));
}

/** RFC 6120 §8.3.1: the error that a client's stanza may be answered with, where it may. */
export function refusal(stanza: Stanza, error: StanzaError): Stanza | undefined {
  const mayAnswer = isRequest(stanza) || (stanza.name === 'message' && stanza.type !== 'error') || isAwaited(stanza);
  return mayAnswer ? errorOf(stanza, error) : undefined;
}

/** Whoever enters a room (XEP-0045 §7.2) or asks for somebody's presence waits for a word. */
const isAwaited = ({ name, type, to }: Stanza): boolean =>
  name === 'presence' && to !== undefined && (type === undefined || type === 'subscribe');

/** What a client says to it. Root still speaks to whoever is available. */
export function answerOff(edge: EdgeLink, sid: number, stanza: Stanza): void {
  const { name, type, to } = stanza;
  const answer = refusal(stanza, unavailable());
  if (answer !== undefined) edge.deliver([sid], answer);
  else if (name === 'presence' && to === undefined && (type === undefined || type === 'unavailable'))
    edge.facts(sid, { presence: type === undefined ? stanza.textFor(undefined, undefined) : undefined });
}

export const interrupted = (): StanzaError =>
  new StanzaError('remote-server-timeout', 'This was interrupted. Try again');
export const unavailable = (): StanzaError =>
  new StanzaError('service-unavailable', 'What serves you in the proxy does not run. root knows more');
