/** Whatever a server sends: that connection at most, and the next login works. Every case begins from a script of what goes wrong. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { DomainGate } from '../src/upstream/gate.ts';
import { openCoreSession } from '../src/upstream/supervisor.ts';
import { tryLogin } from '../src/upstream/trial.ts';
import type { FailureKind } from '../src/wire/failure.ts';
import { type Far, header, mechanisms, type Play, Scripted } from './lib/scripted.ts';
import { accountOf, MemoryLog, optionsOf, quick, Recorder } from './lib/upstream.ts';

const sasl = 'urn:ietf:params:xml:ns:xmpp-sasl';
const hasty = { connect: 400, answer: 400, attempt: 3000, idle: 60_000, reply: 60_000 };
const me = () => accountOf('me@far.example', 'secret');

function open(server: Scripted, timing = {}, account = me()) {
  const events = new Recorder();
  const log = new MemoryLog();
  const options = optionsOf({ routes: { 'far.example': server.route }, allowPlaintext: true });
  const session = openCoreSession(account, options, new DomainGate(), events, log, quick({ ...hasty, ...timing }));
  session.start();
  return { events, log, session };
}

/** A server as it should be, until the client closes. */
const good: Play = async (far) => {
  await far.session();
  await far.closed();
};
const greeting =
  '<message from="you@far.example/x" to="me@far.example/xmpproxy-t" type="chat"><body>hi</body></message>';
const goodAndSpeaks: Play = async (far) => {
  await far.session(greeting);
  await far.closed();
};

interface Expected {
  kind: FailureKind;
  text: RegExp;
  /** A stream error of ours that the server must have got. */
  told?: string;
}

/** The first connection plays the script; it must fail as expected, and the second must come and work. */
function recovers(name: string, play: Play, expected: Expected, timing = {}): void {
  test(name, async () => {
    const broken: Play = async (far) => {
      await play(far);
      if (expected.told !== undefined)
        await far.until(new RegExp(`<stream:error><${expected.told} .*</stream:stream>`));
      await far.closed();
    };
    const server = await Scripted.start(broken, goodAndSpeaks);
    const { events, session } = open(server, timing);
    const { failure } = await events.reported('waiting');
    assert.is(failure?.kind, expected.kind, failure?.text);
    assert.match(failure?.text ?? '', expected.text);
    await events.reported('online');
    await events.next('stanza', ({ stanza }) => String(stanza).includes('<body>hi</body>'));
    await session.stop(500);
    await server.finished();
    server.close();
  });
}

// A session is up, and then this comes.
const faults: [name: string, data: string | Uint8Array, told: string][] = [
  ['mismatched tags', '<a><b></a>', 'not-well-formed'],
  ['an undefined entity', '<message><body>&xxe;</body></message>', 'restricted-xml'],
  ['a character that XML has not', '<message><body>&#0;</body></message>', 'not-well-formed'],
  ['an undefined entity in an attribute', '<message id="&xxe;"/>', 'restricted-xml'],
  ['a prefix that is bound to nothing', '<x:message/>', 'bad-namespace-prefix'],
  ['a document type', '<!DOCTYPE a [<!ENTITY b "c">]>', 'not-well-formed|restricted-xml'],
  ['a comment', `<!-- ${greeting} -->`, 'restricted-xml'],
  ['a processing instruction', '<?xml-stylesheet href="x"?>', 'not-well-formed|restricted-xml'],
  ['twenty thousand nested tags', `<message>${'<a>'.repeat(20_000)}`, 'policy-violation'],
  ['a thousand attributes', `<message ${attributes(1000)}/>`, 'policy-violation'],
  ['text between stanzas', 'hello<message/>', 'bad-format'],
  ['bytes that are not UTF-8', Buffer.from([0x3c, 0xff, 0xfe]), 'unsupported-encoding'],
  ['half a character, then markup', Buffer.from([0x3c, 0x61, 0x3e, 0xc3, 0x3c]), 'unsupported-encoding'],
  ['the same attribute twice', '<message id="a" id="b"/>', 'not-well-formed'],
  ['a tag that is no name', '<1a/>', 'not-well-formed'],
  ['an acknowledgement of what was never sent', '<a xmlns="urn:xmpp:sm:3" h="7"/>', 'undefined-condition'],
  ['an acknowledgement that is no number', '<a xmlns="urn:xmpp:sm:3" h="many"/>', 'bad-format'],
  ['an acknowledgement without a number', '<a xmlns="urn:xmpp:sm:3"/>', 'bad-format'],
];
function attributes(count: number): string {
  return Array.from({ length: count }, (_, index) => `a${index}="1"`).join(' ');
}
for (const [name, data, told] of faults) {
  const condition = new RegExp(told);
  recovers(
    `in a session: ${name}`,
    async (far) => {
      await far.session();
      far.send(data);
      const [, said] = await far.until(/<stream:error><([a-z-]+) .*<\/stream:stream>/);
      assert.match(said!, condition);
    },
    { kind: 'stream', text: condition },
  );
}

