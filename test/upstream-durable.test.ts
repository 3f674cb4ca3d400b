/** What a core session says of itself is durable before, and the next process takes it up (XEP-0198). */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { SessionState } from '../src/upstream/types.ts';
import type { FullJid } from '../src/wire/jid.ts';
import { bindFeature, openAt } from './lib/hostile.ts';
import { type Far, type Play, Scripted } from './lib/scripted.ts';
import { MemoryLedger } from './lib/upstream.ts';

const span = 2 ** 32;
const request = '<r xmlns="urn:xmpp:sm:3"/>';
const handled = (h: number) => new RegExp(`<a xmlns="urn:xmpp:sm:3" h="${h}"/>`);
const told = (body: string) =>
  `<message from="you@far.example/x" to="me@far.example/xmpproxy-t" type="chat"><body>${body}</body></message>`;
const presence = '<presence from="you@far.example/x"/>';

const stateWith = (change: Partial<SessionState> = {}): SessionState => ({
  number: 7,
  id: 'sm7',
  address: 'me@far.example/xmpproxy-t' as FullJid,
  location: undefined,
  h: 3,
  begun: undefined,
  ...change,
});

/** Up to where the client asks for its session. */
async function asked(far: Far, h: number, id = 'sm1'): Promise<void> {
  await far.login();
  await far.stream(bindFeature, '<sm xmlns="urn:xmpp:sm:3"/>');
  await far.until(new RegExp(`<resume [^>]*h="${h}" previd="${id}"/>`));
}
const resumed = (id: string, h: number) => `<resumed xmlns="urn:xmpp:sm:3" previd="${id}" h="${h}"/>`;

/** Plays the scripts to their end, whatever comes of the test's part. */
async function playing(
  plays: Play[],
  run: (opened: ReturnType<typeof openAt>, server: Scripted) => Promise<void>,
  ledger = new MemoryLedger(),
  timing = {},
): Promise<void> {
  const server = await Scripted.start(...plays);
  const opened = openAt(server, timing, undefined, ledger);
  try {
    await run(opened, server);
    await opened.session.stop(500);
    await server.finished();
  } finally {
    await opened.session.stop(0);
    server.close();
  }
}
const bodies = ({ events }: ReturnType<typeof openAt>): string[] =>
  events.all.flatMap((event) => (event.kind === 'stanza' ? [event.stanza.tree.getChildText('body') ?? ''] : []));

test('h is what is durable; more follows when it is', () =>
  playing(
    [
      async (far) => {
        await far.session(told('one') + request);
        await far.until(handled(0));
        far.send('<message from="you@far.example/x" id="noted"/>');
        await far.until(handled(1));
        await far.closed();
      },
    ],
    async ({ events, ledger }) => {
      events.onStanza = ({ id }) => {
        if (id !== undefined) return ledger.release();
        void ledger.write();
      };
      await events.next('online');
      ledger.hold();
      await events.next('stanza', ({ stanza }) => stanza.id === 'noted');
      while (ledger.state?.h !== 1) await new Promise(setImmediate);
    },
  ));

test('what writes nothing is noted when the server asks, and not before', () =>
  playing(
    [
      async (far) => {
        await far.session();
        await far.until(/<message id="begun"\/>/);
        far.send(presence.repeat(20));
        await far.until(/<message id="go"\/>/);
        far.send(request);
        await far.until(handled(20));
        await far.closed();
      },
    ],
    async ({ events, ledger, session }) => {
      await events.next('online');
      while (ledger.commits < 1) await new Promise(setImmediate);
      session.send('<message id="begun"/>');
      for (let count = 0; count < 20; count++) await events.next('stanza');
      for (let turn = 0; turn < 10; turn++) await new Promise(setImmediate);
      assert.is(ledger.commits, 1, 'the session itself');
      session.send('<message id="go"/>');
      while (ledger.state?.h !== 20) await new Promise(setImmediate);
      assert.is(ledger.commits, 2);
    },
  ));

