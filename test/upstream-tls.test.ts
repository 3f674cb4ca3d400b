/** TLS towards a server: required, verified against the domain of the address, or against a pin; SNI and ALPN. */
import { createHash, X509Certificate } from 'node:crypto';
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { DomainGate } from '../src/upstream/gate.ts';
import { openCoreSession } from '../src/upstream/supervisor.ts';
import type { Account, UpstreamOptions } from '../src/upstream/types.ts';
import type { Failure } from '../src/wire/failure.ts';
import { type Certificates, makeCertificates } from './lib/certificates.ts';
import { run, temporaryFolder } from './lib/process.ts';
import { type Far, mechanisms, type Play, Scripted, starttls } from './lib/scripted.ts';
import { accountOf, MemoryLedger, MemoryLog, optionsOf, quick, Recorder } from './lib/upstream.ts';

const folder = temporaryFolder('tls');
const made = new Map<string, Promise<Certificates>>();
/** A CA and a certificate of its own for each name. */
function certified(...domains: string[]): Promise<Certificates> {
  const name = domains.join('-');
  const path = join(folder, name);
  if (!made.has(name)) {
    mkdirSync(path);
    made.set(name, makeCertificates(path, domains));
  }
  return made.get(name)!;
}
const pem = (file: string) => readFileSync(file, 'utf8');
const context = ({ key, cert }: Certificates) => ({ key: pem(key), cert: pem(cert) });
const fingerprint = ({ cert }: Certificates) =>
  createHash('sha256')
    .update(new X509Certificate(pem(cert)).raw)
    .digest('hex');

const proceed = '<proceed xmlns="urn:ietf:params:xml:ns:xmpp-tls"/>';
async function startTls(far: Far, certificate: Parameters<Far['secure']>[0], more = ''): Promise<void> {
  await far.stream(starttls);
  await far.until(/<starttls [^>]*\/>/);
  await far.sent(proceed + more);
  far.secure(certificate);
}

interface Outcome {
  online: boolean;
  failure: Failure | undefined;
  far: Far | undefined;
}

/** One login at a server that plays the script. */
async function attempt(
  play: (far: Far) => unknown,
  account: Partial<Account> = {},
  options: Partial<UpstreamOptions> = {},
  scheme = '',
): Promise<Outcome> {
  let seen: Far | undefined;
  const whole: Play = async (far) => {
    seen = far;
    await play(far);
    await far.closed();
  };
  const server = await Scripted.start(whole);
  const events = new Recorder();
  const route = `${scheme}127.0.0.1:${server.port}`;
  const me = accountOf('me@far.example', 'secret', { route, ...account });
  const env = quick({ answer: 2000, backoff: { least: 60_000, most: 60_000 } });
  const session = openCoreSession(
    me,
    optionsOf(options),
    new DomainGate(),
    events,
    new MemoryLedger(),
    new MemoryLog(),
    env,
  );
  session.start();
  const { status, failure } = await events.next('status', ({ status }) => status !== 'connecting');
  await session.stop(500);
  server.close();
  if (status === 'online') await server.finished();
  return { online: status === 'online', failure, far: seen };
}

test('STARTTLS: the certificate of the domain by a CA that is given; SNI is the domain, though the route is an address', async () => {
  const good = await certified('far.example');
  const login: Play = async (far) => {
    await startTls(far, context(good));
    await far.session();
  };
  const { online, failure, far } = await attempt(login, {}, { ca: pem(good.ca) });
  assert.ok(online, failure?.text);
  assert.is(far?.servername, 'far.example');
});

test('direct TLS: SNI, ALPN, verification against the domain', async () => {
  const good = await certified('far.example');
  const login: Play = async (far) => {
    far.secure(context(good), ['xmpp-client', 'http/1.1']);
    await far.session();
  };
  const { online, failure, far } = await attempt(login, {}, { ca: pem(good.ca) }, 'xmpps://');
  assert.ok(online, failure?.text);
  assert.is(far?.servername, 'far.example');
  assert.is(far?.alpn, 'xmpp-client');
});

