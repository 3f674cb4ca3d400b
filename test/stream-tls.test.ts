import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { connect as connectTcp } from 'node:net';
import { join } from 'node:path';
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { selfSigned } from '../src/stream/certificate.ts';
import { NS } from '../src/wire/ns.ts';
import { xml } from '../src/wire/xml.ts';
import { account, domain, HandClock, inWorld, startWorld, type World } from './lib/edge.ts';
import { type Endpoint, login, RawClient } from './lib/raw.ts';
import { header, plain, Wire } from './lib/wire.ts';

const starttls = `<starttls xmlns="${NS.tls}"/>`;
const limits = `<limits xmlns="${NS.limits}"><max-bytes>10000</max-bytes></limits>`;

/** A handshake; rejects where there is none. */
async function secure(options: ConnectionOptions): Promise<TLSSocket> {
  const socket = connect({ rejectUnauthorized: false, ...options });
  await once(socket, 'secureConnect');
  return socket;
}
const direct = ({ host, port }: Endpoint, options: ConnectionOptions = {}): Promise<TLSSocket> =>
  secure({ host, port, ...options });
/** Up to `<proceed/>`. */
async function proceed(endpoint: Endpoint, to: string, behind = ''): Promise<Wire> {
  const wire = await Wire.open(endpoint);
  wire.send(header(`to="${to}" version="1.0"`));
  await wire.sees(/<\/stream:features>/);
  wire.send(starttls + behind);
  await wire.sees(/<proceed[^>]*>$/);
  wire.socket.removeAllListeners('data');
  return wire;
}
const fingerprint = (socket: TLSSocket): string =>
  socket.getPeerCertificate().fingerprint256.replaceAll(':', '').toLowerCase();
const certificateOf = ({ certificates }: World, name: string) => certificates.fingerprint(name);

test('in clear, TLS is all there is', () =>
  inWorld({}, async (world) => {
    const wire = await Wire.open(world.starttls);
    wire.send(header());
    const text = await wire.sees(/<\/stream:features>$/);
    const required = `<starttls xmlns="${NS.tls}"><required/></starttls>`;
    assert.is(text.slice(text.indexOf('<stream:features>')), `<stream:features>${required}${limits}</stream:features>`);
    wire.send(plain('alice', 'proxy secret'));
    await wire.sees(/<failure xmlns="urn:ietf:params:xml:ns:xmpp-sasl"><encryption-required\/><\/failure>$/);
    wire.send('</stream:stream>');
    await wire.end();
  }));

test('what stands behind <starttls/> was never said', () =>
  inWorld({ plaintext: true }, async (world) => {
    const injected = plain('alice', 'proxy secret') + header();
    const wire = await proceed(world.starttls, domain, injected);
    const inside = new Wire(await secure({ socket: wire.socket }));
    inside.send(header());
    const text = await inside.sees(/<\/stream:features>/);
    assert.match(text, /^<\?xml version="1.0"\?><stream:stream [^>]*><stream:features><mechanisms /);
    assert.not.match(text, 'success');
    inside.send('</stream:stream>');
    assert.match(await inside.end(), /<\/stream:features><\/stream:stream>$/);
  }));

test('clear text in place of a handshake ends the connection', () =>
  inWorld({}, async (world) => {
    const wire = await proceed(world.starttls, domain);
    wire.send(header());
    await wire.end();
    const other = await Wire.open(world.direct);
    other.send(header());
    assert.not.match(await other.end(), 'stream');
  }));

test('STARTTLS is offered once', () =>
  inWorld({}, async (world) => {
    const wire = new Wire(await direct(world.direct));
    wire.send(header() + starttls);
    assert.match(await wire.end(), /<failure xmlns="urn:ietf:params:xml:ns:xmpp-tls"\/><\/stream:stream>$/);
  }));

test('both ways of TLS lead to a session', () =>
  inWorld({}, async (world) => {
    for (const endpoint of [world.starttls, world.direct]) {
      const client = await login({ jid: 'alice@work.example', password: 'work secret', ...endpoint });
      assert.is(client.tls?.protocol, 'TLSv1.3');
      assert.is(client.tls?.fingerprint, certificateOf(world, account));
      const [info] = world.edge.sessions();
      assert.is(info?.secure, true);
      assert.is(info?.remote, '127.0.0.1');
      await client.close();
      await world.unit.hears('detach', ({ sid }) => sid === info?.sid);
    }
  }));

test('direct TLS: a client that names protocols must name XMPP', () =>
  inWorld({}, async (world) => {
    const named = await direct(world.direct, { ALPNProtocols: ['h2', 'xmpp-client'] });
    assert.is(named.alpnProtocol, 'xmpp-client');
    const silent = await direct(world.direct);
    assert.is(silent.alpnProtocol, false);
    named.destroy();
    silent.destroy();
    await direct(world.direct, { ALPNProtocols: ['h2', 'http/1.1'] }).then(
      () => assert.unreachable(),
      (error) => assert.is(error.code, 'ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL'),
    );
  }));

