/** Whatever a client sends: the stream error of RFC 6120 §4.9.3 that it deserves, that stream alone, and a clean end. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { NS } from '../src/wire/ns.ts';
import { account, domain, HandClock, inWorld, type WorldOptions } from './lib/edge.ts';
import { login } from './lib/raw.ts';
import { header, plain, Wire } from './lib/wire.ts';

const clear: WorldOptions = { plaintext: true };

/** What the far side says before it ends, when it has been sent that. */
async function conversation(...sent: (string | Uint8Array)[]): Promise<string> {
  let text = '';
  await inWorld(clear, async ({ starttls, errors }) => {
    const wire = await Wire.open(starttls);
    for (const part of sent) wire.send(part);
    text = await wire.end();
    assert.equal(errors, []);
  });
  return text;
}

const isError = (text: string, condition: string): void => {
  const header = /^<\?xml version="1.0"\?><stream:stream [^>]*from="[^"]+"[^>]*version="1.0"[^>]*>/;
  assert.match(text, header);
  assert.is(text.match(/<stream:stream /g)!.length, 1, 'one header');
  assert.match(text, new RegExp(`<stream:error><${condition} xmlns="${NS.streams}"/>`));
  assert.match(text, /<\/stream:error><\/stream:stream>$/);
};

const headers: [string, string, string][] = [
  ['no such host', header('to="other.example" version="1.0"'), 'host-unknown'],
  ['an account in place of a host', header(`to="alice@${domain}" version="1.0"`), 'host-unknown'],
  ['no host', header('version="1.0"'), 'improper-addressing'],
  ['no valid host', header('to="a b" version="1.0"'), 'improper-addressing'],
  ['no version', header(`to="${domain}"`), 'unsupported-version'],
  ['version 0.9', header(`to="${domain}" version="0.9"`), 'unsupported-version'],
  ['another content namespace', header(undefined, 'jabber:server'), 'invalid-namespace'],
  ['no content namespace', header().replace(` xmlns="${NS.client}"`, ''), 'invalid-namespace'],
  ['another stream namespace', header().replace(NS.stream, 'urn:other'), 'invalid-namespace'],
  [
    'another prefix',
    header().replaceAll('stream:stream', 's:stream').replace('xmlns:stream', 'xmlns:s'),
    'bad-namespace-prefix',
  ],
  ['no header', '<message/>', 'bad-format'],
  ['another encoding', '<?xml version="1.0" encoding="ISO-8859-1"?>', 'unsupported-encoding'],
  ['a document type', '<!DOCTYPE x [<!ENTITY a "b">]>', 'restricted-xml'],
  ['an HTTP request', 'GET / HTTP/1.1\r\n', 'not-well-formed'],
];
for (const [what, sent, condition] of headers)
  test(`header: ${what}`, async () => isError(await conversation(sent), condition));

const afterHeader: [string, string | Uint8Array, string][] = [
  ['a stanza before login', '<message to="bob@home.example"><body>hi</body></message>', 'not-authorized'],
  ['an iq before login', '<iq type="get" id="1"><query xmlns="jabber:iq:auth"/></iq>', 'not-authorized'],
  ['an unknown element', '<hello xmlns="urn:example"/>', 'unsupported-stanza-type'],
  ['stream management before login', `<enable xmlns="${NS.sm}"/>`, 'unsupported-stanza-type'],
  ['a comment', '<!-- hi -->', 'restricted-xml'],
  ['a processing instruction', '<?php ?>', 'restricted-xml'],
  ['an entity', '<auth>&xxe;</auth>', 'restricted-xml'],
  ['an unbound prefix', '<x:auth/>', 'bad-namespace-prefix'],
  ['tags that do not match', '<a><b></a>', 'not-well-formed'],
  ['a duplicate attribute', '<a b="1" b="2"/>', 'not-well-formed'],
  ['a forbidden character', '<a>&#0;</a>', 'not-well-formed'],
  ['text between elements', 'hello<a/>', 'bad-format'],
  ['bytes that are not UTF-8', Buffer.from([0x3c, 0x61, 0x3e, 0xff, 0x3c, 0x2f, 0x61, 0x3e]), 'unsupported-encoding'],
  ['more than 10 000 bytes', `<auth xmlns="${NS.sasl}">${'A'.repeat(10_000)}</auth>`, 'policy-violation'],
  ['more than 10 000 bytes without an end', `<auth xmlns="${NS.sasl}">${'A'.repeat(10_000)}`, 'policy-violation'],
  ['deep nesting', '<a>'.repeat(10), 'policy-violation'],
  ['many attributes', `<a ${Array.from({ length: 40 }, (_, at) => `a${at}="x"`).join(' ')}/>`, 'policy-violation'],
];
for (const [what, sent, condition] of afterHeader)
  test(`before login: ${what}`, async () => isError(await conversation(header(), sent), condition));

test('characters split between reads are whole', () =>
  inWorld(clear, async ({ starttls, unit }) => {
    const wire = await Wire.bound(starttls);
    for (const byte of Buffer.from('<message to="bob@home.example"><body>schön 🙂</body></message>')) {
      wire.send(Buffer.from([byte]));
      await new Promise<void>((resolve) => setImmediate(resolve));
    }
    const { stanza } = await unit.hears('stanza');
    assert.is(stanza.tree.getChildText('body'), 'schön 🙂');
    wire.socket.destroy();
  }));