recovers(
  'in a session: eleven megabytes in one stanza',
  async (far) => {
    await far.session();
    far.send('<message><body>');
    for (let sent = 0; sent < 11; sent++) await far.sent('x'.repeat(1 << 20));
  },
  { kind: 'stream', text: /policy-violation: stanza larger than/ },
);

recovers(
  'in a session: an endless attribute',
  async (far) => {
    await far.session();
    far.send('<message id="');
    for (let sent = 0; sent < 11; sent++) await far.sent('x'.repeat(1 << 20));
  },
  { kind: 'stream', text: /policy-violation/ },
);

recovers(
  'in a session: an empty stream error, and more behind it',
  async (far) => {
    await far.session();
    far.send(`<stream:error/>${greeting}<a></b>`);
    await far.until(/<\/stream:stream>/);
  },
  { kind: 'stream', text: /^undefined-condition$/ },
);

recovers(
  'in a session: the stream is closed, the connection left open, stanzas sent on',
  async (far) => {
    await far.session();
    far.send('</stream:stream>');
    await far.until(/<\/stream:stream>/);
    far.send(greeting.replace('hi', 'too late'));
  },
  { kind: 'lost', text: /closed the stream/ },
);

recovers(
  'in a session: the connection is reset',
  async (far) => {
    await far.session();
    far.destroy();
  },
  { kind: 'lost', text: /./ },
);

recovers(
  'in a session: silence',
  async (far) => {
    await far.session();
    await far.until(/<r xmlns="urn:xmpp:sm:3"\/>/);
  },
  { kind: 'timeout', text: /silent/ },
  { idle: 40, reply: 40 },
);

// Stuck states: each step of the login, never answered.
const never: [step: string, play: Play][] = [
  ['the stream header', () => {}],
  ['the features', headerOnly],
  ['the features, but white space for ever', dripping],
  ['SASL', async (far) => far.stream(mechanisms('PLAIN'))],
  ['the stream after SASL', async (far) => far.login()],
  ['resource binding', noBinding],
  ['stream management', async (far) => far.bound()],
];
async function headerOnly(far: Far): Promise<void> {
  await far.until(/<stream:stream/);
  far.send(header);
}
async function noBinding(far: Far): Promise<void> {
  await far.login();
  await far.stream(bindFeature);
}
const bindFeature = '<bind xmlns="urn:ietf:params:xml:ns:xmpp-bind"/>';
async function dripping(far: Far): Promise<void> {
  await far.until(/<stream:stream/);
  far.send(header);
  const drip = setInterval(() => far.send(' '), 20);
  await far.closed();
  clearInterval(drip);
}
for (const [step, play] of never)
  recovers(`never answered: ${step}`, play, { kind: 'timeout', text: /no answer/ }, { answer: 150 });

recovers(
  'a pinged server without XEP-0198 that is silent',
  async (far) => {
    await far.login();
    await far.stream(bindFeature);
    await bindResult(far, 'me@far.example/xmpproxy-t');
    await far.until(/<iq [^>]*to="far.example".*<ping xmlns="urn:xmpp:ping"\/><\/iq>/);
  },
  { kind: 'timeout', text: /silent/ },
  { idle: 40, reply: 40 },
);

