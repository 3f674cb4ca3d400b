import { MessageChannel } from 'node:worker_threads';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { type Batch, BatchReader, BatchWriter } from '../src/link/batch.ts';
import { type Progress, RemoteHost } from '../src/link/edge-port.ts';
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

test('a batch is posted behind what else is done at the end of its tick, whichever was begun first', async () => {
  const done: string[] = [];
  const writer = new BatchWriter(() => done.push('posted'));
  writer.numbers(7);
  process.nextTick(() => done.push('written'));
  await new Promise(setImmediate);
  assert.equal(done, ['written', 'posted']);
});

/** Both sides of a link over a real port, with a recording unit and edge. */
async function overPort(
  run: (world: {
    host: RemoteHost;
    seen: unknown[];
    told: unknown[];
    edge: EdgeLink;
    progress: Progress;
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
    attach(sid, facts) {
      note(seen, 'attach', sid, facts);
      if (facts.presence === 'bad') throw new Error('a session too odd');
    },
    resumable: (sid, from) => note(seen, 'resumable', sid, from),
    detach: (sid, isClean) => note(seen, 'detach', sid, isClean),
    passed: (sid, position) => note(seen, 'passed', sid, position),
    acknowledged: (sid, place) => note(seen, 'acknowledged', sid, place),
    flow: (sid, isOpen) => note(seen, 'flow', sid, isOpen),
    stanza(sid, it, _position, _order, past) {
      note(seen, past ?? 'stanza', sid, String(it));
      if (it.id === 'bad') throw new Error('a stanza too odd');
    },
    activity: (sid, inactive) => note(seen, 'activity', sid, inactive),
    async ask(what, ask) {
      if (what === 'status') throw new Error('not today');
      note(seen, 'ask', what, ask);
      return null as never;
    },
  };
  let edge!: EdgeLink;
  serveUnits(
    port2,
    (given): UnitHost => {
      edge = given;
      return { open: async () => unit, tryLogin: async ({ jid }) => ({ contacts: jid.length }), close: async () => {} };
    },
    (reason) => note(seen, 'failed', String(reason)),
  );
  const host = new RemoteHost(port1, {
    deliver: (sids, it, place) => note(told, 'deliver', sids, String(it), ...(place === undefined ? [] : [place])),
    stored: (sid, position) => note(told, 'stored', sid, position),
    facts: (sid, change) => note(told, 'facts', sid, change),
    close: (sid, condition, text) => note(told, 'close', sid, condition, text),
    pause: (sid) => note(told, 'pause', sid),
    resume: (sid) => note(told, 'resume', sid),
    account: (user, state) => note(told, 'account', user, state.status),
    ask: async (what, ask) => {
      note(told, 'ask', what, ask);
      return null as never;
    },
  });
  const progress: Progress = {
    taken: (number) => note(told, 'taken', number),
    begun: (number) => note(told, 'begun', number),
  };
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
    await run({ host, seen, told, edge, progress, until });
  } finally {
    port1.close();
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
  overPort(async ({ host, seen, told, edge, progress, until }) => {
    const unit = await host.open({ user: 'alice' } as UnitSettings, progress);
    unit.attach(5, facts);
    unit.stanza(1, 5, stanza(odd), 1);
    unit.stanza(2, 5, stanza('<iq type="get" id="1"/>'), 2, 'taken');
    unit.activity(5, true);
    unit.resumable(5, 2);
    unit.passed(5, 4);
    unit.acknowledged(5, 1_780_000_000_000_000);
    unit.flow(5, false);
    unit.flow(5, true);
    unit.detach(3, 5, true);
    await unit.ask('configure', { settings: { user: 'alice' } as UnitSettings });
    assert.equal(seen, [
      ['attach', 5, facts],
      ['stanza', 5, odd],
      ['taken', 5, '<iq type="get" id="1"/>'],
      ['activity', 5, true],
      ['resumable', 5, 2],
      ['passed', 5, 4],
      ['acknowledged', 5, 1_780_000_000_000_000],
      ['flow', 5, false],
      ['flow', 5, true],
      ['detach', 5, true],
      ['ask', 'configure', { settings: { user: 'alice' } }],
    ]);
    told.length = 0;
    edge.deliver([1, 2], stanza('<message from="x@y"><body>hi</body></message>'));
    edge.deliver([3], stanza('<message from="x@y"/>'), 1_780_000_000_000_000);
    edge.deliver([], stanza('<message/>'));
    edge.stored(1, 9);
    edge.facts(1, { presence: undefined, carbons: true });
    edge.close(2, 'conflict', 'gone');
    edge.pause(3);
    edge.resume(3);
    edge.account('alice', { status: 'online' } as never);
    await edge.ask('rememberPassword', { account: 'a@b' as never, password: 'p' });
    await until(9, told);
    assert.equal(told, [
      ['deliver', [1, 2], '<message from="x@y"><body>hi</body></message>'],
      ['deliver', [3], '<message from="x@y"/>', 1_780_000_000_000_000],
      ['stored', 1, 9],
      ['facts', 1, { presence: undefined, carbons: true }],
      ['close', 2, 'conflict', 'gone'],
      ['pause', 3],
      ['resume', 3],
      ['account', 'alice', 'online'],
      ['ask', 'rememberPassword', { account: 'a@b', password: 'p' }],
    ]);
    assert.ok('presence' in (told[3] as [string, number, object])[2]);
  }));

test('a session that its unit cannot have is closed, not left unanswered', () =>
  overPort(async ({ host, told, progress, until }) => {
    const unit = await host.open({ user: 'alice' } as UnitSettings, progress);
    unit.attach(5, { ...facts, presence: 'bad' });
    await until(1, told);
    assert.equal(told, [['close', 5, 'internal-server-error', 'This login cannot be served now']]);
  }));

test('an answer comes once, a failure as one, and none is left when the thread ends', () =>
  overPort(async ({ host, progress }) => {
    const unit = await host.open({ user: 'alice' } as UnitSettings, progress);
    const failed = await unit.ask('status', null).catch((error: Error) => error.message);
    assert.is(failed, 'not today');
    assert.equal(await host.tryLogin({ jid: 'a@b' } as unknown as AccountSettings, {} as never), { contacts: 3 });
    const pending = host
      .tryLogin({ jid: 'a@b' } as unknown as AccountSettings, {} as never)
      .catch((error: Error) => error.message);
    host.ended(new Error('the worker has ended'));
    assert.is(await pending, 'the worker has ended');
  }));

test('a unit says what it has done', () =>
  overPort(async ({ host, told, progress }) => {
    const unit = await host.open({ user: 'alice' } as UnitSettings, progress);
    unit.attach(5, facts);
    unit.stanza(10, 5, stanza('<message id="1"/>'), 1);
    unit.stanza(11, 5, stanza('<iq type="get" id="1"/>'), 2);
    await unit.ask('configure', { settings: { user: 'alice' } as UnitSettings });
    assert.equal(told, [['taken', 11]]);
  }));

test('of what killed another unit the edge knows before it is tried again', () =>
  overPort(async ({ host, seen, told, progress }) => {
    const unit = await host.open({ user: 'alice' } as UnitSettings, progress);
    unit.attach(5, facts);
    unit.stanza(1, 5, stanza('<message id="fresh"/>'), 1);
    unit.stanza(2, 5, stanza('<message id="one"/>'), 2, 'told');
    unit.stanza(3, 5, stanza('<message id="two"/>'), 3, 'told');
    await unit.ask('configure', { settings: { user: 'alice' } as UnitSettings });
    assert.equal(told, [
      ['begun', 2],
      ['taken', 1],
      ['begun', 3],
      ['taken', 2],
      ['taken', 3],
    ]);
    assert.equal(
      seen.map((one) => (one as [string])[0]),
      ['attach', 'stanza', 'told', 'told', 'ask'],
    );
  }));

test('much that is taken is told without an answer to ride on', () =>
  overPort(async ({ host, told, progress, until }) => {
    const unit = await host.open({ user: 'alice' } as UnitSettings, progress);
    unit.attach(5, facts);
    unit.stanza(1, 5, stanza(`<message><body>${'x'.repeat(40_000)}</body></message>`), 1);
    await until(1, told);
    assert.equal(told[0], ['taken', 1]);
  }));

test('a stanza that a unit cannot bear is answered, and the next is taken', () =>
  overPort(async ({ host, seen, told, progress, until }) => {
    const unit = await host.open({ user: 'alice' } as UnitSettings, progress);
    unit.attach(5, facts);
    unit.stanza(1, 5, stanza('<iq type="get" id="bad" to="x@y"><a/></iq>'), 1);
    unit.stanza(2, 5, stanza('<message type="error" id="bad"/>'), 2);
    unit.stanza(3, 5, stanza('<message id="good"/>'), 3);
    await until(2, told);
    const [what, sids, answer] = told[0] as [string, number[], string];
    assert.equal([what, sids], ['deliver', [5]]);
    assert.match(answer, /<iq from="x@y" type="error" id="bad"><a\/><error type="cancel"><internal-server-error/);
    assert.equal(told[1], ['taken', 3]);
    assert.equal(
      seen.map((one) => (one as [string])[0]),
      ['attach', 'stanza', 'failed', 'stanza', 'failed', 'stanza'],
    );
  }));

test.run();
