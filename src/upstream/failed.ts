/** Why a connection is over or a login came to nothing: thrown where it is known, told the hub as a Failure. */
import type { StreamError } from '../wire/error.ts';
import type { Failure, FailureKind } from '../wire/failure.ts';
import { NS } from '../wire/ns.ts';
import { type Element, elements } from '../wire/xml.ts';

export class Failed extends Error {
  readonly failure: Failure;
  /** RFC 6120 §4.9.3.19: where the server sends us. */
  seeOther: string | undefined;
  /** The stream was ended by us because of what the server sent. */
  fault: StreamError | undefined;
  /** That was within a stanza: it would be again. */
  atStanza = false;
  /** The server neither resumed the session nor said that it is gone. */
  atResumption = false;
  /** It resumed the session, and took nothing from then on. */
  isDeaf = false;

  constructor(kind: FailureKind, text: string, fingerprint?: string) {
    super(text);
    this.name = 'Failed';
    this.failure = { kind, text: printable(text), fingerprint };
  }
}

/** Why an AbortSignal aborted. */
export const asFailed = (reason: unknown): Failed =>
  reason instanceof Failed ? reason : new Failed('lost', 'given up');

/** What a peer says ends up on screens and in logs: one line, not long. */
export const printable = (text: string): string =>
  text
    .replace(/[\p{C}\p{Zl}\p{Zp}\s]+/gu, ' ')
    .trim()
    .slice(0, 200);

/** The defined condition of an error element and its text: `not-authorized: wrong password`. */
export function conditionOf(error: Element): { condition: string; text: string } {
  const children = elements(error);
  const condition = children.find(({ name }) => name !== 'text')?.name ?? 'undefined-condition';
  const text = children.find(({ name }) => name === 'text')?.getText() ?? '';
  return { condition, text: printable(text === '' ? condition : `${condition}: ${text}`) };
}

/** `<stream:error/>` from the server (RFC 6120 §4.9). */
export function failedByStream(error: Element): Failed {
  const { condition, text } = conditionOf(error);
  if (condition === 'conflict') return new Failed('conflict', text);
  const failed = new Failed('stream', text);
  if (condition === 'see-other-host') failed.seeOther = error.getChild(condition, NS.streams)?.getText().trim();
  return failed;
}

/** The server broke the protocol and is told so. */
export function failedByUs(fault: StreamError): Failed {
  const failed = new Failed('stream', fault.message === '' ? fault.condition : `${fault.condition}: ${fault.message}`);
  failed.fault = fault;
  return failed;
}

/** What a socket says of itself. `connected`: the TCP connection stood. */
export function failedBySocket(reason: unknown, connected: boolean): Failed {
  if (reason instanceof Failed) return reason;
  const { code = '', message = '' } = reason instanceof Error ? (reason as NodeJS.ErrnoException) : {};
  const text = `${code} ${message}`;
  // OpenSSL's own errors: too old a TLS version, no common cipher, or no TLS at all behind that port.
  if (/^ERR_SSL|^EPROTO/.test(code))
    return new Failed('no-tls', `TLS failed: ${message.replace(/^.*?SSL routines:/, '')}`);
  return connected ? new Failed('lost', text) : new Failed('unreachable', text);
}
