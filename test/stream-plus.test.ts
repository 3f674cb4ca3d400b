/** SCRAM with channel binding (RFC 5802 §6), and who is refused for what. */
import { execFileSync } from 'node:child_process';
import { createHash, X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { connect as connectTcp } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, createServer, type TLSSocket } from 'node:tls';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { selfSigned } from '../src/stream/certificate.ts';
import { type ChannelBinding, endPoint } from '../src/stream/channel.ts';
import { Guesses } from '../src/stream/guesses.ts';
import { makeOffer, offerHash } from '../src/stream/offer.ts';
import { NS } from '../src/wire/ns.ts';
import { account, domain, fakeAuthority, HandClock, inWorld } from './lib/edge.ts';
import { type Endpoint, LoginFailure, login, type PlusMechanism, RawClient } from './lib/raw.ts';
import { begin, condition, content, window } from './lib/sasl.ts';
import { scram } from './lib/scram.ts';
import { base64, header, Wire } from './lib/wire.ts';

const mechanisms: readonly PlusMechanism[] = ['SCRAM-SHA-256-PLUS', 'SCRAM-SHA-1-PLUS'];
const types = ['tls-exporter', 'tls-server-end-point'];
const exporter: ChannelBinding = { type: 'tls-exporter', data: Buffer.alloc(32, 1) };
const endpoint: ChannelBinding = { type: 'tls-server-end-point', data: Buffer.alloc(48, 2) };
const alice = ['alice', 'proxy secret'] as const;

const refused = async (attempt: Promise<unknown>): Promise<string> => {
  const reason = await attempt.catch((error: unknown) => error);
  assert.instance(reason, LoginFailure);
  return (reason as LoginFailure).condition;
};

test('both mechanisms, both bindings, both ways of TLS, for the domain and for an account', () =>
  inWorld({}, async (world) => {
    const logins = [
      { jid: `alice@${domain}`, password: 'proxy secret' },
      { jid: `alice@${account}`, password: 'work secret' },
    ];
    for (const way of [world.starttls, world.direct])
      for (const { jid, password } of logins)
        for (const mechanism of mechanisms)
          for (const type of types) {
            const client = await RawClient.open(jid.split('@')[1]!, way);
            assert.is(client.tls?.protocol, 'TLSv1.3');
            assert.equal(client.bindings, types);
            await client.authenticate('alice', password, mechanism, { binding: client.binding(type) });
            await client.bind();
            assert.is(world.edge.sessions()[0]?.mechanism, mechanism, `${jid} ${type}`);
            await client.close();
            await world.unit.hears('detach');
            world.unit.told.length = 0;
          }
  }));

test('TLS 1.2 has the certificate alone', () =>
  inWorld({}, async (world) => {
    for (const mechanism of mechanisms) {
      const old = { ...world.direct, maxVersion: 'TLSv1.2' } as const;
      const client = await RawClient.open(account, old);
      assert.is(client.tls?.protocol, 'TLSv1.2');
      assert.equal(client.bindings, ['tls-server-end-point']);
      assert.ok(client.mechanisms.includes(mechanism));
      const exported = { binding: client.binding('tls-exporter') };
      assert.is(await refused(client.authenticate('alice', 'work secret', mechanism, exported)), 'not-authorized');
      await client.authenticate('alice', 'work secret', mechanism);
      await client.close();
    }
  }));

test('what is offered, best first, and what it can be bound to (XEP-0440)', () =>
  inWorld({}, async ({ direct }) => {
    const socket = connect({ ...direct, servername: domain, rejectUnauthorized: false });
    await once(socket, 'secureConnect');
    const wire = new Wire(socket);
    wire.send(header());
    const text = await wire.sees(/<\/stream:features>$/);
    const names = ['SCRAM-SHA-256-PLUS', 'SCRAM-SHA-1-PLUS', 'SCRAM-SHA-256', 'SCRAM-SHA-1', 'PLAIN'];
    const offered = names.map((name) => `<mechanism>${name}</mechanism>`).join('');
    const bindings = types.map((type) => `<channel-binding type="${type}"/>`).join('');
    assert.match(
      text,
      `<stream:features><mechanisms xmlns="${NS.sasl}">${offered}</mechanisms>` +
        `<sasl-channel-binding xmlns="urn:xmpp:sasl-cb:0">${bindings}</sasl-channel-binding><limits`,
    );
    socket.destroy();
  }));

