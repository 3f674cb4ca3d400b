/** A self-signed certificate (RFC 5280) for one domain, where nobody has given one. */
import { createHash, generateKeyPairSync, randomBytes, sign, type X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import { domainToASCII } from 'node:url';
import { bits, boolean, encode, integer, octets, oid, sequence, set, time, utf8 } from './der.ts';

const years = 10;
const ecdsaWithSha256 = sequence(oid('1.2.840.10045.4.3.2'));

/** PEM of a certificate and its key: EC P-256, valid for ten years from a day before `now`. */
export function selfSigned(domain: string, now: Date): { cert: string; key: string } {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const spki = publicKey.export({ type: 'spki', format: 'der' });
  const from = new Date(now.getTime() - 86_400_000);
  const name = commonName(domain);
  const body = sequence(
    encode(0xa0, integer(Buffer.from([2]))), // version 3
    integer(Buffer.concat([Buffer.from([1]), randomBytes(15)])),
    ecdsaWithSha256,
    name,
    sequence(time(from), time(endOf(from))),
    name,
    spki,
    encode(0xa3, sequence(...extensions(domain, spki))),
  );
  const certificate = sequence(body, ecdsaWithSha256, bits(sign('sha256', body, privateKey)));
  return { cert: pem(certificate), key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString() };
}

function endOf(from: Date): Date {
  const until = new Date(from);
  until.setUTCFullYear(from.getUTCFullYear() + years);
  return until;
}

/** Is it one of those, and not one that somebody else has signed himself? */
export function isSelfSigned({ issuer, serialNumber, subject, validFrom, validTo }: X509Certificate): boolean {
  const isDated = endOf(new Date(validFrom)).getTime() === Date.parse(validTo);
  return issuer === subject && isDated && /^01[0-9A-F]{30}$/.test(serialNumber);
}

/** RFC 5280 appendix A: a common name has at most 64 characters. Clients look at subjectAltName alone. */
function commonName(domain: string): Buffer {
  const text = [...domain].length <= 64 ? domain : 'xmpproxy';
  return sequence(set(sequence(oid('2.5.4.3'), utf8(text))));
}

function extensions(domain: string, spki: Buffer): Buffer[] {
  const keyId = createHash('sha1').update(spki).digest();
  return [
    extension('2.5.29.17', false, sequence(alternativeName(domain))), // subjectAltName
    extension('2.5.29.19', true, sequence()), // basicConstraints: no CA
    extension('2.5.29.15', true, bits(Buffer.from([0x80]), 7)), // keyUsage: digitalSignature
    extension('2.5.29.37', false, sequence(oid('1.3.6.1.5.5.7.3.1'))), // extKeyUsage: serverAuth
    extension('2.5.29.14', false, octets(keyId)), // subjectKeyIdentifier
  ];
}

const extension = (id: string, critical: boolean, value: Buffer): Buffer =>
  sequence(oid(id), ...(critical ? [boolean(true)] : []), octets(value));

function alternativeName(domain: string): Buffer {
  const literal = domain.replace(/^\[|\]$/g, '');
  if (isIP(literal) !== 0) return encode(0x87, addressBytes(literal));
  return encode(0x82, Buffer.from(domainToASCII(domain)));
}

/** An IP address in network order. */
function addressBytes(address: string): Buffer {
  if (isIP(address) === 4) return Buffer.from(address.split('.').map(Number));
  const hex = new URL(`http://[${address}]`).hostname.slice(1, -1); // normal form (RFC 5952), no dotted tail
  const [head = '', tail] = hex.split('::');
  const groups = (text: string) => (text === '' ? [] : text.split(':'));
  const [before, after] = [groups(head), groups(tail ?? '')];
  const zeros = Array<string>(8 - before.length - after.length).fill('0');
  const all = [...before, ...zeros, ...after].map((group) => group.padStart(4, '0'));
  return Buffer.from(all.join(''), 'hex');
}

const pem = (der: Buffer): string =>
  `-----BEGIN CERTIFICATE-----\n${der.toString('base64').replace(/.{1,64}/g, '$&\n')}-----END CERTIFICATE-----\n`;