test('another process takes the session up; what the server has is told before, numbers go on behind it', () =>
  playing(
    [
      async (far) => {
        await asked(far, 3, 'sm7');
        far.send(resumed('sm7', 12) + request + told('missed'));
        await far.until(/<message id="next"\/>/);
        far.send('<a xmlns="urn:xmpp:sm:3" h="12"/><a xmlns="urn:xmpp:sm:3" h="13"/>');
        await far.closed();
      },
    ],
    async ({ events, session }) => {
      const { first, last } = await events.next('handled');
      assert.equal([first, last], [7 * span + 1, 7 * span + 12]);
      const { resumed: isResumed, inherited, address } = await events.next('online');
      assert.equal([isResumed, inherited, address], [true, true, 'me@far.example/xmpproxy-t']);
      assert.is(session.send('<message id="next"/>'), 7 * span + 13);
      assert.is((await events.next('handled')).last, 7 * span + 13);
      await events.next('stanza');
      assert.not.ok(events.all.some(({ kind }) => kind === 'unacknowledged'));
    },
    new MemoryLedger(stateWith()),
  ));

test('a session that is over may say how far it got; the next has higher numbers', () =>
  playing(
    [
      async (far) => {
        await asked(far, 3, 'sm7');
        far.send('<failed xmlns="urn:xmpp:sm:3" h="5"/>');
        const [, id] = await far.until(/<iq [^>]*id="([^"]+)".*<\/iq>/);
        far.send(
          `<iq type="result" id="${id}"><bind xmlns="urn:ietf:params:xml:ns:xmpp-bind"><jid>me@far.example/r</jid></bind></iq>`,
        );
        await far.until(/<enable /);
        far.send('<enabled xmlns="urn:xmpp:sm:3" id="sm8" resume="true" max="600" location="127.0.0.2:1"/>');
        await far.closed();
      },
    ],
    async ({ events, session, ledger }) => {
      assert.equal((await events.next('handled')).last, 7 * span + 5);
      const { resumed: isResumed, inherited } = await events.next('online');
      assert.equal([isResumed, inherited], [false, false]);
      assert.is(session.send('<message/>'), 8 * span + 1);
      while (ledger.state?.number !== 8) await new Promise(setImmediate);
      assert.equal(
        ledger.state,
        stateWith({ number: 8, id: 'sm8', h: 0, location: '127.0.0.2:1', address: 'me@far.example/r' as FullJid }),
      );
    },
    new MemoryLedger(stateWith()),
  ));

test('a session of another account is left alone', () =>
  playing(
    [
      async (far) => {
        await far.session();
        assert.not.ok(far.resumption);
        await far.closed();
      },
    ],
    async ({ events }) => {
      assert.not((await events.next('online')).resumed);
    },
    new MemoryLedger(stateWith({ address: 'you@far.example/x' as FullJid })),
  ));

test('what was not durable when the stream broke is so before the session is resumed', () =>
  playing(
    [
      async (far) => {
        await far.session(told('one'));
        await far.until(/<message id="got"\/>/);
        far.destroy();
      },
      async (far) => {
        await asked(far, 1);
        far.send(resumed('sm1', 1));
        await far.closed();
      },
    ],
    async ({ events, ledger, session }, server) => {
      events.onStanza = () => {
        ledger.hold();
        void ledger.write();
        session.send('<message id="got"/>');
      };
      await events.next('offline');
      await events.reported('connecting');
      for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setTimeout(resolve, 1));
      assert.is(server.connections, 1, 'it waits for the disk');
      ledger.release();
      assert.ok((await events.next('online', ({ resumed: is }) => is)).resumed);
    },
  ));

