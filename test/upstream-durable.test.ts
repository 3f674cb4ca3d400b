/** What a core session says that it has handled is durable before (XEP-0198). */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { asked, bodies, handled, playing, presence, request, resumed, span, told, until } from './lib/durable.ts';

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
      await until(() => ledger.state?.h === 1);
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
      await until(() => ledger.commits > 0);
      session.send('<message id="begun"/>');
      for (let count = 0; count < 20; count++) await events.next('stanza');
      for (let turn = 0; turn < 10; turn++) await new Promise(setImmediate);
      assert.is(ledger.commits, 1, 'the session itself');
      session.send('<message id="go"/>');
      await until(() => ledger.state?.h === 20);
      assert.is(ledger.commits, 2);
    },
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
    { idle: 60, reply: 60, acknowledge: 10 },
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
      await until(() => ledger.state?.h === count);
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

test.run();