async function bindResult(far: Far, jid: string, from?: string): Promise<void> {
  const [, id] = await far.until(/<iq [^>]*id="([^"]+)".*<\/iq>/);
  const sender = from === undefined ? '' : `from="${from}"`;
  far.send(
    `<iq type="result" ${sender} id="${id}"><bind xmlns="urn:ietf:params:xml:ns:xmpp-bind"><jid>${jid}</jid></bind></iq>`,
  );
}

// Servers that lie while logging in.
const scramAuth = /<auth [^>]*mechanism="SCRAM-SHA-256"[^>]*>([^<]*)<\/auth>/;
const base64 = (text: string) => Buffer.from(text).toString('base64');
const nonceIn = (auth: string) => /r=(.*)$/.exec(Buffer.from(auth, 'base64').toString())![1]!;
async function scramChallenge(far: Far, challenge: (nonce: string) => string): Promise<void> {
  await far.stream(mechanisms('PLAIN', 'SCRAM-SHA-1', 'SCRAM-SHA-256'));
  const [, auth] = await far.until(scramAuth);
  far.send(`<challenge xmlns="${sasl}">${base64(challenge(nonceIn(auth!)))}</challenge>`);
}
const salted = 's=QSXCR+Q6sek8bf92';
const liars: [name: string, play: Play, expected: Expected][] = [
  [
    'SCRAM: success without a proof',
    async (far) => {
      await scramChallenge(far, (nonce) => `r=${nonce}x,${salted},i=4096`);
      await far.until(/<response/);
      far.send(`<success xmlns="${sasl}"/>`);
    },
    { kind: 'stream', text: /no proof of the server/ },
  ],
  [
    'SCRAM: success with a wrong proof',
    async (far) => {
      await scramChallenge(far, (nonce) => `r=${nonce}x,${salted},i=4096`);
      await far.until(/<response/);
      far.send(`<success xmlns="${sasl}">${base64(`v=${Buffer.alloc(32).toString('base64')}`)}</success>`);
    },
    { kind: 'stream', text: /wrong proof of the server/ },
  ],
  [
    'SCRAM: success at once',
    async (far) => {
      await far.stream(mechanisms('SCRAM-SHA-256'));
      await far.until(scramAuth);
      far.send(`<success xmlns="${sasl}"/>`);
    },
    { kind: 'stream', text: /<success\/> in place of <challenge\/>/ },
  ],
  [
    'SCRAM: our own nonce',
    (far) => scramChallenge(far, (nonce) => `r=${nonce},${salted},i=4096`),
    { kind: 'stream', text: /did not add to our nonce/ },
  ],
  [
    'SCRAM: one iteration',
    (far) => scramChallenge(far, (nonce) => `r=${nonce}x,${salted},i=1`),
    { kind: 'stream', text: /1 iterations/ },
  ],
  ['SCRAM: a challenge of nothing', (far) => scramChallenge(far, () => ''), { kind: 'stream', text: /not understood/ }],
  [
    'SASL: a failure that may pass',
    async (far) => {
      await far.stream(mechanisms('PLAIN'));
      await far.until(/<auth/);
      far.send(`<failure xmlns="${sasl}"><temporary-auth-failure/><text>later</text></failure></stream:stream>`);
    },
    { kind: 'stream', text: /^temporary-auth-failure: later$/ },
  ],
  [
    'a header of another namespace',
    async (far) => {
      await far.until(/<stream:stream/);
      far.send(header.replace('jabber:client', 'jabber:server'));
    },
    { kind: 'stream', text: /invalid-namespace/, told: 'invalid-namespace' },
  ],
  [
    'a header without version',
    async (far) => {
      await far.until(/<stream:stream/);
      far.send(header.replace('version="1.0" from', 'from'));
    },
    { kind: 'stream', text: /unsupported-version/, told: 'unsupported-version' },
  ],
  [
    'no XMPP at all',
    (far) => far.send('HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n'),
    { kind: 'stream', text: /not-well-formed/, told: 'not-well-formed' },
  ],
  [
    'a stanza in place of the features',
    async (far) => {
      await far.until(/<stream:stream/);
      far.send(header + greeting);
    },
    { kind: 'stream', text: /<message\/> was not expected/ },
  ],
  [
    'a flood before the session is set up',
    async (far) => {
      await far.login();
      await far.stream(bindFeature);
      far.send(greeting.repeat(500));
    },
    { kind: 'stream', text: /policy-violation: too much/, told: 'policy-violation' },
  ],
  [
    'a large stanza before the session is set up',
    async (far) => {
      await far.until(/<stream:stream/);
      far.send(`${header}<stream:features>${' '.repeat(70_000)}`);
    },
    { kind: 'stream', text: /policy-violation/, told: 'policy-violation' },
  ],
  [
    'an address of somebody else bound',
    async (far) => {
      await far.login();
      await far.stream(bindFeature);
      await bindResult(far, 'you@far.example/x');
    },
    { kind: 'stream', text: /bound you@far.example\/x/ },
  ],
  [
    'an address that is none bound',
    async (far) => {
      await far.login();
      await far.stream(bindFeature);
      await bindResult(far, 'me@/x');
    },
    { kind: 'stream', text: /bound no address/ },
  ],
  [
    'a bare address bound',
    async (far) => {
      await far.login();
      await far.stream(bindFeature);
      await bindResult(far, 'me@far.example');
    },
    { kind: 'stream', text: /bound me@far.example/ },
  ],
  [
    'a result of the bind from somebody else',
    async (far) => {
      await far.login();
      await far.stream(bindFeature);
      await bindResult(far, 'me@far.example/evil', 'evil@far.example/x');
    },
    { kind: 'timeout', text: /resource binding/ },
  ],
  [
    'no binding offered',
    async (far) => {
      await far.login();
      await far.stream();
    },
    { kind: 'stream', text: /binds no resource/ },
  ],
  [
    'a mechanism nobody knows',
    (far) => far.stream(mechanisms('X-OWN', 'EXTERNAL')),
    { kind: 'mechanisms', text: /the server offers X-OWN, EXTERNAL/ },
  ],
  [
    'a redirect to no host',
    async (far) => {
      await far.until(/<stream:stream/);
      far.send(`${header}${redirect('http://x/?')}`);
    },
    { kind: 'name', text: /not a host and port/ },
  ],
  [
    'a redirect to an address within',
    async (far) => {
      await far.until(/<stream:stream/);
      far.send(`${header}${redirect('169.254.169.254:80')}`);
    },
    { kind: 'private', text: /169\.254\.169\.254/ },
  ],
];
function redirect(host: string): string {
  const streams = 'urn:ietf:params:xml:ns:xmpp-streams';
  return `<stream:error><see-other-host xmlns="${streams}">${host}</see-other-host></stream:error></stream:stream>`;
}
for (const [name, play, expected] of liars) recovers(name, play, expected, { answer: 300 });

