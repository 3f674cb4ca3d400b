/** Certificates by domain: given ones, and self-signed ones for domains of ours that have none. */
import { constants, createPrivateKey, X509Certificate } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createSecureContext, type SecureContext } from 'node:tls';
import { readJid } from '../wire/jid.ts';
import { selfSigned } from './certificate.ts';

export interface Certificates {
  /** What a client that asks for that name (SNI) is shown; undefined for a name that is not ours. */
  secureContext(name: string): SecureContext | undefined;
  /** SHA-256 (hex, lower case) of that domain's certificate. */
  fingerprint(domain: string): string | undefined;
}

export interface CertificateOptions {
  /** Where the administrator puts `<domain>.crt` and `<domain>.key`; need not exist. */
  folder: string;
  /** Where self-signed ones are kept; may be the same. */
  made: string;
  /** May a certificate be made for that domain? */
  ours(domain: string): boolean;
  now?: () => Date;
}

interface Loaded {
  context: SecureContext;
  fingerprint: string;
}

/** Reads all that is in the folders; throws an error that names the file where one cannot be used. */
export function openCertificates({ folder, made, ours, now = () => new Date() }: CertificateOptions): Certificates {
  const loaded = new Map<string, Loaded>();
  for (const place of new Set([made, folder])) // given ones last: they win
    for (const name of namesIn(place)) loaded.set(prepare(name) ?? name, load(place, name));

  const find = (name: string): Loaded | undefined => {
    const domain = prepare(name);
    if (domain === undefined) return undefined;
    const known = loaded.get(domain);
    if (known !== undefined || !ours(domain)) return known;
    make(made, domain, now());
    const fresh = load(made, domain);
    loaded.set(domain, fresh);
    return fresh;
  };
  return {
    secureContext: (name) => find(name)?.context,
    fingerprint: (domain) => find(domain)?.fingerprint,
  };
}

/** Files may be named after the A-labels of a domain, as SNI always is (RFC 6066 §3). */
function prepare(name: string): string | undefined {
  const domain = readJid(name);
  return domain === undefined || /[@/]/.test(domain) ? undefined : domain;
}

function namesIn(folder: string): string[] {
  if (!existsSync(folder)) return [];
  const files = readdirSync(folder).filter((name) => name.endsWith('.crt'));
  return files.map((name) => name.slice(0, -'.crt'.length));
}

function load(folder: string, domain: string): Loaded {
  const certFile = join(folder, `${domain}.crt`);
  const keyFile = join(folder, `${domain}.key`);
  const cert = read(certFile);
  const key = read(keyFile);
  const certificate = understood(certFile, () => new X509Certificate(cert));
  const privateKey = understood(keyFile, () => createPrivateKey(key));
  if (!certificate.checkPrivateKey(privateKey)) throw new Error(`${keyFile}: the key does not fit ${certFile}`);
  const context = understood(certFile, () =>
    // A resumed TLS session shows no certificate, so it could not be bound to one, and would outlive a changed one.
    createSecureContext({ cert, key, minVersion: 'TLSv1.2', secureOptions: constants.SSL_OP_NO_TICKET }),
  );
  return { context, fingerprint: certificate.fingerprint256.replaceAll(':', '').toLowerCase() };
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (reason) {
    throw new Error(`${file}: cannot be read (${(reason as NodeJS.ErrnoException).code})`);
  }
}

function understood<T>(file: string, run: () => T): T {
  try {
    return run();
  } catch (reason) {
    throw new Error(`${file}: ${(reason as Error).message}`);
  }
}

/** The certificate comes last and whole, so that one without its key is never found. */
function make(folder: string, domain: string, now: Date): void {
  const { cert, key } = selfSigned(domain, now);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  writeFileSync(join(folder, `${domain}.key`), key, { mode: 0o600 });
  const part = join(folder, `${domain}.crt.part`);
  writeFileSync(part, cert);
  renameSync(part, join(folder, `${domain}.crt`));
}
