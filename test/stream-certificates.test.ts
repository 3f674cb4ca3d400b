import { execFileSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { isSelfSigned, selfSigned } from '../src/stream/certificate.ts';
import { type CertificateOptions, openCertificates as open } from '../src/stream/certificates.ts';
import { silent } from './lib/edge.ts';

const now = new Date('2026-11-20T12:00:00Z');
const openCertificates = (options: Omit<CertificateOptions, 'log'>) => open({ log: silent, ...options });

function inFolder(run: (folder: string) => void): void {
  const folder = mkdtempSync(join(tmpdir(), 'certs-'));
  try {
    run(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

test('a self-signed certificate is one by Node and by OpenSSL', () =>
  inFolder((folder) => {
    const { cert, key } = selfSigned('proxy.example', now);
    const certificate = new X509Certificate(cert);
    assert.is(certificate.subjectAltName, 'DNS:proxy.example');
    assert.is(certificate.subject, 'CN=proxy.example');
    assert.ok(certificate.verify(certificate.publicKey));
    assert.ok(certificate.checkHost('proxy.example'));
    assert.not(certificate.ca);
    assert.is(new Date(certificate.validFrom).toISOString(), '2026-11-19T12:00:00.000Z');
    assert.is(new Date(certificate.validTo).toISOString(), '2036-11-19T12:00:00.000Z');
    const file = join(folder, 'one.pem');
    writeFileSync(file, cert);
    const options = ['-attime', String(now.getTime() / 1000), '-x509_strict', '-purpose', 'sslserver'];
    const verified = execFileSync('openssl', ['verify', ...options, '-CAfile', file, file], { encoding: 'utf8' });
    assert.match(verified, /one\.pem: OK/);
    const text = execFileSync('openssl', ['x509', '-in', file, '-noout', '-text'], { encoding: 'utf8' });
    assert.match(text, /Signature Algorithm: ecdsa-with-SHA256[\s\S]*ASN1 OID: prime256v1/);
    assert.match(text, /Digital Signature[\s\S]*TLS Web Server Authentication/);
    assert.match(key, /^-----BEGIN PRIVATE KEY-----/);
  }));

test('ours are told from those that others have signed themselves', () =>
  inFolder((folder) => {
    for (const from of ['2026-11-20T12:00:00Z', '2045-01-02T00:00:00Z', '2028-02-29T12:00:00Z', '2024-03-01T00:00:00Z'])
      assert.ok(isSelfSigned(new X509Certificate(selfSigned('a.example', new Date(from)).cert)), from);
    const file = join(folder, 'other.pem');
    const words = ['req', '-x509', '-nodes', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-days', '3652'];
    execFileSync('openssl', [...words, '-subj', '/CN=a.example', '-keyout', '/dev/null', '-out', file], {
      stdio: 'pipe',
    });
    assert.not(isSelfSigned(new X509Certificate(readFileSync(file))));
  }));

test('names that are not plain host names', () => {
  const names = (domain: string) => new X509Certificate(selfSigned(domain, now).cert).subjectAltName;
  assert.is(names('bücher.example'), 'DNS:xn--bcher-kva.example');
  assert.is(names('127.0.0.1'), 'IP Address:127.0.0.1');
  assert.is(names('[2001:db8::1:0]'), 'IP Address:2001:DB8:0:0:0:0:1:0');
  const long = `${'a'.repeat(60)}.${'b'.repeat(60)}.example`;
  assert.is(names(long), `DNS:${long}`);
});

test('years from 2050 on have four digits', () => {
  const certificate = new X509Certificate(selfSigned('proxy.example', new Date('2045-01-02T00:00:00Z')).cert);
  assert.is(new Date(certificate.validTo).toISOString(), '2055-01-01T00:00:00.000Z');
});

test('made once, for our domains alone, the key for us alone', () =>
  inFolder((folder) => {
    const options = {
      folder: join(folder, 'given'),
      made: join(folder, 'made'),
      ours: (name: string) => name === 'a.example',
    };
    const certificates = openCertificates(options);
    assert.ok(certificates.secureContext('A.Example'));
    assert.is(certificates.secureContext('a.example'), certificates.secureContext('a.example'));
    for (const other of ['b.example', '../a.example', '', 'x@a.example', 'a.example/x'])
      assert.is(certificates.secureContext(other), undefined);
    assert.is(statSync(join(folder, 'made', 'a.example.key')).mode & 0o777, 0o600);
    assert.not(existsSync(join(folder, 'given')));
    const made = new X509Certificate(readFileSync(join(folder, 'made', 'a.example.crt')));
    const fingerprint = made.fingerprint256.replaceAll(':', '').toLowerCase();
    assert.is(certificates.fingerprint('a.example'), fingerprint);
    assert.is(openCertificates(options).fingerprint('a.example'), fingerprint);
  }));

test('a given certificate wins, whoever the domain belongs to', () =>
  inFolder((folder) => {
    openCertificates({ folder, made: folder, ours: () => true }).secureContext('a.example');
    const made = join(folder, 'made');
    const own = openCertificates({ folder: made, made, ours: () => true }).fingerprint('a.example');
    const given = openCertificates({ folder, made, ours: () => false });
    assert.ok(given.secureContext('a.example'));
    assert.is.not(given.fingerprint('a.example'), own);
  }));

test('what cannot be used is named', () =>
  inFolder((folder) => {
    const openHere = () => openCertificates({ folder, made: folder, ours: () => false });
    const file = (name: string) => join(folder, name);
    const fails = (text: string) => assert.throws(openHere, (error: Error) => error.message.includes(text));
    const [one, other] = [selfSigned('a.example', now), selfSigned('a.example', now)];
    writeFileSync(file('a.example.crt'), one.cert);
    fails(`${file('a.example.key')}: cannot be read (ENOENT)`);
    writeFileSync(file('a.example.key'), other.key);
    fails(`${file('a.example.key')}: the key does not fit ${file('a.example.crt')}`);
    writeFileSync(file('a.example.key'), 'no key');
    fails(`${file('a.example.key')}: `);
    writeFileSync(file('a.example.key'), one.key);
    writeFileSync(file('a.example.crt'), 'no certificate');
    fails(`${file('a.example.crt')}: `);
    writeFileSync(file('a.example.crt'), one.cert);
    assert.ok(openHere().secureContext('a.example'));
  }));

/** A folder, what is in it by now, and a clock; `put` writes a pair and gives its fingerprint. */
function watched(run: (world: ReturnType<typeof worldIn>) => void): void {
  inFolder((folder) => run(worldIn(folder)));
}
function worldIn(folder: string) {
  const log: string[] = [];
  const told = (message: string, fields: object = {}) => log.push(`${message} ${JSON.stringify(fields)}`);
  const time = { now };
  const start = (changes: Partial<CertificateOptions> = {}) =>
    open({
      folder,
      made: folder,
      ours: (name) => name === 'own.example',
      log: { ...silent, info: told, error: told },
      now: () => time.now,
      ...changes,
    });
  const fingerprintOf = (cert: string) => new X509Certificate(cert).fingerprint256.replaceAll(':', '').toLowerCase();
  const file = (name: string) => join(folder, name);
  const put = (name: string, { cert, key } = selfSigned('a.example', now)): string => {
    writeFileSync(file(`${name}.crt`), cert);
    writeFileSync(file(`${name}.key`), key);
    return fingerprintOf(cert);
  };
  const later = (milliseconds: number) => {
    time.now = new Date(time.now.getTime() + milliseconds);
  };
  return { folder, file, log, start, put, later, fingerprintOf };
}

test('a pair that is replaced is shown within seconds, and once it is asked for', () =>
  watched(({ start, put, later, log }) => {
    const first = put('a.example');
    const certificates = start();
    const context = certificates.secureContext('a.example');
    const second = put('a.example');
    assert.is(certificates.fingerprint('a.example'), first);
    later(2999);
    assert.is(certificates.secureContext('a.example'), context);
    later(1);
    assert.is(certificates.fingerprint('a.example'), second);
    assert.is.not(certificates.secureContext('a.example'), context);
    assert.equal(log, [`certificate changed {"domain":"a.example","fingerprint":"${second}"}`]);
    const third = put('a.example');
    certificates.reload();
    assert.is(certificates.fingerprint('a.example'), third, 'at once where that is asked');
  }));

test('a pair that is new, one that stands behind a link, one in A-labels', () =>
  watched(({ folder, file, start, put, later }) => {
    const certificates = start();
    assert.is(certificates.fingerprint('b.example'), undefined);
    const [own, made] = [put('own.example'), certificates.fingerprint('own.example')];
    later(3000);
    assert.is(certificates.fingerprint('own.example'), own);
    assert.is(own, made, 'what is there already is taken, not written over');
    for (const place of ['old', 'new']) mkdirSync(file(place));
    const [old, fresh] = [put('old/b'), put('new/b')];
    for (const end of ['crt', 'key']) symlinkSync(join(folder, 'old', `b.${end}`), file(`b.example.${end}`));
    const umlaut = put('xn--bcher-kva.example');
    later(3000);
    assert.is(certificates.fingerprint('b.example'), old);
    assert.is(certificates.fingerprint('bücher.example'), umlaut);
    for (const end of ['crt', 'key']) {
      symlinkSync(join(folder, 'new', `b.${end}`), file('next'));
      renameSync(file('next'), file(`b.example.${end}`));
    }
    later(3000);
    assert.is(certificates.fingerprint('B.Example'), fresh);
  }));

test('what is broken leaves the one before in use, and is told once for each change', () =>
  watched(({ file, start, put, later, log }) => {
    const first = put('a.example');
    const certificates = start();
    const round = () => {
      log.length = 0;
      for (let time = 0; time < 3; time += 1) {
        later(3000);
        assert.is(certificates.fingerprint('a.example'), first);
      }
      return log.splice(0);
    };
    const words = 'certificate cannot be used; the one before stays';
    writeFileSync(file('a.example.key'), selfSigned('a.example', now).key);
    const why = `${file('a.example.key')}: the key does not fit ${file('a.example.crt')}`;
    assert.equal(round(), [`${words} {"reason":"${why}"}`]);
    rmSync(file('a.example.key'));
    assert.equal(round(), [`${words} {"reason":"${file('a.example.key')}: cannot be read (ENOENT)"}`]);
    writeFileSync(file('a.example.crt'), 'no certificate');
    assert.is(round().length, 1);
    rmSync(file('a.example.crt'));
    assert.equal(round(), [], 'what is gone has not changed');
    const second = put('a.example');
    later(3000);
    assert.is(certificates.fingerprint('a.example'), second);
  }));

test('what is broken is not written over by one of ours', () =>
  watched(({ file, start, put, later }) => {
    const certificates = start();
    const { cert, key } = selfSigned('own.example', now);
    writeFileSync(file('own.example.crt'), cert);
    assert.is(certificates.secureContext('own.example'), undefined);
    assert.is(readFileSync(file('own.example.crt'), 'utf8'), cert);
    const given = put('own.example', { cert, key });
    later(3000);
    assert.is(certificates.fingerprint('own.example'), given);
  }));

test('one that cannot be made: the error names its file', () =>
  inFolder((folder) => {
    writeFileSync(join(folder, 'in-the-way'), '');
    const made = join(folder, 'in-the-way', 'certs');
    const certificates = openCertificates({ folder, made, ours: () => true });
    assert.throws(() => certificates.secureContext('own.example'), /in-the-way\/certs\/own\.example\.crt: .*ENOTDIR/);
  }));

test('ours is made anew once it has expired; one that was given is not ours to make', () =>
  watched(({ file, start, put, later, log, fingerprintOf }) => {
    const days = (count: number) => later(count * 86_400_000);
    const certificates = start();
    const first = certificates.fingerprint('own.example');
    const made = join(file('made'));
    const given = put('b.example', selfSigned('b.example', now));
    const apart = start({ made, ours: () => true });
    assert.is(apart.fingerprint('b.example'), given);
    days(3651);
    assert.is(certificates.fingerprint('own.example'), first);
    days(1);
    log.length = 0;
    const second = certificates.fingerprint('own.example');
    assert.is.not(second, first);
    assert.is(fingerprintOf(readFileSync(file('own.example.crt'), 'utf8')), second);
    assert.equal(log.at(-1), `certificate made {"domain":"own.example","fingerprint":"${second}"}`);
    days(1);
    assert.is(certificates.fingerprint('own.example'), second, 'once');
    assert.is(start().fingerprint('own.example'), second, 'and after a start');
    assert.is(apart.fingerprint('b.example'), given);
    assert.not(existsSync(made));
  }));

test.run();