test('a refused password ends it: the connection is closed, nothing is tried again', async () => {
  const refuse: Play = async (far) => {
    await far.stream(mechanisms('PLAIN'));
    await far.until(/<auth/);
    far.send(`<failure xmlns="${sasl}"><not-authorized/></failure>`);
    await far.closed();
  };
  const server = await Scripted.start(refuse, good);
  const { events, session } = open(server);
  const { failure } = await events.reported('stopped');
  assert.equal(failure, { kind: 'refused', text: 'not-authorized', fingerprint: undefined });
  assert.is(session.status, 'stopped');
  session.start(); // a person says so
  await events.reported('online');
  await session.stop(500);
  await server.finished();
  assert.is(server.connections, 2);
  server.close();
});

test('connections lost in the middle of SASL: every attempt makes one answer to one challenge', async () => {
  const responses: number[] = [];
  const cut: Play = async (far) => {
    await scramChallenge(far, (nonce) => `r=${nonce}x,${salted},i=4096`);
    await far.until(/<response/);
    responses.push(1 + (far.unread.match(/<response/g)?.length ?? 0));
    far.destroy();
  };
  const server = await Scripted.start(cut, cut, cut, cut, good);
  const { events, session } = open(server);
  await events.reported('online');
  assert.equal(responses, [1, 1, 1, 1]);
  await session.stop(500);
  await server.finished();
  server.close();
});

