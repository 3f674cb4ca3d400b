/** TLS towards upstream servers: 1.2 or later, verified against the domain of the address, or against a pin. */
import { createHash } from 'node:crypto';
import { isIP } from 'node:net';
import {
  type ConnectionOptions,
  checkServerIdentity,
  createSecureContext,
  rootCertificates,
  type SecureContext,
  type TLSSocket,
} from 'node:tls';
import { Failed } from './failed.ts';
import { asciiDomain } from './resolve.ts';

let kept: { ca: string | undefined; context: SecureContext } | undefined;

/** One for all connections: reading the roots takes 10 ms, and the memory once. */
function contextFor(ca: string | undefined): SecureContext {
  if (kept === undefined || kept.ca !== ca) {
    // `ca` takes the place of Node's roots, so they are named again.
    const roots = ca === undefined ? {} : { ca: [...rootCertificates, ca] };
    kept = { ca, context: createSecureContext({ minVersion: 'TLSv1.2', ...roots }) };
  }
  return kept.context;
}

/** RFC 7301's list of one. A DataView is copied into a buffer of its own size, an array into one that keeps 8 KB for ever. */
const protocols = new DataView(Uint8Array.of(11, ...Buffer.from('xmpp-client')).buffer);

/**
 * The reference identity is the domain of the address, whatever host SRV, route or redirect led to (RFC 6120 §13.7.2).
 * The verdict is left to `judge`: it wants to see the certificate that is refused.
 */
export function tlsOptions(domain: string, ca: string | undefined, direct: boolean): ConnectionOptions {
  const name = asciiDomain(domain);
  return {
    secureContext: contextFor(ca),
    rejectUnauthorized: false,
    checkServerIdentity: (_, certificate) => checkServerIdentity(name, certificate),
    ...(isIP(name) === 0 ? { servername: name } : {}), // RFC 6066 §3: no addresses in SNI
    ...(direct ? { ALPNProtocols: protocols } : {}),
  };
}

const meanings: Record<string, string> = {
  DEPTH_ZERO_SELF_SIGNED_CERT: 'the certificate is self-signed',
  SELF_SIGNED_CERT_IN_CHAIN: 'the certificate is from an unknown authority',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'the certificate is from an unknown authority',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'the certificate is from an unknown authority',
  CERT_HAS_EXPIRED: 'the certificate has expired',
  CERT_NOT_YET_VALID: 'the certificate is not valid yet',
  ERR_TLS_CERT_ALTNAME_INVALID: 'the certificate is for another name',
};

/** After the handshake, before a byte is sent: undefined if that is the server we want. A pin replaces the CAs' word. */
export function judge(socket: TLSSocket, pin: string | undefined): Failed | undefined {
  const der = socket.getPeerCertificate().raw as Buffer | undefined;
  if (der === undefined) return new Failed('certificate', 'the server showed no certificate');
  const fingerprint = createHash('sha256').update(der).digest('hex');
  if (pin !== undefined)
    return fingerprint === pin ? undefined : new Failed('pin', 'the certificate has changed', fingerprint);
  if (socket.authorized) return undefined;
  const reason = String(socket.authorizationError);
  return new Failed('certificate', meanings[reason] ?? reason, fingerprint);
}
