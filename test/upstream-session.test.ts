/** A session as it should be: stanzas, counters, resumption, conflict, end. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { bindFeature, greeting, openAt } from './lib/hostile.ts';
import { type Play, Scripted } from './lib/scripted.ts';

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
  const { events, log, session } = openAt(server);
  const { stanza } = await events.next('stanza');
  assert.match(String(stanza), /<body>hi<\/body>/);
  await events.reported('online');
  await session.stop(500);
  await server.finished();
  server.close();
  const told = log.lines.filter((line) => line.includes('malformed address'));
  assert.match(told.at(-1)!, `"dropped":${2 * wrong.length}`);
  assert.is(told.length, 5);
});

test('addresses are prepared; what the server leaves out is filled in', async () => {
  const play: Play = async (far) => {
    await far.session('<message from="YOU@Far.Example/Res"/><iq type="set" id="push"><q xmlns="x"/></iq>');
    await far.closed();
  };
  const server = await Scripted.start(play);
  const { events, session } = openAt(server);
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
  const { events, session } = openAt(server);
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
  const { events, session } = openAt(server);
  assert.is((await events.next('stanza')).stanza.id, 'p');
  await events.reported('online');
  await session.stop(500);
  await server.finished();
  server.close();
});

test('XEP-0352: a server that offers it is told, on each stream anew, and none other; it counts as no stanza', async () => {
  const told = /<(inactive|active) xmlns="urn:xmpp:csi:0"\/>/;
  const csi = '<csi xmlns="urn:xmpp:csi:0"/>';
  const enabled = '<enabled xmlns="urn:xmpp:sm:3" id="sm1"/>';
  const first: Play = async (far) => {
    await far.bound(undefined, csi);
    await far.until(/<enable /);
    far.send(enabled);
    assert.is((await far.until(told))[1], 'inactive');
    assert.is((await far.until(told))[1], 'active');
    assert.is((await far.until(told))[1], 'inactive');
    far.send('<r xmlns="urn:xmpp:sm:3"/><a xmlns="urn:xmpp:sm:3" h="0"/>');
    await far.until(/<a /);
    far.destroy();
  };
  const second: Play = async (far) => {
    await far.bound();
    await far.until(/<enable /);
    far.send(`${enabled}<r xmlns="urn:xmpp:sm:3"/>`);
    await far.until(/<a /);
    assert.not.match(far.unread, told);
    await far.closed();
  };
  const server = await Scripted.start(first, second);
  const { events, session } = openAt(server);
  session.setInactive(true);
  await events.reported('online');
  session.setInactive(true);
  session.setInactive(false);
  session.setInactive(true);
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
    await far.until(/<message id="second"\/><r xmlns="urn:xmpp:sm:3"\/>.*<a xmlns="urn:xmpp:sm:3" h="3"\/>/);
    assert.not.match(far.unread, /first/);
    await far.closed();
  };
  const server = await Scripted.start(play, back);
  const { events, session } = openAt(server);
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
  const fresh: Play = async (far) => {
    await far.session();
    assert.not.ok(far.resumption);
    await far.closed();
  };
  const server = await Scripted.start(first, resumed, fresh);
  const { events, session } = openAt(server);
  const resumptions = [];
  for (let count = 0; count < 3; count++) resumptions.push((await events.next('online')).resumed);
  assert.equal(resumptions, [false, true, false]);
  await session.stop(500);
  await server.finished();
  server.close();
});

test('a resumption that is never answered is given up', async () => {
  const first: Play = async (far) => {
    await far.session();
    far.destroy();
  };
  const silent: Play = async (far) => {
    await far.login();
    await far.stream(bindFeature, '<sm xmlns="urn:xmpp:sm:3"/>');
    await far.until(/<resume /);
    await far.closed();
  };
  const fresh: Play = async (far) => {
    await far.session();
    assert.not.ok(far.resumption);
    await far.closed();
  };
  const server = await Scripted.start(first, silent, silent, fresh);
  const { events, session } = openAt(server, { answer: 100 });
  await events.next('online');
  assert.is((await events.next('online')).resumed, false);
  assert.is(server.connections, 4);
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
  const { events, session } = openAt(server, { conflict: 60 });
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

test('what the listener gets wrong ends neither the session nor the process', async () => {
  const server = await Scripted.start(async (far) => {
    await far.session(greeting.repeat(2));
    far.send('<r xmlns="urn:xmpp:sm:3"/>');
    await far.until(/<a xmlns="urn:xmpp:sm:3" h="2"\/>/);
    await far.closed();
  });
  const { events, session, log } = openAt(server);
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