for (const [way, scheme] of [
  ['STARTTLS', ''],
  ['direct TLS', 'xmpps://'],
] as const) {
  const secure = async (far: Far, certificate: Certificates) => {
    if (scheme === '') await startTls(far, context(certificate));
    else far.secure(context(certificate));
  };
  const until =
    (certificate: Certificates): Play =>
    async (far) => {
      await secure(far, certificate);
      await far.closed();
      assert.is(far.unread, ''); // not a byte of a login to a server that we do not trust
    };

  test(`${way}: a certificate for another name`, async () => {
    const other = await certified('other.example');
    const { failure } = await attempt(until(other), {}, { ca: pem(other.ca) }, scheme);
    assert.equal(failure, {
      kind: 'certificate',
      text: 'the certificate is for another name',
      fingerprint: fingerprint(other),
    });
  });

  test(`${way}: a certificate by an unknown authority`, async () => {
    const good = await certified('far.example');
    const { failure } = await attempt(until(good), {}, {}, scheme);
    assert.is(failure?.kind, 'certificate');
    assert.match(failure?.text ?? '', /unknown authority/);
    assert.is(failure?.fingerprint, fingerprint(good));
  });

  test(`${way}: a pin takes the place of authority and name`, async () => {
    const other = await certified('other.example');
    const login: Play = async (far) => {
      await secure(far, other);
      await far.session();
    };
    const { online, failure } = await attempt(login, { pin: fingerprint(other) }, {}, scheme);
    assert.ok(online, failure?.text);
  });

  test(`${way}: another certificate than the pinned one, though a CA vouches for it`, async () => {
    const good = await certified('far.example');
    const { failure } = await attempt(until(good), { pin: '0'.repeat(64) }, { ca: pem(good.ca) }, scheme);
    assert.equal(failure, {
      kind: 'pin',
      text: 'the certificate has changed',
      fingerprint: fingerprint(good),
    });
  });

  test(`${way}: no older TLS than 1.2`, async () => {
    const good = await certified('far.example');
    const old: Play = async (far) => {
      const settings = {
        ...context(good),
        minVersion: 'TLSv1',
        maxVersion: 'TLSv1.1',
        ciphers: 'ALL@SECLEVEL=0',
      } as const;
      if (scheme === '') await startTls(far, settings);
      else far.secure(settings);
    };
    const { failure } = await attempt(old, {}, { ca: pem(good.ca) }, scheme);
    assert.is(failure?.kind, 'no-tls', failure?.text);
  });
}

test('an expired certificate', async () => {
  const path = join(folder, 'expired');
  mkdirSync(path);
  const [key, cert] = [join(path, 'key.pem'), join(path, 'crt.pem')];
  const names = ['-subj', '/CN=far.example', '-addext', 'subjectAltName=DNS:far.example'];
  const fresh = ['req', '-newkey', 'rsa:2048', '-nodes', '-keyout', key, ...names];
  await run('openssl', [...fresh, '-out', join(path, 'csr.pem')]);
  await run('openssl', ['x509', '-req', '-in', join(path, 'csr.pem'), '-key', key, '-days', '-1', '-out', cert]);
  const { failure } = await attempt(
    async (far) => startTls(far, { key: pem(key), cert: pem(cert) }),
    {},
    { ca: pem(cert) },
  );
  assert.is(failure?.kind, 'certificate');
  assert.match(failure?.text ?? '', /expired/);
});

test('STARTTLS is stripped: no login', async () => {
  const stripped: Play = async (far) => {
    await far.stream(mechanisms('PLAIN', 'SCRAM-SHA-256'));
    await far.closed();
    assert.not.match(far.unread, /<auth/);
  };
  const { failure } = await attempt(stripped);
  assert.is(failure?.kind, 'no-tls');
});

test('without TLS on loopback only, and only where it is allowed', async () => {
  const plain: Play = async (far) => far.session();
  assert.ok((await attempt(plain, {}, { allowPlaintext: true })).online);
  assert.is((await attempt(plain, {}, {})).failure?.kind, 'no-tls');
  // A pin says that TLS is wanted; so does <required/>.
  assert.is((await attempt(plain, { pin: '0'.repeat(64) }, { allowPlaintext: true })).failure?.kind, 'no-tls');
  const good = await certified('far.example');
  const required: Play = async (far) => {
    await startTls(far, context(good));
    await far.session();
  };
  assert.ok((await attempt(required, {}, { allowPlaintext: true, ca: pem(good.ca) })).online);
});

test('what is slipped in before TLS is forgotten', async () => {
  const good = await certified('far.example');
  const login: Play = async (far) => {
    await startTls(far, context(good), mechanisms('PLAIN'));
    await far.session();
  };
  const { failure, online } = await attempt(login, {}, { ca: pem(good.ca) });
  // In one packet with <proceed/> it is dropped; had it come later, the handshake would have failed on it.
  assert.ok(online, failure?.text);
});

test('a server that offers STARTTLS and refuses it, or never goes on', async () => {
  const refuse: Play = async (far) => {
    await far.stream(starttls);
    await far.until(/<starttls [^>]*\/>/);
    far.send('<failure xmlns="urn:ietf:params:xml:ns:xmpp-tls"/></stream:stream>');
  };
  assert.is((await attempt(refuse)).failure?.kind, 'no-tls');
  const silent: Play = async (far) => {
    await far.stream(starttls);
    await far.until(/<starttls [^>]*\/>/);
    far.send(proceed);
  };
  assert.equal((await attempt(silent)).failure, {
    kind: 'timeout',
    text: 'no answer: TLS handshake',
    fingerprint: undefined,
  });
});

test('a connection cut in the middle of the handshake, and bytes that are no TLS', async () => {
  const cut: Play = async (far) => {
    await far.until(/./s);
    far.destroy();
  };
  assert.is((await attempt(cut, {}, {}, 'xmpps://')).failure?.kind, 'unreachable');
  const noTls: Play = (far) => far.send('<?xml version="1.0"?>');
  assert.is((await attempt(noTls, {}, {}, 'xmpps://')).failure?.kind, 'no-tls');
});

test.run();