test('addresses that are none: the stanza is dropped, the session goes on', async () => {
  const wrong = ['@', 'a@/r', 'a@b@c', 'a b@c', '', '/r', 'x@y/\u0007', `${'x'.repeat(1100)}@y`];
  const play: Play = async (far) => {
    await far.session();
    for (const from of wrong) {
      far.send(`<message from="${from.replace('\u0007', '\ue000')}"><body>bad</body></message>`);
      far.send(`<iq type="get" id="x" from="you@far.example" to="${from.replace('\u0007', '\ue000')}"><q/></iq>`);
    }
    far.send(greeting);
    far.send('<r xmlns="urn:xmpp:sm:3"/>');
    await far.until(new RegExp(`<a xmlns="urn:xmpp:sm:3" h="${2 * wrong.length + 1}"/>`));
    await far.closed();
  };
  const server = await Scripted.start(play);
  const { events, log, session } = open(server);
  const { stanza } = await events.next('stanza');
  assert.match(String(stanza), /<body>hi<\/body>/);
  await events.reported('online');
  await session.stop(500);
  await server.finished();
  server.close();
  assert.is(log.lines.filter((line) => line.includes('malformed address')).length, 2 * wrong.length);
});

test('addresses are prepared; what the server leaves out is filled in', async () => {
  const play: Play = async (far) => {
    await far.session('<message from="YOU@Far.Example/Res"/><iq type="set" id="push"><q xmlns="x"/></iq>');
    await far.closed();
  };
  const server = await Scripted.start(play);
  const { events, session } = open(server);
  const first = (await events.next('stanza')).stanza;
  assert.is(first.from, 'you@far.example/Res');
  assert.is(first.to, 'me@far.example/xmpproxy-t');
  const push = (await events.next('stanza')).stanza;
  assert.is(push.from, 'me@far.example');
  assert.is(push.to, 'me@far.example/xmpproxy-t');
  await session.stop(500);
  server.close();
});

test('a character split over two packets, and white space between stanzas', async () => {
  const whole = Buffer.from('<message from="you@far.example"><body>grüße 🎉</body></message>');
  const play: Play = async (far) => {
    await far.session();
    for (const byte of whole) await far.sent(Buffer.from([byte]));
    for (let count = 0; count < 200; count++) far.send(` \n\t${greeting} `);
    await far.closed();
  };
  const server = await Scripted.start(play);
  const { events, session } = open(server);
  assert.match(String((await events.next('stanza')).stanza), /<body>grüße 🎉<\/body>/);
  for (let count = 0; count < 200; count++) await events.next('stanza');
  await session.stop(500);
  server.close();
});

test('elements that are no stanzas are passed over; IQs are answered by nobody here', async () => {
  const play: Play = async (far) => {
    await far.session('<x xmlns="urn:x"/><message xmlns="jabber:server"/><stream:features/>');
    far.send('<iq type="get" id="p" from="far.example"><ping xmlns="urn:xmpp:ping"/></iq><r xmlns="urn:xmpp:sm:3"/>');
    await far.until(/<a xmlns="urn:xmpp:sm:3" h="1"\/>/);
    assert.not.match(far.unread, /<iq/);
    await far.closed();
  };
  const server = await Scripted.start(play);
  const { events, session } = open(server);
  assert.is((await events.next('stanza')).stanza.id, 'p');
  await events.reported('online');
  await session.stop(500);
  await server.finished();
  server.close();
});

