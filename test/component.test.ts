/** A component's stream (XEP-0114) against a server that does what the test says. One file: each case is a few lines. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { openComponent } from '../src/component/component.ts';
import { judge } from '../src/component/tls.ts';
import { tryComponent } from '../src/component/trial.ts';
import type { Component, ComponentOptions, ComponentPlace, ComponentState, Timing } from '../src/component/types.ts';
import { parseBare } from '../src/wire/jid.ts';
import type { Stanza } from '../src/wire/stanza.ts';
import { makeCertificates } from './lib/certificates.ts';
import { temporaryFolder, within } from './lib/process.ts';
import { type Far, type Play, Scripted } from './lib/scripted.ts';

const host = parseBare('svc.far.example');
const secret = 'geheim';
const header = `<?xml version='1.0'?><stream:stream xmlns='jabber:component:accept' xmlns:stream='http://etherx.jabber.org/streams' from='${host}' id='id&amp;1'>`;
const handshake = createHash('sha1').update(`id&1${secret}`).digest('hex');
const streamError = (condition: string, text = '') =>
  `<stream:error><${condition} xmlns='urn:ietf:params:xml:ns:xmpp-streams'/>${text && `<text xmlns='urn:ietf:params:xml:ns:xmpp-streams'>${text}</text>`}</stream:error></stream:stream>`;
const timing: Timing = {
  connect: 1000,
  answer: 300,
  idle: 60_000,
  reply: 200,
  stalled: 300,
  held: 60_000,
  quick: 1,
  backoff: { least: 10, most: 40 },
};

/** The server's side up to its word on the handshake; `more` comes in one chunk with it. */
async function accepts(far: Far, more = ''): Promise<void> {
  await far.until(/<stream:stream [^>]*>/);
  far.send(header);
  await far.until(new RegExp(`<handshake>${handshake}</handshake>`));
  far.send(`<handshake/>${more}`);
}

interface Stage {
  component: Component;
  server: Scripted;
  /** What happened, in words, oldest first. */
  events: string[];
  logged: string[];
  until(what: string, times?: number): Promise<void>;
  end(): Promise<void>;
}

async function stage(
  plays: Play[],
  more: Partial<ComponentOptions> & { place?: Partial<ComponentPlace> } = {},
): Promise<Stage> {
  const server = await Scripted.start(...plays);
  const events: string[] = [];
  const logged: string[] = [];
  let changed = () => {};
  const note = (what: string) => {
    events.push(what);
    changed();
  };
  const write = (message: string, fields?: object) => void logged.push(`${message} ${JSON.stringify(fields)}`);
  const log = { debug() {}, info: write, warn: write, error: write };
  const place = { host, server: '127.0.0.1', port: server.port, tls: false, secret, ...more.place };
  const component = openComponent(
    place,
    { ca: undefined, allowClear: false, log, timing, random: () => 0, ...more },
    {
      online: () => note('online'),
      offline: () => note('offline'),
      stanza: (stanza: Stanza) => note(stanza.toString()),
      state: ({ status, failure }: ComponentState) =>
        note(failure === undefined ? status : `${status} ${failure.kind}`),
    },
  );
  component.start();
  const until = async (what: string, times = 1) => {
    const seen = () => events.filter((event) => event === what).length >= times;
    const found = (async () => {
      while (!seen()) await new Promise<void>((resolve) => (changed = resolve));
    })();
    await within(5000, () => `${what} did not happen ${times} times: ${events.join(', ')}`, found);
  };
  const end = async () => {
    await component.stop(200);
    server.close();
  };
  return { component, server, events, logged, until, end };
}

