import { execFileSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { selfSigned } from '../src/stream/certificate.ts';
import { openCertificates } from '../src/stream/certificates.ts';

const now = new Date('2026-11-20T12:00:00Z');

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
    const open = () => openCertificates({ folder, made: folder, ours: () => false });
    const file = (name: string) => join(folder, name);
    const fails = (text: string) => assert.throws(open, (error: Error) => error.message.includes(text));
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
    assert.ok(open().secureContext('a.example'));
  }));

test.run();
