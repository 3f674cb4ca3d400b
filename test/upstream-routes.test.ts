/** Where an attempt leads, how a trial login goes, and how a session is stopped. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { DomainGate } from '../src/upstream/gate.ts';
import { openCoreSession } from '../src/upstream/supervisor.ts';
import { tryLogin } from '../src/upstream/trial.ts';
import { good, greeting, hasty, me, openAt, redirect } from './lib/hostile.ts';
import { type Far, header, type Play, Scripted } from './lib/scripted.ts';
import { accountOf, MemoryLedger, MemoryLog, optionsOf, quick, Recorder } from './lib/upstream.ts';

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
  const session = openCoreSession(
    me(),
    options,
    new DomainGate(),
    events,
    new MemoryLedger(),
    new MemoryLog(),
    quick(hasty),
  );
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
  const session = openCoreSession(
    me(),
    options,
    new DomainGate(),
    events,
    new MemoryLedger(),
    new MemoryLog(),
    quick(hasty),
  );
  session.start();
  const { failure } = await events.reported('waiting');
  assert.equal(failure, { kind: 'private', text: 'far.example is at 127.0.0.1', fingerprint: undefined });
  assert.is(server.connections, 0);
  await session.stop(500);
  server.close();
});

test('a domain that is named like a property of every object has no route by that', async () => {
  const account = accountOf('me@constructor', 'secret');
  const answer = await tryLogin(account, optionsOf(), new DomainGate(), new MemoryLog(), quick(hasty));
  assert.is('failure' in answer && answer.failure.kind, 'private');
});

test('nothing listens there', async () => {
  const server = await Scripted.start(good);
  server.close();
  const { events, session } = openAt(server);
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
  const session = openCoreSession(me(), options, new DomainGate(), events, new MemoryLedger(), new MemoryLog(), env);
  session.start();
  await events.reported('online');
  await session.stop(500);
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

test('stop: in time, whatever the server does, and at any moment', async () => {
  const silent: Play = async (far) => {
    await far.session();
    await far.until(/<\/stream:stream>/);
  };
  for (const play of [silent, () => {}, (far: Far) => far.stream(), (far: Far) => far.login()] as Play[]) {
    const server = await Scripted.start(play);
    const { events, session } = openAt(server, { answer: 20_000 });
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
  const { events, session } = openAt(server);
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

test.run();
