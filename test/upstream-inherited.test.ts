/** The next process takes a core session up; what breaks whatever takes it is left out. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { DomainGate } from '../src/upstream/gate.ts';
import { openCoreSession } from '../src/upstream/supervisor.ts';
import type { SessionState } from '../src/upstream/types.ts';
import type { FullJid } from '../src/wire/jid.ts';
import { asked, bodies, handled, playing, request, resumed, span, stateWith, told, until } from './lib/durable.ts';
import { Scripted } from './lib/scripted.ts';
import { accountOf, MemoryLedger, MemoryLog, optionsOf, quick, Recorder } from './lib/upstream.ts';

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
        await until(() => ledger.state?.h === 3);
        assert.is(ledger.state?.begun, undefined);
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
      await until(() => ledger.state?.h === 6);
      assert.is(ledger.state?.begun, undefined);
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
      await until(() => ledger.state?.h === 4);
      assert.not.ok(events.all.some(({ kind }) => kind === 'skipped'));
    },
    new MemoryLedger(stateWith()),
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
      await until(() => ledger.state?.number === 8);
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

test('where the server says that it keeps the session it is looked for first', async () => {
  const there = await Scripted.start(async (far) => {
    await asked(far, 3, 'sm7');
    far.send(resumed('sm7', 0));
    await far.closed();
  });
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
