/** Why a login failed or a session ended. */

/** `kind` decides what we do and advise; `text` is what the peer or the system said, never a secret. */
export interface Failure {
  kind: FailureKind;
  text: string;
  /** SHA-256 (hex, lower case) of the DER certificate that was shown, where that is the matter. */
  fingerprint?: string | undefined;
}

export type FailureKind =
  /** The server refused name or password (SASL not-authorized, account-disabled, …). */
  | 'refused'
  /** No CA we trust vouches for the certificate, or it is for another name. */
  | 'certificate'
  /** Not the certificate that is pinned. */
  | 'pin'
  /** The server offers no TLS. */
  | 'no-tls'
  /** No SASL mechanism both sides know. */
  | 'mechanisms'
  /** The domain does not resolve. */
  | 'name'
  | 'unreachable'
  | 'timeout'
  /** A private or loopback address (UPSTREAM_PRIVATE). */
  | 'private'
  /** Another session took our resource, or the server replaced us. */
  | 'conflict'
  /** The server ended the stream or broke the protocol. */
  | 'stream'
  /** The connection was cut. */
  | 'lost'
  /** What serves the account in the proxy broke again and again. */
  | 'crash'
  /** What serves the account in the proxy cannot start now. */
  | 'unopened';
