/** How the text of a setting becomes its value: undefined for what is not allowed, a thrown error where more can be said. */
import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { resolve } from 'node:path';
import type { ComponentPlace } from './component/types.ts';
import { type BareJid, readJid } from './wire/jid.ts';
import { readRoute } from './wire/route.ts';

/** One of these words, in any case. */
export const choice =
  <const V>(values: Record<string, V>) =>
  (text: string): V | undefined =>
    Object.hasOwn(values, text.toLowerCase()) ? values[text.toLowerCase()] : undefined;

/** A domain as addresses have it, prepared (RFC 7622 §3.2). */
export function readDomain(text: string): BareJid | undefined {
  const domain = readJid(text);
  return domain === undefined || /[@/[]/.test(domain) ? undefined : (domain as BareJid);
}

/** An address or a name to listen on. */
export function readHost(text: string): string | undefined {
  return isIP(text) !== 0 || /^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/i.test(text) ? text : undefined;
}

/** A whole number from one to another. */
export const between =
  (least: number, most: number) =>
  (text: string): number | undefined => {
    const number = /^\d{1,7}$/.test(text) ? Number(text) : Number.NaN;
    return number >= least && number <= most ? number : undefined;
  };

/** A whole number from 0 on. */
export const upTo = (most: number) => between(0, most);

/** 0 means off. */
export const readPort = upTo(65_535);

const words = (text: string): string[] => text.split(/[\s,]+/).filter((word) => word !== '');

/** ENROLL. */
export function readEnroll(text: string): 'closed' | 'open' | BareJid[] | undefined {
  const said = text.toLowerCase();
  if (said === 'closed' || said === 'open') return said;
  const domains = words(text).map((word) => {
    const domain = readDomain(word);
    // A single word is more likely a mistyped "open" than a domain.
    if (domain === undefined || !(domain.includes('.') || domain === 'localhost'))
      throw new Error(`${word} is not a domain`);
    return domain;
  });
  return domains.length > 0 ? domains : undefined;
}

/** UPSTREAM_ROUTES: domain → route. */
export function readRoutes(text: string): Record<string, string> {
  const routes: Record<string, string> = {};
  for (const word of words(text)) {
    const at = word.indexOf('=');
    const domain = at < 0 ? undefined : readDomain(word.slice(0, at));
    const route = word.slice(at + 1);
    if (domain === undefined || readRoute(route) === undefined) throw new Error(`${word} is not domain=host:port`);
    if (Object.hasOwn(routes, domain)) throw new Error(`${domain} stands there twice`);
    routes[domain] = route;
  }
  return routes;
}

/** COMPONENT_n. The port is XEP-0114's where none is named. */
export function readComponent(text: string): ComponentPlace | undefined {
  const match = /^(xmpps?):\/\/([^:@/]+):(.+)@(\[[0-9a-f:.]+\]|[^\s:@/[\]]+)(?::(\d+))?\/?$/i.exec(text);
  if (match === null) return undefined;
  const [, scheme, name, secret, server, port = '5347'] = match;
  const host = readDomain(name!);
  const place = readRoute(`${server}:${port}`);
  if (host === undefined || place === undefined) return undefined;
  return {
    host,
    server: place.host,
    port: place.port,
    tls: scheme!.toLowerCase() === 'xmpps',
    secret: readSecret(secret!),
  };
}

/** A secret may have anything in it, a lone `%` too. */
function readSecret(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** UPSTREAM_CA: the text of the file. */
export function readCertificates(text: string, folder: string): string {
  let pem: string;
  try {
    pem = readFileSync(resolve(folder, text), 'utf8');
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    throw new Error(code === 'ENOENT' ? 'there is no such file' : message);
  }
  const certificates = pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  if (certificates.length === 0) throw new Error('there is no certificate in it');
  for (const [at, certificate] of certificates.entries()) {
    try {
      new X509Certificate(certificate);
    } catch {
      throw new Error(`certificate ${at + 1} in it is damaged`);
    }
  }
  return pem;
}