test('while it is paused nothing is taken, and the silence is not the server’s', () =>
  playing(
    [
      async (far) => {
        await far.session();
        await far.until(/<message id="paused"\/>/);
        for (let index = 0; index < 50; index++) far.send(told(String(index)) + request);
        const [before] = await far.until(/^.*<message id="goes-out"\/>/);
        assert.not.match(before, /<a /);
        await far.until(handled(50));
        far.send('<a xmlns="urn:xmpp:sm:3" h="2"/>');
        await far.closed();
      },
    ],
    async (opened) => {
      const { events, session } = opened;
      await events.next('online');
      session.setPaused(true);
      session.send('<message id="paused"/>');
      for (let turn = 0; turn < 200; turn++) await new Promise((resolve) => setTimeout(resolve, 1));
      assert.equal(bodies(opened), []);
      session.send('<message id="goes-out"/>');
      session.setPaused(false);
      await events.next('stanza', ({ stanza }) => String(stanza).includes('>49<'));
      assert.equal(
        bodies(opened),
        Array.from({ length: 50 }, (_, index) => String(index)),
      );
      assert.is((await events.next('handled')).last - span, 2);
    },
    undefined,
    { idle: 60, reply: 60 },
  ));

test('too much that is not durable: the rest waits, in order', () => {
  const count = 2500;
  return playing(
    [
      async (far) => {
        await far.session();
        await far.until(/<message id="go"\/>/);
        far.send(Array.from({ length: count }, (_, index) => told(String(index))).join('') + request);
        await far.until(handled(count));
        await far.closed();
      },
    ],
    async (opened) => {
      const { events, ledger, session } = opened;
      await events.next('online');
      ledger.hold();
      events.onStanza = () => void ledger.write();
      session.send('<message id="go"/>');
      await events.next('stanza', ({ stanza }) => String(stanza).includes('>1000<'));
      for (let turn = 0; turn < 50; turn++) await new Promise((resolve) => setTimeout(resolve, 1));
      assert.is(bodies(opened).length, 1001);
      ledger.release();
      await events.next('stanza', ({ stanza }) => String(stanza).includes(`>${count - 1}<`));
      assert.equal(
        bodies(opened),
        Array.from({ length: count }, (_, index) => String(index)),
      );
      while (ledger.state?.h !== count) await new Promise(setImmediate);
    },
  );
});

test('octets count, too', () =>
  playing(
    [
      async (far) => {
        await far.session(told('x'.repeat(1 << 20)).repeat(8));
        await far.closed();
      },
    ],
    async (opened) => {
      const { events, ledger } = opened;
      ledger.hold();
      events.onStanza = () => void ledger.write();
      for (let count = 0; count < 4; count++) await events.next('stanza');
      for (let turn = 0; turn < 50; turn++) await new Promise((resolve) => setTimeout(resolve, 1));
      assert.ok(bodies(opened).length <= 5, String(bodies(opened).length));
      ledger.release();
      for (let count = 0; count < 4; count++) await events.next('stanza');
    },
  ));

for (const [name, poison] of [
  ['not well-formed', '<message><body></message>'],
  ['with a comment', '<message from="you@far.example/x"><!-- --></message>'],
] as const)
  test(`a stanza that is ${name} breaks two connections; the third goes on behind it`, () =>
    playing(
      [
        async (far) => {
          await far.session(told('before') + poison);
          await far.closed();
        },
        async (far) => {
          await asked(far, 1);
          far.send(resumed('sm1', 0) + poison);
          await far.closed();
        },
        async (far) => {
          await asked(far, 2);
          far.send(resumed('sm1', 0) + told('behind') + request);
          await far.until(handled(3));
          await far.closed();
        },
      ],
      async (opened) => {
        const { events, ledger } = opened;
        events.onStanza = () => void ledger.write();
        await events.next('skipped');
        await events.next('stanza', ({ stanza }) => String(stanza).includes('behind'));
        assert.equal(bodies(opened), ['before', 'behind']);
        while (ledger.state?.h !== 3) await new Promise(setImmediate);
        assert.is(ledger.state.begun, undefined);
      },
    ));

