import { MessageChannel } from 'node:worker_threads';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { type Batch, BatchReader, BatchWriter } from '../src/link/batch.ts';
import { RemoteHost } from '../src/link/edge-port.ts';
import type { AccountSettings, EdgeLink, SessionFacts, UnitHost, UnitLink, UnitSettings } from '../src/link/link.ts';
import { serveUnits } from '../src/link/unit-port.ts';
import { parseElement } from '../src/wire/parser.ts';
import { Stanza } from '../src/wire/stanza.ts';

const stanza = (xml: string) => Stanza.of(parseElement(xml));
const odd = '<message to="a@b/&apos;&quot;&amp;" type="chat"><body>😀 &lt;x&gt;\n</body></message>';

test("a tick's calls are one batch, and read back as they were", async () => {
  const batches: Batch[] = [];
  const writer = new BatchWriter((batch) => batches.push(batch));
  writer.numbers(7).list([1, 2, 3]).stanza(stanza(odd));
  writer.numbers(8, 9).strings('x', 'y');
  await new Promise(setImmediate);
  assert.is(batches.length, 1);
  const reader = new BatchReader(structuredClone(batches[0]!));
  assert.is(reader.number(), 7);
  assert.equal(reader.list(), [1, 2, 3]);
  const back = reader.stanza();
  assert.equal(
    [back.name, back.to, back.from, back.id, back.type],
    ['message', 'a@b/\'"&', undefined, undefined, 'chat'],
  );
  assert.is(back.toString(), odd.replace('\n', '\n').replace('&apos;', '&apos;'));
  assert.equal([reader.number(), reader.number(), reader.string(), reader.string()], [8, 9, 'x', 'y']);
  assert.is(reader.more, false);
});

/** Both sides of a link over a real port, with a recording unit and edge. */
async function overPort(
  run: (world: {
    host: RemoteHost;
    seen: unknown[];
    told: unknown[];
    edge: EdgeLink;
    until(count: number, list: unknown[]): Promise<void>;
  }) => Promise<void>,
) {
  const { port1, port2 } = new MessageChannel();
  const seen: unknown[] = [];
  const told: unknown[] = [];
  const wake = new Set<() => void>();
  const note = (list: unknown[], ...what: unknown[]) => {
    list.push(what);
    for (const look of wake) look();
  };
  const unit: UnitLink = {
    attach: (sid, facts) => note(seen, 'attach', sid, facts),
    detach: (sid, left) => note(seen, 'detach', sid, left.map(String)),
    stanza: (sid, it) => note(seen, 'stanza', sid, String(it)),
    activity: (sid, inactive) => note(seen, 'activity', sid, inactive),
    async ask(what, ask) {
      if (what === 'status') throw new Error('not today');
      note(seen, 'ask', what, ask);
      return null as never;
    },
  };
  let edge!: EdgeLink;
  serveUnits(port2, (given): UnitHost => {
    edge = given;
    return { open: async () => unit, tryLogin: async ({ jid }) => ({ contacts: jid.length }), close: async () => {} };
  });
  const host = new RemoteHost(
    port1,
    {
      deliver: (sids, it) => note(told, 'deliver', sids, String(it)),
      facts: (sid, change) => note(told, 'facts', sid, change),
      close: (sid, condition, text) => note(told, 'close', sid, condition, text),
      pause: (sid) => note(told, 'pause', sid),
      resume: (sid) => note(told, 'resume', sid),
      account: (user, state) => note(told, 'account', user, state.status),
      ask: async (what, ask) => {
        note(told, 'ask', what, ask);
        return null as never;
      },
    },
    async () => port1.close(),
  );
  const until = (count: number, list: unknown[]) =>
    new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`only ${list.length} of ${count}`)), 5000);
      const look = () => {
        if (list.length < count) return;
        clearTimeout(timer);
        wake.delete(look);
        resolve();
      };
      wake.add(look);
      look();
    });
  try {
    await run({ host, seen, told, edge, until });
  } finally {
    await host.close();
    port2.close();
  }
}

const facts = {
  view: 'identity',
  bare: 'a@b',
  address: 'a@b/c',
  carbons: true,
  presence: '<presence/>',
  directed: ['x'],
} as unknown as SessionFacts;

test('every call crosses a port in order, either way', () =>
  overPort(async ({ host, seen, told, edge, until }) => {
    const unit = await host.open({ user: 'alice' } as UnitSettings);
    unit.attach(5, facts);
    unit.stanza(5, stanza(odd));
    unit.activity(5, true);
    unit.detach(5, [stanza('<message id="1"/>'), stanza('<message id="2"/>')]);
    await unit.ask('configure', { settings: { user: 'alice' } as UnitSettings });
    assert.equal(seen, [
      ['attach', 5, facts],
      ['stanza', 5, odd],
      ['activity', 5, true],
      ['detach', 5, ['<message id="1"/>', '<message id="2"/>']],
      ['ask', 'configure', { settings: { user: 'alice' } }],
    ]);
    edge.deliver([1, 2], stanza('<message from="x@y"><body>hi</body></message>'));
    edge.deliver([], stanza('<message/>'));
    edge.facts(1, { presence: undefined, carbons: true });
    edge.close(2, 'conflict', 'gone');
    edge.pause(3);
    edge.resume(3);
    edge.account('alice', { status: 'online' } as never);
    await edge.ask('rememberPassword', { account: 'a@b' as never, password: 'p' });
    await until(7, told);
    assert.equal(told, [
      ['deliver', [1, 2], '<message from="x@y"><body>hi</body></message>'],
      ['facts', 1, { presence: undefined, carbons: true }],
      ['close', 2, 'conflict', 'gone'],
      ['pause', 3],
      ['resume', 3],
      ['account', 'alice', 'online'],
      ['ask', 'rememberPassword', { account: 'a@b', password: 'p' }],
    ]);
    assert.ok('presence' in (told[1] as [string, number, object])[2]);
  }));

test('an answer comes once, a failure as one, and none is left when the thread ends', () =>
  overPort(async ({ host }) => {
    const unit = await host.open({ user: 'alice' } as UnitSettings);
    const failed = await unit.ask('status', null).catch((error: Error) => error.message);
    assert.is(failed, 'not today');
    assert.equal(await host.tryLogin({ jid: 'a@b' } as unknown as AccountSettings, {} as never), { contacts: 3 });
    const pending = host
      .tryLogin({ jid: 'a@b' } as unknown as AccountSettings, {} as never)
      .catch((error: Error) => error.message);
    await host.close();
    assert.is(await pending, 'the worker has ended');
  }));

test.run();