test('handshake, stanzas both ways, a clean end', async () => {
  const at = await stage([
    async (far) => {
      await accepts(far, "<message from='A@B.example/r' to='X@svc.far.example'><body>one</body></message>");
      await far.until(/<iq to="a@b.example"\/><iq to="c@d.example"\/>/);
      await far.closed();
    },
  ]);
  await at.until('<message to="x@svc.far.example" from="a@b.example/r"><body>one</body></message>');
  assert.equal(at.events, [
    'connecting',
    'online',
    'online',
    '<message to="x@svc.far.example" from="a@b.example/r"><body>one</body></message>',
  ]);
  assert.is(at.component.send('<iq to="a@b.example"/>'), true);
  assert.is(at.component.send('<iq to="c@d.example"/>'), true);
  await at.end();
  await at.server.finished();
  assert.equal(at.events.slice(-2), ['offline', 'off']);
  assert.is(at.component.send('<iq/>'), false);
});

const refusals: [string, string, string][] = [
  ['another secret', streamError('not-authorized', 'no match'), 'waiting refused'],
  ['no such component', streamError('host-unknown'), 'waiting host-unknown'],
  ['somebody else is connected', streamError('conflict', 'Component already connected'), 'waiting conflict'],
  ['the stream is closed', '</stream:stream>', 'waiting lost'],
  ['another fault', streamError('internal-server-error'), 'waiting stream'],
];
for (const [what, answer, state] of refusals)
  test(`${what}: said once, tried again`, async () => {
    const play = async (far: Far) => {
      await far.until(/<stream:stream [^>]*>/);
      far.send(header);
      await far.until(/<handshake>/);
      far.send(answer);
      await far.closed();
    };
    const at = await stage([play, play, play, accepts]);
    await at.until('online', 2);
    assert.is(at.events.filter((event) => event === state).length, 3);
    assert.is(at.logged.filter((line) => line.includes('component waiting')).length, 1, at.logged.join('\n'));
    assert.not.match(at.logged.join('\n'), secret);
    await at.end();
  });

test('a server that says nothing is given up', async () => {
  const header = async (far: Far) => void (await far.until(/<stream:stream /));
  const word = async (far: Far) => {
    await far.until(/<stream:stream [^>]*>/);
    far.send(
      `<?xml version='1.0'?><stream:stream xmlns='jabber:component:accept' xmlns:stream='http://etherx.jabber.org/streams' id='1'>`,
    );
  };
  const at = await stage([header, word, accepts]);
  await at.until('online');
  assert.is(at.events.filter((event) => event === 'waiting timeout').length, 2);
  await at.end();
});

const faults: [string, string][] = [
  ['not well-formed', '<message><a></message>'],
  ['an entity', '<message>&xxe;</message>'],
  ['a comment', '<!-- x -->'],
  ['no XML', 'HTTP/1.1 400 Bad Request <'],
];
for (const [what, text] of faults)
  test(`${what}: the stream is over, not the program`, async () => {
    const at = await stage([
      async (far) => {
        await accepts(far);
        far.send(text);
        await far.until(/<stream:error>.*<\/stream:stream>/);
      },
      accepts,
    ]);
    await at.until('online', 3);
    assert.ok(at.events.includes('waiting stream'));
    await at.end();
  });

test('another namespace is no component stream', async () => {
  const at = await stage([
    async (far) => {
      await far.until(/<stream:stream [^>]*>/);
      far.send(header.replace('jabber:component:accept', 'jabber:client'));
      await far.until(/invalid-namespace/);
    },
    accepts,
  ]);
  await at.until('online');
  await at.end();
});

test("what one sender does wrong is answered to that one, and everybody else's stanzas go on", async () => {
  const deep = '<a>'.repeat(200) + '</a>'.repeat(200);
  const at = await stage([
    async (far) => {
      await accepts(far);
      far.send(`<message from='a@b.example/r' to='x@${host}' id='1'>${deep}</message>`);
      await far.until(
        /<message to="a@b\.example\/r" from="x@svc\.far\.example" type="error" id="1">.*policy-violation/,
      );
      far.send(`<presence from='a@b.example/r' to='${host}'>${deep}</presence>`);
      far.send(`<iq type='get' from='a@b.example/r' to='@${host}' id='2'><q/></iq>`);
      await far.until(/<iq to="a@b\.example\/r" from="svc\.far\.example" type="error" id="2">.*jid-malformed/);
      for (const from of ['', " from='@'", ` from='x@${host}'`, ` from='${host}'`])
        far.send(`<message${from} to='${host}'><body>no</body></message>`);
      far.send(`<iq type='get' from='a@b.example' to='${host}'><q/></iq>`);
      far.send(`<message from='a@b.example' to='${host}'/>`);
    },
  ]);
  await at.server.finished();
  await at.until('<message to="svc.far.example" from="a@b.example"/>');
  assert.is(at.events.filter((event) => event.startsWith('<')).length, 1);
  await at.end();
  await at.server.finished();
});