test('what comes in one packet with <enabled/> is counted, what came before it is not', async () => {
  const play: Play = async (far) => {
    await far.bound();
    far.send(greeting);
    await far.until(/<enable [^>]*\/>/);
    far.send(`<enabled xmlns="urn:xmpp:sm:3" id="sm1" resume="1"/>${greeting.repeat(2)}<r xmlns="urn:xmpp:sm:3"/>`);
    await far.until(/<a xmlns="urn:xmpp:sm:3" h="2"\/>/);
    far.destroy();
  };
  const back: Play = async (far) => {
    await far.login();
    await far.stream(bindFeature, '<sm xmlns="urn:xmpp:sm:3"/>');
    await far.until(/<resume [^>]*h="2"[^>]*previd="sm1"\/>/);
    far.send(`<resumed xmlns="urn:xmpp:sm:3" previd="sm1" h="1"/>${greeting}<r xmlns="urn:xmpp:sm:3"/>`);
    await far.until(/<message id="second"\/>.*<a xmlns="urn:xmpp:sm:3" h="3"\/>/);
    assert.not.match(far.unread, /first/);
    await far.closed();
  };
  const server = await Scripted.start(play, back);
  const { events, session } = open(server);
  assert.is((await events.next('online')).resumed, false);
  session.send('<message id="first"/>');
  session.send('<message id="second"/>');
  assert.is((await events.next('online')).resumed, true);
  for (let count = 0; count < 4; count++) await events.next('stanza');
  await session.stop(500);
  await server.finished();
  server.close();
});

test('a stanza that breaks the stream at every resumption is left behind', async () => {
  const first: Play = async (far) => {
    await far.session('<a><b></a>');
    await far.closed();
  };
  const resumed: Play = async (far) => {
    await far.login();
    await far.stream(bindFeature, '<sm xmlns="urn:xmpp:sm:3"/>');
    await far.until(/<resume /);
    far.send('<resumed xmlns="urn:xmpp:sm:3" previd="sm1" h="0"/><a><b></a>');
    await far.closed();
  };
  const server = await Scripted.start(first, resumed, good);
  const { events, session } = open(server);
  const resumptions = [];
  for (let count = 0; count < 3; count++) resumptions.push((await events.next('online')).resumed);
  assert.equal(resumptions, [false, true, false]);
  await session.stop(500);
  await server.finished();
  server.close();
});

test('a conflict is not fought: long wait, no resumption, another resource; what was unacknowledged comes back', async () => {
  const conflict =
    '<stream:error><conflict xmlns="urn:ietf:params:xml:ns:xmpp-streams"/></stream:error></stream:stream>';
  const asked: string[] = [];
  const play: Play = async (far) => {
    await far.session();
    await far.until(/<message id="kept"\/>/);
    far.send(conflict);
    await far.closed();
  };
  const after: Play = async (far) => {
    await far.login();
    await far.stream(bindFeature, '<sm xmlns="urn:xmpp:sm:3"/>');
    const [, id, resource] = await far.until(/<iq [^>]*id="([^"]+)".*<resource>(.*)<\/resource>.*<\/iq>/);
    asked.push(resource!);
    far.send(
      `<iq type="error" id="${id}"><error type="cancel"><conflict xmlns="urn:ietf:params:xml:ns:xmpp-stanzas"/></error></iq>`,
    );
    const [, second, other] = await far.until(/<iq [^>]*id="([^"]+)".*<resource>(.*)<\/resource>.*<\/iq>/);
    asked.push(other!);
    far.send(
      `<iq type="result" id="${second}"><bind xmlns="urn:ietf:params:xml:ns:xmpp-bind"><jid>me@far.example/${other}</jid></bind></iq>`,
    );
    await far.until(/<enable /);
    far.send('<failed xmlns="urn:xmpp:sm:3"/>');
    await far.closed();
  };
  const server = await Scripted.start(play, after);
  const { events, session } = open(server, { conflict: 60 });
  await events.next('online');
  session.send('<message id="kept"/>');
  assert.is((await events.reported('waiting')).failure?.kind, 'conflict');
  const since = Date.now();
  assert.equal((await events.next('unacknowledged')).stanzas, ['<message id="kept"/>']);
  assert.ok(Date.now() - since >= 55);
  const { address } = await events.next('online');
  assert.match(asked[0]!, /^xmpproxy-t-[0-9a-f]{8}$/);
  assert.match(asked[1]!, /^xmpproxy-t-[0-9a-f]{8}-[0-9a-f]{8}$/);
  assert.is(address, `me@far.example/${asked[1]}`);
  await session.stop(500);
  await server.finished();
  server.close();
});

