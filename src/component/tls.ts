/** TLS around a component's stream: XEP-0114 has none of its own, so it begins with the first byte. */
import { createHash } from 'node:crypto';
import { isIP, type Socket } from 'node:net';
import { type ConnectionOptions, checkServerIdentity, rootCertificates, TLSSocket } from 'node:tls';
import { isLoopback } from '../wire/ip.ts';
import { Failed } from './failed.ts';
import type { ComponentPlace } from './types.ts';

/** The verdict is left to `judge`: it wants to see the certificate that is refused. */
export function tlsOptions({ server, tls }: ComponentPlace, ca: string | undefined): ConnectionOptions | undefined {
  if (!tls) return undefined;
  return {
    minVersion: 'TLSv1.2',
    rejectUnauthorized: false,
    ...(isIP(server) === 0 ? { servername: server } : {}), // RFC 6066 §3: no addresses in SNI
    ...(ca === undefined ? {} : { ca: [...rootCertificates, ca] }),
    checkServerIdentity: () => undefined, // by `judge`
  };
}

/** Before a byte is sent: undefined if this is a stream that nobody else reads. A pin replaces the CAs' word. */
export function judge(socket: Socket, place: ComponentPlace, allowClear: boolean): Failed | undefined {
  if (!(socket instanceof TLSSocket)) {
    const remote = socket.remoteAddress ?? '';
    return allowClear || isLoopback(remote) ? undefined : new Failed('clear', `${place.server} is at ${remote}`);
  }
  const certificate = socket.getPeerCertificate();
  const der = certificate.raw as Buffer | undefined;
  if (der === undefined) return new Failed('certificate', 'the server showed no certificate');
  const fingerprint = createHash('sha256').update(der).digest('hex');
  if (place.pin !== undefined)
    return fingerprint === place.pin
      ? undefined
      : new Failed('certificate', 'it is not the one that was trusted', fingerprint);
  if (!socket.authorized) return new Failed('certificate', String(socket.authorizationError), fingerprint);
  // Servers have a certificate for their own name or for the component's.
  const wrong = [place.server, place.host].every((name) => checkServerIdentity(name, certificate) !== undefined);
  return wrong ? new Failed('certificate', `it is not for ${place.server} or ${place.host}`, fingerprint) : undefined;
}
