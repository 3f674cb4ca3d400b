import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { defaultLimits } from '../src/stream/limits.ts';
import { Management } from '../src/stream/management.ts';
import { outgoing } from '../src/stream/outgoing.ts';
import { Received } from '../src/stream/received.ts';
import type { StreamError } from '../src/wire/error.ts';
import { NS } from '../src/wire/ns.ts';
import { Stanza } from '../src/wire/stanza.ts';
import { xml } from '../src/wire/xml.ts';
import { HandClock } from './lib/edge.ts';

const stanza = (id: number) => Stanza.of(xml('message', { id: String(id) }));
const request = `<r xmlns="${NS.sm}"/>`;

function start(limits: Partial<typeof defaultLimits> = {}) {
  const clock = new HandClock();
  const received = new Received();
  const management = new Management('id', true, received, { ...defaultLimits, ...limits }, clock);
  const send = (from: number, to = from) => {
    for (let id = from; id <= to; id += 1) management.sent(outgoing(stanza(id)));
  };
  const open = () => management.unacknowledged.map(({ id }) => Number(id));
  return { clock, management, received, send, open };
}

test('what is acknowledged leaves the queue, oldest first', () => {
  const { management, send, open } = start();
  send(1, 5);
  management.acknowledge('2');
  assert.equal(open(), [3, 4, 5]);
  management.acknowledge('2');
  management.acknowledge('1'); // late
  assert.equal(open(), [3, 4, 5]);
  management.acknowledge('5');
  assert.equal(open(), []);
  send(6);
  assert.equal(open(), [6]);
});

test('a long conversation in small steps', () => {
  const { management, send, open } = start();
  for (let id = 1; id <= 3000; id += 1) {
    send(id);
    if (id > 10) management.acknowledge(String(id - 10));
  }
  assert.equal(open(), [2991, 2992, 2993, 2994, 2995, 2996, 2997, 2998, 2999, 3000]);
});

test('a count above what was sent is told', () => {
  const { management, send } = start();
  send(1, 8);
  try {
    management.acknowledge('10');
    assert.unreachable();
  } catch (error) {
    assert.is(
      (error as StreamError).toElement().toString(),
      `<stream:error><undefined-condition xmlns="${NS.streams}"/><text xmlns="${NS.streams}">You acknowledged 10 stanzas, but I only sent you 8 so far.</text><handled-count-too-high xmlns="${NS.sm}" h="10" send-count="8"/></stream:error>`,
    );
  }
});

for (const h of [undefined, '', '-1', 'x', '1.5', '4294967296', '99999999999'])
  test(`h="${h}" is no count`, () => {
    const { management, send } = start();
    send(1);
    assert.throws(
      () => management.acknowledge(h),
      (error: StreamError) => error.condition === 'bad-format',
    );
  });

test('the client is asked with the first stanza, then every sixteen, and when its answer leaves something open', () => {
  const { management, send } = start();
  assert.is(management.request(), '');
  send(1);
  assert.is(management.request(), request);
  assert.is(management.request(), '');
  send(2, 16);
  assert.is(management.request(), '');
  send(17);
  assert.is(management.request(), request);
  send(18);
  management.acknowledge('1');
  assert.is(management.request(), '');
  management.acknowledge('17');
  assert.is(management.request(), request);
  management.acknowledge('18');
  assert.is(management.request(), '');
});

test('too much: at once where nobody listens, after a grace where somebody may answer, at four times at once', () => {
  const { clock, management, send } = start({ unacknowledged: { stanzas: 10, bytes: 1e9 } });
  send(1, 10);
  assert.not(management.overfull);
  management.request();
  send(11);
  assert.ok(management.overfull);
  assert.not(management.hopeless);
  clock.move(9_999);
  assert.not(management.hopeless);
  management.acknowledge('1'); // it does answer
  send(12);
  clock.move(1);
  assert.ok(management.overfull);
  assert.not(management.hopeless);
  send(13, 42);
  assert.ok(management.hopeless);
  management.acknowledge('42');
  assert.not(management.overfull);
  send(43, 53);
  management.request();
  clock.move(10_000);
  assert.ok(management.hopeless);
});

