/** A certificate and its key as files in a folder. */
import { constants, createPrivateKey, X509Certificate } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createSecureContext, type SecureContext } from 'node:tls';
import { isSelfSigned, selfSigned } from './certificate.ts';

/** `<name>.crt` and `<name>.key` in that folder. */
export interface Pair {
  folder: string;
  name: string;
}

export interface Loaded {
  context: SecureContext;
  /** SHA-256 (hex, lower case). */
  fingerprint: string;
  /** Where nobody but us can have made it: when it expires, in milliseconds since the epoch. */
  expires: number | undefined;
}

/** Those of which there is a certificate. */
export function pairsIn(folder: string): Pair[] {
  if (!existsSync(folder)) return [];
  const files = readdirSync(folder).filter((name) => name.endsWith('.crt'));
  return files.map((name) => ({ folder, name: name.slice(0, -'.crt'.length) }));
}

const filesOf = ({ folder, name }: Pair) => [join(folder, `${name}.crt`), join(folder, `${name}.key`)] as const;

/** Another text once one of the files, or what its link leads to, has been written or replaced. */
export function stampOf(pair: Pair): string {
  const stamps = filesOf(pair).map((file) => {
    const found = statSync(file, { throwIfNoEntry: false });
    return found && `${found.ino} ${found.size} ${found.mtimeMs} ${found.ctimeMs}`;
  });
  return [pair.folder, pair.name, ...stamps].join('\n');
}

/** Throws an error that names the file which cannot be used. */
export function load(pair: Pair): Loaded {
  const [certFile, keyFile] = filesOf(pair);
  const cert = read(certFile);
  const key = read(keyFile);
  const certificate = understood(certFile, () => new X509Certificate(cert));
  const privateKey = understood(keyFile, () => createPrivateKey(key));
  if (!certificate.checkPrivateKey(privateKey)) throw new Error(`${keyFile}: the key does not fit ${certFile}`);
  const context = understood(certFile, () =>
    // A resumed TLS session shows no certificate, so it could not be bound to one, and would outlive a changed one.
    createSecureContext({ cert, key, minVersion: 'TLSv1.2', secureOptions: constants.SSL_OP_NO_TICKET }),
  );
  const fingerprint = certificate.fingerprint256.replaceAll(':', '').toLowerCase();
  return { context, fingerprint, expires: isSelfSigned(certificate) ? Date.parse(certificate.validTo) : undefined };
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

/** A self-signed one for that domain. The certificate comes last and whole, so that one without its key is never found. */
export function make(pair: Pair, now: Date): void {
  const { cert, key } = selfSigned(pair.name, now);
  const [certFile, keyFile] = filesOf(pair);
  try {
    mkdirSync(pair.folder, { recursive: true, mode: 0o700 });
    writeFileSync(keyFile, key, { mode: 0o600, flush: true });
    writeFileSync(`${certFile}.part`, cert, { flush: true });
    renameSync(`${certFile}.part`, certFile);
  } catch (reason) {
    throw new Error(`${certFile}: cannot be made (${(reason as NodeJS.ErrnoException).code})`);
  }
}
