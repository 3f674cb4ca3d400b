/** Core sessions at real servers: every way in, resumption, restart, refusal. */
import { readFileSync } from 'node:fs';
import { suite, test } from 'uvu';
import * as assert from 'uvu/assert';
import { DomainGate } from '../src/upstream/gate.ts';
import { openCoreSession } from '../src/upstream/supervisor.ts';
import { tryLogin } from '../src/upstream/trial.ts';
import type { Account, UpstreamOptions } from '../src/upstream/types.ts';
import { NS } from '../src/wire/ns.ts';
import { xml } from '../src/wire/xml.ts';
import { login, type RawClient } from './lib/raw.ts';
import { type Kind, type RealServer, startServer } from './lib/servers.ts';
import { accountOf, MemoryLedger, MemoryLog, optionsOf, quick, Recorder, Relay } from './lib/upstream.ts';

function open(account: Account, options: UpstreamOptions, env = quick()) {
  const events = new Recorder();
  const log = new MemoryLog();
  const session = openCoreSession(account, options, new DomainGate(), events, new MemoryLedger(), log, env);
  return { events, log, session };
}
const roster = (jid: string) => xml('query', NS.roster, xml('item', { jid }));

for (const kind of ['prosody', 'ejabberd'] as Kind[]) {
  const at = suite(kind);
  let server: RealServer;
  const trusting = () => optionsOf({ ca: readFileSync(server.ca, 'utf8') });
  const starttls = () => `127.0.0.1:${server.port}`;
  const direct = () => `xmpps://127.0.0.1:${server.tlsPort}`;

  async function ping(session: { send(text: string): unknown }, events: Recorder, id: string): Promise<void> {
    assert.ok(session.send(`<iq type="get" id="${id}" to="${server.domain}"><ping xmlns="urn:xmpp:ping"/></iq>`));
    const { stanza } = await events.next('stanza', ({ stanza }) => stanza.id === id);
    assert.is(stanza.type, 'result');
  }
  async function peerOf(name: string): Promise<RawClient> {
    const peer = await login({ ...(await server.account(name)), host: server.host, port: server.port, ca: server.ca });
    peer.send('<presence/>');
    await peer.roundtrip();
    return peer;
  }

  at('the server starts', async () => {
    server = await startServer(kind);
  });

  for (const [way, route] of [
    ['STARTTLS', starttls],
    ['direct TLS', direct],
  ] as const)
    at(`logs in by ${way}, is bound to its resource`, async () => {
      const { jid, password } = await server.account();
      const { events, session, log } = open(accountOf(jid, password, { route: route() }), trusting());
      session.start();
      const { address, resumed } = await events.next('online');
      assert.is(address, `${jid}/xmpproxy-t`);
      assert.is(resumed, false);
      assert.is(session.status, 'online');
      await ping(session, events, 'one');
      await session.stop(1000);
      assert.is(session.status, 'off');
      assert.not.ok(session.send('<presence/>'));
      assert.not.ok(log.lines.some((line) => line.includes(password)));
    });

  at('stops at a wrong password and says so', async () => {
    const { jid } = await server.account();
    const { events, session } = open(accountOf(jid, 'wrong', { route: starttls() }), trusting());
    session.start();
    const { failure } = await events.reported('stopped');
    assert.is(failure?.kind, 'refused');
    await session.stop(1000);
  });

  at('resumes after the connection is cut: nothing is lost either way', async () => {
    const { jid, password } = await server.account();
    const peer = await peerOf('peer');
    const relay = await Relay.to(server.port);
    const { events, session } = open(accountOf(jid, password, { route: `127.0.0.1:${relay.port}` }), trusting());
    session.start();
    const { address } = await events.next('online');
    await ping(session, events, 'before');
    relay.hold();
    assert.ok(session.send(`<message to="${peer.jid}" id="out"><body>while cut</body></message>`));
    peer.send(`<message to="${address}" id="in" type="chat"><body>while cut too</body></message>`);
    relay.cut();
    await events.next('offline');
    const again = await events.next('online');
    assert.is(again.resumed, true);
    assert.is(again.address, address);
    await events.next('stanza', ({ stanza }) => stanza.id === 'in');
    await peer.received(({ attrs }) => attrs.id === 'out');
    assert.not.ok(events.all.some((event) => event.kind === 'unacknowledged'));
    await session.stop(1000);
    relay.close();
    await peer.close();
  });

  at('a restarted server has no session left: what it never acknowledged is given back', async () => {
    const { jid, password } = await server.account();
    const relay = await Relay.to(server.port);
    const { events, session } = open(accountOf(jid, password, { route: `127.0.0.1:${relay.port}` }), trusting());
    session.start();
    await events.next('online');
    relay.hold();
    const lost = `<message to="${server.domain}" id="lost"/>`;
    assert.ok(session.send(lost));
    await (kind === 'ejabberd' ? server.stop() : server.kill()); // ejabberd keeps a new account in memory for a while
    relay.cut();
    await events.next('offline');
    await events.reported('waiting');
    await server.start();
    assert.equal((await events.next('unacknowledged')).stanzas, [lost]);
    assert.is((await events.next('online')).resumed, false);
    const told = events.all.map((event) => event.kind).filter((name) => name === 'online' || name === 'unacknowledged');
    assert.equal(told, ['online', 'unacknowledged', 'online']);
    await session.stop(1000);
    relay.close();
  });

  at('yields to another session that takes its resource, and comes back beside it', async () => {
    const { jid, password } = await server.account();
    const { events, session } = open(accountOf(jid, password, { route: starttls() }), trusting());
    session.start();
    await events.next('online');
    const other = await login({ jid, password, resource: 'xmpproxy-t', host: server.host, port: server.port });
    const { failure } = await events.reported('waiting');
    assert.is(failure?.kind, 'conflict');
    const { address } = await events.next('online');
    assert.match(address, new RegExp(`^${jid}/xmpproxy-t-[0-9a-f]{8}$`));
    await other.roundtrip();
    await session.stop(1000);
    await other.close();
  });

  at('a trial login counts the contacts and leaves', async () => {
    const { jid, password } = await server.account();
    const client = await login({ jid, password, host: server.host, port: server.port });
    for (const contact of ['a@home.example', 'b@home.example']) await client.iq('set', undefined, roster(contact));
    const account = accountOf(jid, password, { route: starttls() });
    const gate = new DomainGate();
    assert.equal(await tryLogin(account, trusting(), gate, new MemoryLog(), quick()), { contacts: 2 });
    const answer = await tryLogin({ ...account, password: 'no' }, trusting(), gate, new MemoryLog(), quick());
    assert.is('failure' in answer && answer.failure.kind, 'refused');
    await client.close();
  });

  at('the server stops', async () => {
    await server.stop();
  });
  at.run();
}

for (const [used, stripped] of [
  ['SCRAM-SHA-256', /$^/],
  ['SCRAM-SHA-1', /<mechanism>SCRAM-SHA-256<\/mechanism>/],
  ['PLAIN', /<mechanism>SCRAM-SHA-(1|256)<\/mechanism>/g],
] as const)
  test(`Prosody: ${used}, twice`, async () => {
    const server = await startServer('prosody', { tuned: true });
    const { jid, password } = await server.account();
    const seen: (string | undefined)[] = [];
    const relay = await Relay.to(server.port, {
      down: (text) => text.replace(stripped, ''),
      up: (text) => {
        const mechanism = /<auth [^>]*mechanism="([^"]+)"/.exec(text);
        if (mechanism !== null) seen.push(mechanism[1]);
        return text;
      },
    });
    const account = accountOf(jid, password, { route: `127.0.0.1:${relay.port}` });
    const { events, session } = open(account, optionsOf({ allowPlaintext: true }));
    session.start();
    await events.next('online');
    relay.cut();
    await events.next('online');
    assert.equal(seen, [used, used]);
    await session.stop(1000);
    relay.close();
    await server.stop();
  });

test.run();
