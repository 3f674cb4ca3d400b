/** Why a component's stream is over or came to nothing. */
import type { StreamError } from '../wire/error.ts';
import { NS } from '../wire/ns.ts';
import { type Element, elements } from '../wire/xml.ts';
import type { ComponentFailure, ComponentFailureKind } from './types.ts';

export class Failed extends Error {
  readonly failure: ComponentFailure;
  constructor(kind: ComponentFailureKind, text: string, fingerprint?: string) {
    super(text);
    this.name = 'Failed';
    this.failure = { kind, text: printable(text), fingerprint };
  }
}

/** What a peer says ends up on screens and in logs: one line, not long. */
const printable = (text: string): string =>
  text
    .replace(/[\p{C}\p{Zl}\p{Zp}\s]+/gu, ' ')
    .trim()
    .slice(0, 200);

const kinds: Readonly<Record<string, ComponentFailureKind>> = {
  'not-authorized': 'refused',
  'host-unknown': 'host-unknown',
  'host-gone': 'host-unknown',
  conflict: 'conflict',
};

/** `<stream:error/>` from the server (RFC 6120 §4.9). */
export function failedByStream(error: Element): Failed {
  const children = elements(error).filter(({ attrs }) => attrs.xmlns === NS.streams);
  const condition = children.find(({ name }) => name !== 'text')?.name ?? 'undefined-condition';
  const text = children.find(({ name }) => name === 'text')?.getText() ?? '';
  return new Failed(kindOf(condition, text), text === '' ? condition : `${condition}: ${text}`);
}

function kindOf(condition: string, text: string): ComponentFailureKind {
  if (Object.hasOwn(kinds, condition)) return kinds[condition]!;
  // COMPAT: ejabberd 23.01 answers a second stream of one host so.
  return /conflict|already connected/i.test(text) ? 'conflict' : 'stream';
}

/** The server broke the protocol and is told so. */
export const failedByUs = ({ condition, message }: StreamError): Failed =>
  new Failed('stream', message === '' ? condition : `${condition}: ${message}`);

/** What a socket says of itself. `connected`: the TCP connection stood. */
export function failedBySocket(reason: unknown, connected: boolean): Failed {
  if (reason instanceof Failed) return reason;
  const { code = '', message = '' } = reason instanceof Error ? (reason as NodeJS.ErrnoException) : {};
  const text = `${code} ${message}`;
  if (/^ENOTFOUND|^EAI_/.test(code)) return new Failed('name', text);
  if (/^ERR_SSL|^EPROTO/.test(code))
    return new Failed('certificate', `TLS failed: ${message.replace(/^.*?SSL routines:/, '')}`);
  return new Failed(connected ? 'lost' : 'unreachable', text);
}