test('not offered where it is switched off, nor beside PLAIN alone', async () => {
  const without = async (endpoint: Endpoint, expected: string[]) => {
    const client = await RawClient.open(domain, endpoint);
    assert.equal(client.mechanisms, expected);
    assert.is(client.features.getChild('sasl-channel-binding'), undefined);
    for (const mechanism of mechanisms)
      assert.is(await refused(client.authenticate(...alice, mechanism)), 'invalid-mechanism');
    await client.authenticate(...alice);
    await client.close();
  };
  await inWorld({ plus: false }, ({ direct }) => without(direct, ['SCRAM-SHA-256', 'SCRAM-SHA-1', 'PLAIN']));
  await inWorld({ authority: fakeAuthority({ mechanisms: () => ['PLAIN'] }) }, ({ direct }) =>
    without(direct, ['PLAIN']),
  );
  await inWorld({ plus: false }, async ({ direct }) => {
    const client = await RawClient.open(domain, direct);
    await client.authenticate(...alice, 'SCRAM-SHA-256', { binding: 'y' }); // that is the truth there
    await client.close();
  });
});

test('a client that saw no channel binding, though it was offered, saw another offer', () =>
  inWorld({}, async (world) => {
    const client = await RawClient.open(domain, world.starttls);
    for (const mechanism of ['SCRAM-SHA-256', 'SCRAM-SHA-1', ...mechanisms] as const)
      assert.is(await refused(client.authenticate(...alice, mechanism, { binding: 'y' })), 'not-authorized');
    await client.authenticate(...alice, 'SCRAM-SHA-1', { binding: 'n' }); // it cannot bind
    await client.close();
  }));

/** A man in the middle who has a certificate that the client takes, and passes on what it sees, changed. */
async function inTheMiddle(
  to: Endpoint,
  change: (text: string) => string,
  run: (client: RawClient) => Promise<void>,
): Promise<void> {
  const relay = createServer(selfSigned(domain, new Date()), (client: TLSSocket) => {
    const server = connect({ ...to, servername: domain, rejectUnauthorized: false });
    server.on('data', (chunk) => client.write(change(chunk.toString())));
    client.on('data', (chunk) => server.write(chunk));
    for (const [one, other] of [
      [client, server],
      [server, client],
    ] as const)
      one.on('error', () => {}).on('close', () => other.destroy());
  });
  relay.listen(0, '127.0.0.1');
  await once(relay, 'listening');
  const { port } = relay.address() as { port: number };
  const client = await RawClient.open(domain, { host: '127.0.0.1', port, security: 'direct' });
  try {
    await run(client);
  } finally {
    client.cut();
    relay.close();
  }
}

test('who stands between is found out, whatever he passes on', () =>
  inWorld({}, async ({ direct }) => {
    const nothing = (text: string) => text;
    await inTheMiddle(direct, nothing, async (client) => {
      for (const mechanism of mechanisms)
        for (const type of types) {
          const binding = client.binding(type);
          assert.is(await refused(client.authenticate(...alice, mechanism, { binding })), 'not-authorized');
        }
    });
    const offers = (text: string) =>
      text.replace(/<mechanism>[^<]*-PLUS<\/mechanism>/g, '').replace(/<sasl-channel-binding.*<\/sasl-chan[^>]*>/, '');
    await inTheMiddle(direct, offers, async (client) => {
      assert.equal([client.mechanisms, client.bindings], [['SCRAM-SHA-256', 'SCRAM-SHA-1', 'PLAIN'], []]);
      const attempt = client.authenticate(...alice, 'SCRAM-SHA-256', { binding: 'y' });
      assert.is(await refused(attempt), 'not-authorized');
    });
  }));