test('a silent server is asked, and left when it does not answer', async () => {
  const at = await stage(
    [
      async (far) => {
        await accepts(far);
        const [text] = await far.until(
          /<iq type="get" id="[^"]+" from="svc.far.example" to="svc.far.example"><ping xmlns="urn:xmpp:ping"\/><\/iq>/,
        );
        far.send(text!);
        await far.until(/<ping /);
      },
      accepts,
    ],
    { timing: { ...timing, idle: 50 } },
  );
  await at.until('waiting timeout');
  await at.until('online', 4);
  assert.equal(
    at.events.filter((event) => event.startsWith('<')),
    [],
    'our own question is nobody else’s',
  );
  await at.end();
});

test('a server that takes nothing is left', async () => {
  let stuck: Far | undefined;
  const at = await stage([
    async (far) => {
      await accepts(far);
      stuck = far;
      far.pause();
    },
    accepts,
  ]);
  await at.until('online', 2);
  const stanza = `<message to="a@b.example"><body>${'x'.repeat(100_000)}</body></message>`;
  for (let count = 0; count < 200; count++) at.component.send(stanza);
  await at.until('waiting timeout');
  assert.ok(stuck);
  await at.until('online', 4);
  await at.end();
});

test('TLS from the first byte, vouched for by a CA or by a fingerprint', async () => {
  const folder = temporaryFolder('component');
  const { ca, cert, key } = await makeCertificates(folder, ['far.example']);
  const certificate = { cert: readFileSync(cert), key: readFileSync(key) };
  const play = async (far: Far) => {
    far.secure(certificate);
    await accepts(far);
  };
  const log = { debug() {}, info() {}, warn() {}, error() {} };
  const attempt = async (more: Partial<ComponentPlace>, trusted?: string) => {
    const server = await Scripted.start(play);
    const place = { host, server: '127.0.0.1', port: server.port, tls: true, secret, ...more };
    const failure = await tryComponent(place, { ca: trusted, allowClear: false, log, timing });
    server.close();
    return failure;
  };
  const unknown = await attempt({});
  assert.is(unknown?.kind, 'certificate');
  assert.is(await attempt({ pin: unknown?.fingerprint }), undefined);
  assert.is((await attempt({ pin: 'ab'.repeat(32) }))?.kind, 'certificate');
  const pem = readFileSync(ca, 'utf8');
  assert.is((await attempt({ host: parseBare('svc.other.example') }, pem))?.kind, 'certificate', 'for another name');
  assert.is(await attempt({ host: parseBare('far.example') }, pem), undefined);
});

test('without TLS it is loopback, or what the administrator has allowed', () => {
  const place: ComponentPlace = { host, server: 'far.example', port: 1, tls: false, secret };
  const at = (remoteAddress: string, allowed = false) =>
    judge({ remoteAddress } as Socket, place, allowed)?.failure.kind;
  for (const address of ['127.0.0.1', '127.8.0.1', '::1', '::ffff:127.0.0.1'])
    assert.is(at(address), undefined, address);
  for (const address of ['192.0.2.1', '10.0.0.1', '2001:db8::1', '::ffff:10.0.0.1', ''])
    assert.is(at(address), 'clear', address);
  assert.is(at('192.0.2.1', true), undefined);
});

test('nothing listens there; stopped while it waits', async () => {
  const at = await stage([accepts], { place: { port: 1 } });
  await at.until('waiting unreachable', 2);
  await at.end();
  assert.is(at.component.state.status, 'off');
});

test.run();
