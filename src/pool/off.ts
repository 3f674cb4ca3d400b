/** A unit that is not started any more: what is said for it. */
import type { AccountState, SessionFacts, UnitSettings } from '../link/link.ts';
import { StanzaError } from '../wire/error.ts';
import { errorOf, isRequest, type Stanza } from '../wire/stanza.ts';

export interface Off {
  /** For administrators alone. */
  reason: string;
  /** Milliseconds since the epoch. */
  since: number;
}

/** How its accounts are doing. */
export function statesOf(
  { since }: Off,
  { accounts }: UnitSettings,
  sessions: readonly SessionFacts[],
): AccountState[] {
  return accounts.map(({ jid, enabled }) => ({
    jid,
    since,
    status: enabled ? 'stopped' : 'off',
    failure: enabled ? { kind: 'crash', text: '' } : undefined,
    contacts: 0,
    clients: sessions.filter((facts) => (facts.account ?? facts.bare) === jid).length,
  }));
}

/** RFC 6120 §8.3.1: the error that a client's stanza may be answered with, where it may. */
export function refusal(stanza: Stanza, error: StanzaError): Stanza | undefined {
  const mayAnswer = isRequest(stanza) || (stanza.name === 'message' && stanza.type !== 'error');
  return mayAnswer ? errorOf(stanza, error) : undefined;
}

export const interrupted = (): StanzaError =>
  new StanzaError('remote-server-timeout', 'This was interrupted. Try again');
export const unavailable = (): StanzaError =>
  new StanzaError('service-unavailable', 'What serves you in the proxy does not run. root knows more');
