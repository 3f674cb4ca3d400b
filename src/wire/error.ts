/** Refusals: typed where they are known, turned into XML here. */
import { NS } from './ns.ts';
import { type Element, xml } from './xml.ts';

/** RFC 6120 §8.3.3: each stanza error condition, with the error type recommended for it. */
const types = {
  'bad-request': 'modify',
  conflict: 'cancel',
  'feature-not-implemented': 'cancel',
  forbidden: 'auth',
  gone: 'cancel',
  'internal-server-error': 'cancel',
  'item-not-found': 'cancel',
  'jid-malformed': 'modify',
  'not-acceptable': 'modify',
  'not-allowed': 'cancel',
  'not-authorized': 'auth',
  'policy-violation': 'modify',
  'recipient-unavailable': 'wait',
  redirect: 'modify',
  'registration-required': 'auth',
  'remote-server-not-found': 'cancel',
  'remote-server-timeout': 'wait',
  'resource-constraint': 'wait',
  'service-unavailable': 'cancel',
  'subscription-required': 'auth',
  'undefined-condition': 'cancel',
  'unexpected-request': 'wait',
} as const;
export type Condition = keyof typeof types;

/** What a peer is told about one stanza (RFC 6120 §8.3). */
export class StanzaError extends Error {
  readonly condition: Condition;
  constructor(condition: Condition, text = '', cause?: unknown) {
    super(text, { cause });
    this.name = 'StanzaError';
    this.condition = condition;
  }
  /** What we did not foresee is our fault: the peer learns no more than that, the log has the cause. */
  static from(reason: unknown): StanzaError {
    return reason instanceof StanzaError ? reason : new StanzaError('internal-server-error', '', reason);
  }
  toElement(): Element {
    const error = xml('error', { type: types[this.condition] }, xml(this.condition, NS.stanzas));
    if (this.message) error.append(xml('text', NS.stanzas, this.message));
    return error;
  }
}

/** RFC 6120 §4.9.3: the stream error conditions. */
export type StreamCondition =
  | 'bad-format'
  | 'bad-namespace-prefix'
  | 'conflict'
  | 'connection-timeout'
  | 'host-gone'
  | 'host-unknown'
  | 'improper-addressing'
  | 'internal-server-error'
  | 'invalid-from'
  | 'invalid-namespace'
  | 'invalid-xml'
  | 'not-authorized'
  | 'not-well-formed'
  | 'policy-violation'
  | 'remote-connection-failed'
  | 'reset'
  | 'resource-constraint'
  | 'restricted-xml'
  | 'see-other-host'
  | 'system-shutdown'
  | 'undefined-condition'
  | 'unsupported-encoding'
  | 'unsupported-feature'
  | 'unsupported-stanza-type'
  | 'unsupported-version';

/** Ends a stream (RFC 6120 §4.9). */
export class StreamError extends Error {
  readonly condition: StreamCondition;
  constructor(condition: StreamCondition, text = '') {
    super(text);
    this.name = 'StreamError';
    this.condition = condition;
  }
  toElement(): Element {
    const error = xml('stream:error', {}, xml(this.condition, NS.streams));
    if (this.message) error.append(xml('text', NS.streams, this.message));
    return error;
  }
}