test('bytes count as stanzas do', () => {
  const { management } = start({ unacknowledged: { stanzas: 1000, bytes: 1000 } });
  const long = outgoing(Stanza.of(xml('message', {}, xml('body', {}, 'x'.repeat(900)))));
  management.sent(long);
  assert.not(management.overfull);
  management.sent(long);
  assert.ok(management.overfull);
  management.acknowledge('2');
  management.sent(long);
  assert.not(management.overfull);
});

test('how long an answer is owed', () => {
  const { clock, management, send } = start();
  send(1);
  assert.is(management.unansweredFor, 0);
  management.request();
  clock.move(500);
  assert.is(management.unansweredFor, 500);
  management.acknowledge('1');
  assert.is(management.unansweredFor, 0);
  assert.is(management.demand(), request);
  clock.move(100);
  assert.is(management.unansweredFor, 100);
  management.acknowledge('1');
  assert.is(management.unansweredFor, 0);
});

test('a resumed stream is asked anew', () => {
  const { management, send } = start();
  send(1, 3);
  management.request();
  management.acknowledge('1');
  management.resumed();
  assert.is(management.request(), request);
});

test('counts are modulo 2³²', () => {
  const { management, received } = start();
  received.position = 0xffffffff;
  assert.is(management.handled, 0xffffffff);
  received.count();
  assert.is(management.handled, 0);
});

const answer = (h: number) => `<a xmlns="${NS.sm}" h="${h}"/>`;

test('the client is told what is durable, at once; and once more what it asked after, when it is', () => {
  const { management, received } = start();
  const take = (...given: boolean[]) => {
    for (const isGiven of given) {
      received.count();
      if (isGiven) received.given();
    }
  };
  take(true, true);
  assert.is(management.answer(), answer(0));
  received.stored(1);
  assert.is(management.progressed(), answer(1));
  assert.is(management.progressed(), '');
  received.stored(2);
  assert.is(management.progressed(), answer(2));
  take(true);
  received.stored(3);
  assert.is(management.progressed(), '', 'it has not asked after that');
  assert.is(management.answer(), answer(3));
});

test('what the edge does itself counts in its turn', () => {
  const { management, received } = start();
  received.count();
  assert.is(management.handled, 1);
  received.count();
  received.given();
  received.count();
  received.count();
  received.given();
  received.count();
  assert.is(management.handled, 1);
  received.stored(2);
  assert.is(management.handled, 3);
  received.stored(4);
  assert.is(management.handled, 5);
});

test('what came before it was enabled does not count', () => {
  const received = new Received();
  received.count();
  received.given();
  const management = new Management('id', true, received, defaultLimits, new HandClock());
  received.count();
  received.given();
  assert.is(management.handled, 0);
  received.stored(2);
  assert.is(management.handled, 1);
});

test('what is acknowledged has a place: the highest', () => {
  const { management } = start();
  for (const place of [0, 30, 10, 0, 40]) management.sent(outgoing(stanza(place), place));
  assert.is(management.acknowledge('1'), 0);
  assert.is(management.acknowledge('4'), 30);
  assert.is(management.acknowledge('5'), 40);
  assert.is(management.acknowledge('5'), 0);
});

for (const [what, unacknowledged] of [
  ['stanzas', { stanzas: 1000, bytes: 1e9 }],
  ['bytes', { stanzas: 1e6, bytes: 1000 * 75 }],
] as const)
  test(`crowded above half of the limit (${what}), until a quarter is left`, () => {
    const { management, send } = start({ unacknowledged });
    assert.is(outgoing(stanza(100)).weight, 75, 'as this test counts');
    send(100, 599);
    assert.not(management.isCrowded);
    send(600);
    assert.ok(management.isCrowded);
    management.acknowledge('250');
    assert.not(management.isRoomy);
    management.acknowledge('251');
    assert.ok(management.isRoomy);
  });

test.run();
