/** Servers that lie, refuse or redirect while we log in. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import {
  base64,
  bindFeature,
  bindResult,
  type Expected,
  good,
  greeting,
  openAt,
  recovers,
  redirect,
  salted,
  sasl,
  scramAuth,
  scramChallenge,
} from './lib/hostile.ts';
import { header, mechanisms, type Play, Scripted } from './lib/scripted.ts';
import { accountOf } from './lib/upstream.ts';

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

for (const [name, play, expected] of liars) recovers(name, play, expected, { answer: 300 });

test('a refused password ends it: the connection is closed, nothing is tried again', async () => {
  const refuse: Play = async (far) => {
    await far.stream(mechanisms('PLAIN'));
    await far.until(/<auth/);
    far.send(`<failure xmlns="${sasl}"><not-authorized/></failure>`);
    await far.closed();
  };
  const server = await Scripted.start(refuse, good);
  const { events, session } = openAt(server);
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
  const { events, session } = openAt(server);
  await events.reported('online');
  assert.equal(responses, [1, 1, 1, 1]);
  await session.stop(500);
  await server.finished();
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
  const { events, session, log } = openAt(server, {}, accountOf('mü@far.example', 'pässwörd 🎉'));
  await events.reported('stopped');
  await server.finished();
  await session.stop(500);
  server.close();
  assert.not.ok(log.lines.some((line) => line.includes('pässwörd')));
});

test.run();