test('a TLS session is not resumed: it would show no certificate', () =>
  inWorld({}, async ({ direct }) => {
    for (const maxVersion of ['TLSv1.3', 'TLSv1.2'] as const) {
      const options = { ...direct, servername: account, rejectUnauthorized: false, maxVersion };
      const first = connect(options);
      const session = once(first, 'session');
      await once(first, 'secureConnect');
      const second = connect({ ...options, session: (await session)[0] as Buffer });
      await once(second, 'secureConnect');
      assert.not(second.isSessionReused(), maxVersion);
      assert.is(second.getPeerCertificate().subject.CN, account);
      first.destroy();
      second.destroy();
    }
  }));

const bindings = [exporter, endpoint];
const gs2 = (text: string): string => base64(`${text}n=alice,r=abc`);
const badFirst: [string, string, string, string][] = [
  ['a type that is not offered', 'SCRAM-SHA-256-PLUS', 'p=tls-unique,,', 'not-authorized'],
  ['flag n', 'SCRAM-SHA-256-PLUS', 'n,,', 'malformed-request'],
  ['flag y', 'SCRAM-SHA-256-PLUS', 'y,,', 'not-authorized'],
  ['no type', 'SCRAM-SHA-256-PLUS', 'p=,,', 'malformed-request'],
  ['a type that is no name', 'SCRAM-SHA-256-PLUS', 'p=a b,,', 'malformed-request'],
  ['a binding without -PLUS', 'SCRAM-SHA-256', 'p=tls-exporter,,', 'malformed-request'],
];
for (const [what, mechanism, flag, expected] of badFirst)
  test(`${mechanism}: ${what}`, async () => {
    const guesses = new Guesses(1, window, new HandClock());
    assert.is(condition(await begin({ bindings, guesses }).auth(mechanism, gs2(flag))), expected);
    assert.not(guesses.exhausted('192.0.2.1'));
  });

test('another binding than ours is refused before the password is looked at, and is no guess', async () => {
  const wrong = [
    { ...exporter, data: endpoint.data },
    { ...exporter, data: exporter.data.subarray(1) },
    { ...endpoint, data: Buffer.alloc(0) },
  ];
  for (const mechanism of mechanisms)
    for (const password of ['proxy secret', 'wrong'])
      for (const binding of wrong) {
        const guesses = new Guesses(1, window, new HandClock());
        const { auth, respond } = begin({ bindings, guesses });
        const client = scram(mechanism === 'SCRAM-SHA-1-PLUS' ? 'sha1' : 'sha256', 'alice', password, binding);
        const challenge = content(await auth(mechanism, base64(client.first)));
        const reply = await respond(base64(client.final(challenge)));
        assert.is(condition(reply), 'not-authorized');
        assert.match(reply.text, '<text>channel binding</text>');
        assert.not(guesses.exhausted('192.0.2.1'));
      }
});

test('a flag that was changed on its way is found out', async () => {
  const { auth, respond } = begin();
  const client = scram('sha1', 'alice', 'proxy secret', 'y');
  const challenge = content(await auth('SCRAM-SHA-1', base64(client.first.replace('y,,', 'n,,'))));
  assert.is(condition(await respond(base64(client.final(challenge)))), 'not-authorized');
});