test('the certificate of the name that the client asks for, of ours where it asks for none of ours', () =>
  inWorld({}, async (world) => {
    const [own, other] = [certificateOf(world, domain), certificateOf(world, account)];
    assert.is.not(own, other);
    const asked: [string | undefined, string | undefined][] = [
      [domain, own],
      [account, other],
      ['unknown.example', own],
      [undefined, own],
    ];
    for (const [servername, expected] of asked) {
      const socket = await direct(world.direct, servername === undefined ? {} : { servername });
      assert.is(fingerprint(socket), expected, servername ?? 'no name');
      socket.destroy();
    }
  }));

test('STARTTLS without a name: the certificate of the domain that the stream is to', () =>
  inWorld({}, async (world) => {
    const { socket } = await proceed(world.starttls, account);
    const inside = await secure({ socket });
    assert.is(fingerprint(inside), certificateOf(world, account));
    inside.destroy();
  }));

test('TLS 1.2 is old enough', () =>
  inWorld({}, async (world) => {
    const old = { ciphers: 'DEFAULT@SECLEVEL=0', minVersion: 'TLSv1' } as const;
    const socket = await direct(world.direct, { ...old, maxVersion: 'TLSv1.2' });
    assert.is(socket.getProtocol(), 'TLSv1.2');
    socket.destroy();
    await direct(world.direct, { ...old, maxVersion: 'TLSv1.1' }).then(
      () => assert.unreachable(),
      (error) => assert.is(error.code, 'ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION'),
    );
  }));

test('a certificate that is replaced: who comes is shown the new one, who is there stays', () =>
  inWorld({}, async (world) => {
    const [phone, desk] = await Promise.all(
      [world.starttls, world.direct].map((endpoint) =>
        login({ jid: 'alice@work.example', password: 'work secret', ...endpoint }),
      ),
    );
    const before = certificateOf(world, account);
    assert.is(phone!.tls?.fingerprint, before);
    const { cert, key } = selfSigned(account, new Date());
    writeFileSync(join(world.folder, `${account}.crt`), cert);
    writeFileSync(join(world.folder, `${account}.key`), key);
    world.certificates.reload();
    const after = certificateOf(world, account);
    assert.is.not(after, before);
    for (const endpoint of [world.starttls, world.direct]) {
      const client = await RawClient.open(account, endpoint);
      assert.is(client.tls?.fingerprint, after);
      await client.authenticate('alice', 'work secret', 'SCRAM-SHA-1-PLUS', {
        binding: client.binding('tls-server-end-point'),
      });
      await client.close();
    }
    for (const client of [phone!, desk!]) {
      await client.iq('get', domain, xml('ping', NS.ping));
      await client.close();
    }
  }));

test('a handshake must not last', async () => {
  const clock = new HandClock();
  await inWorld({ clock }, async (world) => {
    const wire = await Wire.open(world.direct);
    const bystander = await RawClient.open(domain, world.starttls); // by now the other is accepted too
    clock.move(10_000);
    assert.is(await wire.end(), '');
    await bystander.authenticate('alice', 'proxy secret');
    await bystander.close();
  });
});

test('without TLS from loopback, where that is allowed', () =>
  inWorld({ plaintext: true }, async (world) => {
    const endpoint = { ...world.starttls, security: 'none' as const };
    const client = await RawClient.open(domain, endpoint);
    assert.equal(client.mechanisms, ['SCRAM-SHA-256', 'SCRAM-SHA-1', 'PLAIN']);
    assert.equal(client.bindings, []);
    await client.authenticate('alice', 'proxy secret');
    await client.bind();
    assert.is(world.edge.sessions()[0]?.secure, false);
    await client.close();
    const careful = await RawClient.open(domain, world.starttls);
    assert.ok(careful.mechanisms.includes('SCRAM-SHA-256-PLUS'));
    await careful.close();
  }));

test('a port that is taken is named', () =>
  inWorld({}, async (world) => {
    const { port } = world.starttls;
    await startWorld({ ports: { starttls: undefined, direct: port } }).then(
      () => assert.unreachable(),
      (error) => {
        assert.is(error.code, 'EADDRINUSE');
        assert.is(error.port.port, port);
        assert.is(error.message, `cannot listen at 127.0.0.1, port ${port}: EADDRINUSE`);
      },
    );
    const socket = connectTcp(port, '127.0.0.1');
    await once(socket, 'connect');
    socket.destroy();
  }));

test.run();
