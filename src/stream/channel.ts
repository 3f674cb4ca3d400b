/** Channel binding (RFC 5056): what both ends of one TLS connection know, and nobody between two of them does. */
import { createHash } from 'node:crypto';
import type { TLSSocket } from 'node:tls';
import { contents, oid } from './der.ts';

export interface ChannelBinding {
  type: 'tls-exporter' | 'tls-server-end-point';
  data: Buffer;
}

/**
 * What a connection of ours can be bound to, best first. RFC 9266 §3 has no use for TLS 1.2 without the extended master
 * secret, of which Node tells nothing, so the exporter is for TLS 1.3 alone.
 */
export function channelBindings(socket: TLSSocket): ChannelBinding[] {
  const found: ChannelBinding[] = [];
  if (socket.getProtocol() === 'TLSv1.3') {
    const data = socket.exportKeyingMaterial(32, 'EXPORTER-Channel-Binding', Buffer.alloc(0));
    found.push({ type: 'tls-exporter', data });
  }
  const shown = socket.getX509Certificate();
  const data = shown && endPoint(shown.raw);
  if (data !== undefined) found.push({ type: 'tls-server-end-point', data });
  return found;
}

/** RFC 5929 §4.1 of a certificate in DER; undefined where the RFC leaves it open: a signature without one hash. */
export function endPoint(certificate: Uint8Array): Buffer | undefined {
  const [, algorithm] = contents(certificate);
  const hash = algorithm && hashOf(algorithm);
  return hash === undefined ? undefined : createHash(hash).update(certificate).digest();
}

/** AlgorithmIdentifier (RFC 5280 §4.1.1.2) to the hash for its certificate: in place of MD5 and SHA-1, SHA-256. */
function hashOf(algorithm: Uint8Array): string | undefined {
  const [id, parameters] = contents(algorithm);
  if (id === undefined) return undefined;
  if (!id.equals(pss)) return signatures.get(id.toString('hex'));
  // RFC 4055 §3.1: the hash is the first of the parameters, tagged 0; SHA-1 where it is left out.
  const tagged = parameters && contents(parameters).find((parameter) => parameter[0] === 0xa0);
  const named = tagged && contents(tagged)[0];
  const hash = named && contents(named)[0];
  return hash === undefined ? 'sha256' : digests.get(hash.toString('hex'));
}

const pss = oid('1.2.840.113549.1.1.10');

const byOid = (names: Record<string, string>): Map<string, string> =>
  new Map(Object.entries(names).map(([dotted, hash]) => [oid(dotted).toString('hex'), hash]));

/** RFC 3279, RFC 4055, RFC 5758. */
const signatures = byOid({
  '1.2.840.113549.1.1.4': 'sha256', // md5WithRSAEncryption
  '1.2.840.113549.1.1.5': 'sha256', // sha1WithRSAEncryption
  '1.2.840.113549.1.1.14': 'sha224',
  '1.2.840.113549.1.1.11': 'sha256',
  '1.2.840.113549.1.1.12': 'sha384',
  '1.2.840.113549.1.1.13': 'sha512',
  '1.2.840.10045.4.1': 'sha256', // ecdsa-with-SHA1
  '1.2.840.10045.4.3.1': 'sha224',
  '1.2.840.10045.4.3.2': 'sha256',
  '1.2.840.10045.4.3.3': 'sha384',
  '1.2.840.10045.4.3.4': 'sha512',
});
const digests = byOid({
  '1.3.14.3.2.26': 'sha256', // SHA-1
  '2.16.840.1.101.3.4.2.4': 'sha224',
  '2.16.840.1.101.3.4.2.1': 'sha256',
  '2.16.840.1.101.3.4.2.2': 'sha384',
  '2.16.840.1.101.3.4.2.3': 'sha512',
});