test('see-other-host is followed once in an attempt, not for ever', async () => {
  let port = 0;
  const loop: Play = async (far) => {
    await far.until(/<stream:stream/);
    far.send(`${header}${redirect(`127.0.0.1:${port}`)}`);
    await far.closed();
  };
  const server = await Scripted.start(loop, loop, loop, good);
  port = server.port;
  const events = new Recorder();
  const options = optionsOf({ routes: { 'far.example': server.route }, allowPlaintext: true, allowPrivate: true });
  const session = openCoreSession(me(), options, new DomainGate(), events, new MemoryLog(), quick(hasty));
  session.start();
  assert.match((await events.reported('waiting')).failure?.text ?? '', /see-other-host/);
  assert.is(server.connections, 2);
  await events.reported('online');
  assert.is(server.connections, 4);
  await session.stop(500);
  server.close();
});

test('a server that the name leads to is not spoken to on an address within', async () => {
  const server = await Scripted.start(good);
  const events = new Recorder();
  const options = optionsOf({ allowPlaintext: true });
  const session = openCoreSession(me(), options, new DomainGate(), events, new MemoryLog(), quick(hasty));
  session.start();
  const { failure } = await events.reported('waiting');
  assert.equal(failure, { kind: 'private', text: 'far.example is at 127.0.0.1', fingerprint: undefined });
  assert.is(server.connections, 0);
  await session.stop(500);
  server.close();
});

test('nothing listens there', async () => {
  const server = await Scripted.start(good);
  server.close();
  const { events, session } = open(server);
  const { failure } = await events.reported('waiting');
  assert.is(failure?.kind, 'unreachable');
  assert.match(failure?.text ?? '', /ECONNREFUSED/);
  await session.stop(500);
  assert.is(session.status, 'off');
});

test('a name with several addresses: the next is tried', async () => {
  const server = await Scripted.start(good);
  const events = new Recorder();
  const options = optionsOf({ allowPlaintext: true, allowPrivate: true });
  const dns = {
    srv: async () => [
      { name: 'gone.example', port: 1, priority: 1, weight: 0 },
      { name: 'down.example', port: 1, priority: 2, weight: 0 },
      { name: 'up.example', port: server.port, priority: 3, weight: 0 },
    ],
    addresses: async (host: string) => (host === 'gone.example' ? Promise.reject(new Error('none')) : ['127.0.0.1']),
  };
  const env = quick(hasty, { dns: { ...dns, srv: async (name) => (name.startsWith('_xmpp-') ? dns.srv() : []) } });
  const session = openCoreSession(me(), options, new DomainGate(), events, new MemoryLog(), env);
  session.start();
  await events.reported('online');
  await session.stop(500);
  server.close();
});

test('passwords and names beyond ASCII, by PLAIN', async () => {
  const play: Play = async (far) => {
    await far.stream(mechanisms('PLAIN'));
    const [, auth] = await far.until(/<auth [^>]*>([^<]*)<\/auth>/);
    assert.is(Buffer.from(auth!, 'base64').toString(), '\0mü\0pässwörd 🎉');
    far.send(`<failure xmlns="${sasl}"><not-authorized/></failure>`);
  };
  const server = await Scripted.start(play);
  const { events, session, log } = open(server, {}, accountOf('mü@far.example', 'pässwörd 🎉'));
  await events.reported('stopped');
  await server.finished();
  await session.stop(500);
  server.close();
  assert.not.ok(log.lines.some((line) => line.includes('pässwörd')));
});