/** A bound session sends that. */
async function bound(sent: string, run: (text: string) => void, options: WorldOptions = {}): Promise<void> {
  await inWorld({ ...clear, ...options }, async ({ starttls, unit }) => {
    const wire = await Wire.bound(starttls);
    wire.send(sent);
    run(await wire.end());
    await unit.hears('detach');
  });
}

const inSession: [string, string, string][] = [
  ["another's address", '<message from="bob@proxy.example" to="x@y.example"/>', 'invalid-from'],
  ['another resource', '<message from="alice@proxy.example/other" to="x@y.example"/>', 'invalid-from'],
  ['no address', '<message from="@" to="x@y.example"/>', 'invalid-from'],
  ['an unknown element', '<hello xmlns="urn:example"/>', 'unsupported-stanza-type'],
  ['an unknown stanza', '<letter/>', 'unsupported-stanza-type'],
  ['a stanza of servers', '<message xmlns="jabber:server" to="x@y.example"/>', 'unsupported-stanza-type'],
  ['SASL again', plain('alice', 'proxy secret'), 'unsupported-stanza-type'],
  ['STARTTLS', `<starttls xmlns="${NS.tls}"/>`, 'unsupported-stanza-type'],
  ['a stanza of more than 256 KiB', `<message><body>${'A'.repeat(262_144)}</body></message>`, 'policy-violation'],
  ['broken XML', '<message></presence>', 'not-well-formed'],
];
for (const [what, sent, condition] of inSession)
  test(`in a session: ${what}`, () =>
    bound(sent, (text) => assert.match(text, new RegExp(`^<stream:error><${condition} .*</stream:stream>$`))));

test('in a session: what we did not foresee is our fault, and ends that stream alone', () =>
  inWorld({}, async (world) => {
    world.unit.on = ({ what }) => {
      if (what === 'stanza') throw new Error('a fault in the unit');
    };
    const one = await login({ jid: 'alice@proxy.example', password: 'proxy secret', ...world.starttls });
    const other = await login({ jid: 'bob@proxy.example', password: 'bob secret', ...world.starttls });
    one.send('<message to="x@y.example"/>');
    const error = await one.received(({ name }) => name === 'error');
    assert.is(error.getChildElements()[0]!.name, 'internal-server-error');
    assert.is(world.errors.length, 1);
    await other.roundtrip();
    await one.closed;
    await other.close();
  }));

test('stanzas before a resource is bound', () =>
  inWorld(clear, async ({ starttls, unit }) => {
    const wire = await Wire.authenticated(starttls);
    wire.send(`${header()}<presence/>`);
    assert.match(await wire.end(), /<stream:error><not-authorized /);
    assert.equal(unit.told, []);
  }));

const restarts: [string, string, string][] = [
  ['another domain', header(`to="${account}" version="1.0"`), 'not-authorized'],
  ["another's from", header(`to="${domain}" from="bob@${domain}" version="1.0"`), 'invalid-from'],
];
for (const [what, second, condition] of restarts)
  test(`header after login: ${what}`, () =>
    inWorld(clear, async ({ starttls }) => {
      const wire = await Wire.authenticated(starttls);
      wire.send(second);
      assert.match(await wire.end(), new RegExp(`<stream:error><${condition} `));
    }));

test('no login in time', async () => {
  const clock = new HandClock();
  await inWorld({ ...clear, clock }, async ({ starttls }) => {
    const wire = await Wire.open(starttls);
    wire.send(header());
    await wire.sees(/<\/stream:features>/);
    clock.move(29_999);
    assert.not.match(wire.text, 'error');
    clock.move(1);
    isError(await wire.end(), 'connection-timeout');
  });
});

test('too many connections without a session', () =>
  inWorld({ ...clear, limits: { pendingLoopback: 2 } }, async ({ starttls }) => {
    const one = await login({ jid: 'alice@proxy.example', password: 'proxy secret', ...starttls });
    const waiting = [await Wire.open(starttls), await Wire.open(starttls)];
    for (const wire of waiting) {
      wire.send(header());
      await wire.sees(/<\/stream:features>/);
    }
    isError(await (await Wire.open(starttls)).end(), 'policy-violation');
    waiting[0]!.send('</stream:stream>');
    await waiting[0]!.end();
    let next = '';
    for (let attempt = 0; attempt < 100 && !next.includes('features'); attempt += 1) {
      await one.roundtrip(); // until our side has seen that connection's end too
      const wire = await Wire.open(starttls);
      wire.send(`${header()}</stream:stream>`);
      next = await wire.end();
    }
    assert.match(next, '<stream:features>');
    await one.close();
    waiting[1]!.socket.destroy();
  }));

test('a stream that the client closes is closed', async () => {
  const text = await conversation(header(), '</stream:stream>');
  assert.match(text, /<\/stream:features><\/stream:stream>$/);
});

test('white space between elements is nothing', async () => {
  const text = await conversation(header(), ' \n \t ', '  </stream:stream>');
  assert.match(text, /<\/stream:features><\/stream:stream>$/);
});

test.run();