test('after a process that ended: each stanza that was on its way is noted before it is taken', () => {
  const seen: SessionState['begun'][] = [];
  return playing(
    [
      async (far) => {
        await asked(far, 3, 'sm7');
        far.send(resumed('sm7', 0) + told('four') + told('five'));
        await far.until(/<r /);
        far.send(`<a xmlns="urn:xmpp:sm:3" h="0"/>${told('six')}${request}`);
        await far.until(handled(6));
        await far.closed();
      },
    ],
    async ({ events, ledger }) => {
      events.onStanza = () => void seen.push(ledger.state?.begun);
      await events.next('stanza', ({ stanza }) => String(stanza).includes('six'));
      assert.equal(seen[0], { position: 4, times: 2 });
      assert.equal(seen[1], { position: 5, times: 1 });
      while (ledger.state?.h !== 6) await new Promise(setImmediate);
      assert.is(ledger.state.begun, undefined);
    },
    new MemoryLedger(stateWith({ begun: { position: 4, times: 1 } })),
  );
});

test('what two processes have died of is left out', () =>
  playing(
    [
      async (far) => {
        await asked(far, 4, 'sm7');
        far.send(resumed('sm7', 0) + told('five') + request);
        await far.until(handled(5));
        await far.closed();
      },
    ],
    async ({ events }) => {
      await events.next('skipped');
      await events.next('stanza', ({ stanza }) => String(stanza).includes('five'));
    },
    new MemoryLedger(stateWith({ begun: { position: 4, times: 2 } })),
  ));

test('a stanza whose connection broke before it was taken has done nothing', () =>
  playing(
    [
      async (far) => {
        await asked(far, 3, 'sm7');
        far.send(resumed('sm7', 0) + told('four'));
        await far.until(/<r /);
        await new Promise((resolve) => setTimeout(resolve, 20));
        far.destroy();
      },
      async (far) => {
        await asked(far, 3, 'sm7');
        far.send(resumed('sm7', 0) + told('four') + request);
        await far.until(handled(4));
        await far.closed();
      },
    ],
    async ({ events, ledger }) => {
      await events.next('online');
      ledger.hold();
      await events.next('offline');
      ledger.release();
      await events.next('stanza');
      while (ledger.state?.h !== 4) await new Promise(setImmediate);
      assert.not.ok(events.all.some(({ kind }) => kind === 'skipped'));
    },
    new MemoryLedger(stateWith()),
  ));

test('at the end what was taken is made durable before the last word', () =>
  playing(
    [
      async (far) => {
        await far.session(told('last'));
        await far.until(/<a xmlns="urn:xmpp:sm:3" h="1"\/><r xmlns="urn:xmpp:sm:3"\/><\/stream:stream>/);
        far.send('<a xmlns="urn:xmpp:sm:3" h="0"/></stream:stream>');
        await far.closed();
      },
    ],
    async ({ events, ledger, session }) => {
      events.onStanza = () => {
        ledger.hold();
        void ledger.write();
      };
      await events.next('stanza');
      const stopped = session.stop(5000);
      await new Promise(setImmediate);
      ledger.release();
      await stopped;
      assert.is(ledger.state?.h, 1);
    },
  ));

test('where the server says that it keeps the session it is looked for first', async () => {
  const there = await Scripted.start(async (far) => {
    await asked(far, 3, 'sm7');
    far.send(resumed('sm7', 0));
    await far.closed();
  });
  const { openCoreSession } = await import('../src/upstream/supervisor.ts');
  const { DomainGate } = await import('../src/upstream/gate.ts');
  const { accountOf, MemoryLog, optionsOf, quick, Recorder } = await import('./lib/upstream.ts');
  const events = new Recorder();
  const ledger = new MemoryLedger(stateWith({ location: there.route }));
  const options = optionsOf({ allowPlaintext: true, allowPrivate: true });
  const account = accountOf('me@far.example', 'secret');
  const session = openCoreSession(account, options, new DomainGate(), events, ledger, new MemoryLog(), quick());
  session.start();
  assert.ok((await events.next('online')).inherited);
  await session.stop(500);
  await there.finished();
  there.close();
});

test.run();