test('stop: in time, whatever the server does, and at any moment', async () => {
  const silent: Play = async (far) => {
    await far.session();
    await far.until(/<\/stream:stream>/);
  };
  for (const play of [silent, () => {}, (far: Far) => far.stream(), (far: Far) => far.login()] as Play[]) {
    const server = await Scripted.start(play);
    const { events, session } = open(server, { answer: 20_000 });
    await (play === silent ? events.reported('online') : connected(server));
    const since = Date.now();
    await session.stop(50);
    assert.ok(Date.now() - since < 300);
    assert.is(session.status, 'off');
    assert.is((await events.reported('off')).failure, undefined);
    server.close();
  }
});

async function connected(server: Scripted): Promise<void> {
  while (server.connections === 0) await new Promise((resolve) => setImmediate(resolve));
}

test('stop takes leave: acknowledgements are exchanged, what remains comes back', async () => {
  const play: Play = async (far) => {
    await far.session(greeting);
    await far.until(
      /<message id="a"\/><message id="b"\/>.*<a xmlns="urn:xmpp:sm:3" h="1"\/><r xmlns="urn:xmpp:sm:3"\/><\/stream:stream>$/,
    );
    far.send(`<a xmlns="urn:xmpp:sm:3" h="1"/>${greeting}</stream:stream>`);
    await far.closed();
  };
  const server = await Scripted.start(play);
  const { events, session } = open(server);
  await events.next('stanza');
  session.send('<message id="a"/>');
  session.send('<message id="b"/>');
  await session.stop(1000);
  assert.equal((await events.next('unacknowledged')).stanzas, ['<message id="b"/>']);
  assert.not.ok(session.send('<message/>'));
  assert.is(events.all.filter(({ kind }) => kind === 'stanza').length, 1); // after stop() nothing is taken any more
  await server.finished();
  server.close();
});

test('a trial login: only the answer to our own request, from our own server, counts', async () => {
  const item = '<item jid="a@b"/>';
  const query = (items: string) => `<query xmlns="jabber:iq:roster">${items}</query>`;
  const play: Play = async (far) => {
    await far.session();
    const [, id] = await far.until(/<iq [^>]*id="([^"]+)"><query xmlns="jabber:iq:roster"\/><\/iq>/);
    far.send(`<iq type="result" id="${id}" from="evil@far.example">${query(item.repeat(3))}</iq>`);
    far.send(`<iq type="result" id="other">${query(item.repeat(2))}</iq>`);
    far.send(`<iq type="result" id="${id}">${query(item)}</iq>`);
    await far.closed();
  };
  const server = await Scripted.start(play);
  const options = optionsOf({ routes: { 'far.example': server.route }, allowPlaintext: true });
  const answer = await tryLogin(me(), options, new DomainGate(), new MemoryLog(), quick(hasty));
  assert.equal(answer, { contacts: 1 });
  await server.finished();
  server.close();
});

test('a trial login ends in time, and says why', async () => {
  const server = await Scripted.start(() => {});
  const options = optionsOf({ routes: { 'far.example': server.route }, allowPlaintext: true });
  const slow = quick({ trial: 60 });
  const answer = await tryLogin(me(), options, new DomainGate(), new MemoryLog(), slow);
  assert.equal(answer, { failure: { kind: 'timeout', text: 'the login took too long', fingerprint: undefined } });
  const gate = new DomainGate(1);
  await gate.enter('far.example', new AbortController().signal);
  assert.ok('failure' in (await tryLogin(me(), options, gate, new MemoryLog(), slow)));
  server.close();
});

test('what the listener gets wrong ends neither the session nor the process', async () => {
  const server = await Scripted.start(async (far) => {
    await far.session(greeting.repeat(2));
    far.send('<r xmlns="urn:xmpp:sm:3"/>');
    await far.until(/<a xmlns="urn:xmpp:sm:3" h="2"\/>/);
    await far.closed();
  });
  const { events, session, log } = open(server);
  events.stanza = () => {
    throw new Error('listener broke');
  };
  events.online = events.stanza as never;
  await events.reported('online');
  while (log.lines.filter((line) => line.includes('listener broke')).length < 3) await new Promise(setImmediate);
  await session.stop(500);
  await server.finished();
  server.close();
});

test.run();