test('XEP-0474: the offer as the client should have seen it stands in the first message', async () => {
  const example = { mechanisms: ['SCRAM-SHA-1', 'SCRAM-SHA-1-PLUS'] as const, bindings: [endpoint, exporter] };
  assert.is(offerHash(example, 'sha1'), 'G6k/rBLDqgOhRRaCuuatSDFkJ08='); // §5.3
  const bare = makeOffer(['SCRAM-SHA-256', 'PLAIN'], []);
  assert.is(offerHash(bare, 'sha256'), createHash('sha256').update('PLAIN\x1eSCRAM-SHA-256').digest('base64'));
  const names = 'PLAIN SCRAM-SHA-1 SCRAM-SHA-1-PLUS SCRAM-SHA-256 SCRAM-SHA-256-PLUS'.split(' ');
  const text = `${names.join('\x1e')}\x1f${types.join('\x1e')}`;
  for (const [mechanism, hash] of [
    ['SCRAM-SHA-256-PLUS', 'sha256'],
    ['SCRAM-SHA-1', 'sha1'],
  ] as const) {
    const client = scram(hash, 'alice', 'proxy secret', mechanism.endsWith('-PLUS') ? exporter : 'n');
    const challenge = content(await begin({ bindings }).auth(mechanism, base64(client.first)));
    const expected = createHash(hash).update(text).digest('base64');
    assert.match(challenge, /^r=[^,]+,s=[^,]+,i=1000,h=/);
    assert.is(challenge.split(',h=')[1], expected);
  }
});

/** RFC 5929 §4.1: the certificate's own hash, but not MD5 nor SHA-1. */
const certificates: [string, string[], string | undefined][] = [
  ['RSA with MD5', ['rsa:2048', '-md5'], 'sha256'],
  ['RSA with SHA-1', ['rsa:2048', '-sha1'], 'sha256'],
  ['RSA with SHA-224', ['rsa:2048', '-sha224'], 'sha224'],
  ['RSA with SHA-256', ['rsa:2048', '-sha256'], 'sha256'],
  ['RSA with SHA-384', ['rsa:2048', '-sha384'], 'sha384'],
  ['RSA with SHA-512', ['rsa:2048', '-sha512'], 'sha512'],
  ['RSA-PSS with SHA-1', ['rsa:2048', '-sha1', '-sigopt', 'rsa_padding_mode:pss'], 'sha256'],
  ['RSA-PSS with SHA-384', ['rsa:2048', '-sha384', '-sigopt', 'rsa_padding_mode:pss'], 'sha384'],
  ['ECDSA with SHA-1', ['ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-sha1'], 'sha256'],
  ['ECDSA with SHA-384', ['ec', '-pkeyopt', 'ec_paramgen_curve:P-384', '-sha384'], 'sha384'],
  ['ECDSA with SHA-512', ['ec', '-pkeyopt', 'ec_paramgen_curve:P-521', '-sha512'], 'sha512'],
  ['Ed25519', ['ed25519'], undefined],
];
test('the hash of a certificate is that of its signature', () => {
  const folder = mkdtempSync(join(tmpdir(), 'endpoint-'));
  const file = join(folder, 'crt.pem');
  const subject = ['-x509', '-nodes', '-subj', '/CN=a.example', '-keyout', join(folder, 'key.pem'), '-out', file];
  try {
    for (const [what, key, hash] of certificates) {
      execFileSync('openssl', ['req', '-newkey', ...key, ...subject], { stdio: 'pipe' });
      const { raw } = new X509Certificate(readFileSync(file));
      const expected = hash && createHash(hash).update(raw).digest('hex');
      assert.is(endPoint(raw)?.toString('hex'), expected, what);
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('a connection that ends in the middle of a login leaves nothing', () =>
  inWorld({}, async ({ direct, edge, errors }) => {
    const client = await RawClient.open(domain, direct);
    client.send(`<auth xmlns="${NS.sasl}" mechanism="SCRAM-SHA-1-PLUS">${gs2('p=tls-exporter,,')}</auth>`);
    client.cut();
    await client.closed;
    const plain = connectTcp(direct.port, direct.host);
    await once(plain, 'connect');
    plain.destroy();
    await (await login({ jid: `alice@${domain}`, password: 'proxy secret', ...direct })).close();
    assert.equal([edge.sessions().length, errors], [0, []]);
  }));

test.run();
