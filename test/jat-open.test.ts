/** Requests on their way are found by id, and by whom they are between where several have that id. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { type Open, OpenTable } from '../src/jat/open.ts';
import type { Way } from '../src/jat/types.ts';
import type { Clock } from '../src/wire/clock.ts';
import { parseJid } from '../src/wire/jid.ts';
import { Stanza } from '../src/wire/stanza.ts';
import { xml } from '../src/wire/xml.ts';

const clock: Clock = { now: () => 0, after: () => ({ cancel() {} }) };
const way: Way = { name: 'way', send: () => true };

function stage() {
  const table = new OpenTable(clock, 'run');
  const asked = (id: string, to: string, from: string): [Open, string] => {
    const open: Open = {
      owner: table,
      request: Stanza.of(xml('iq', { type: 'get', id })),
      asker: parseJid('romeo@m.example/orchard'),
      way,
      since: 0,
      deadline: 1000,
      answered() {},
      expired() {},
      name: undefined,
    };
    table.add(open);
    return [open, table.ask(open, to, from)];
  };
  return { table, asked };
}

test('several with one id each find their own, whichever is answered first', () => {
  const orders = [
    [0, 1, 2],
    [2, 1, 0],
    [1, 0, 2],
  ];
  for (const order of orders) {
    const { table, asked } = stage();
    const pairs = [
      ['a', 'x'],
      ['a', 'y'],
      ['b', 'x'],
    ] as const;
    const opens = pairs.map(([to, from]) => asked('1', to, from));
    assert.equal(
      opens.map(([, id]) => id),
      ['1', '1', '1'],
    );
    assert.is(table.take('b', 'y', '1'), undefined);
    assert.is(table.take('x', 'a', '1'), undefined);
    for (const at of order) {
      const [to, from] = pairs[at]!;
      assert.is(table.take(to, from, '1'), opens[at]![0]);
      assert.is(table.take(to, from, '1'), undefined);
    }
    assert.is(table.size, 0);
  }
});

test('between the same two an id is given once, also when the first that had it is gone', () => {
  const { table, asked } = stage();
  const [first] = asked('1', 'a', 'x');
  const [second] = asked('1', 'a', 'y');
  assert.is(table.take('a', 'x', '1'), first);
  const [third, id] = asked('1', 'a', 'y');
  assert.is.not(id, '1');
  assert.is(table.take('a', 'y', '1'), second);
  assert.is(table.take('a', 'y', id), third);
});

test('what was asked and is no more is known, by all three', () => {
  const { table, asked } = stage();
  const long = 'long'.repeat(100);
  for (const id of ['1', long]) {
    const opens = [asked(id, 'a', 'x'), asked(id, 'a', 'y')];
    for (const [open] of opens) table.recall(open);
    for (const [to, from, was] of [
      ['a', 'x', true],
      ['a', 'y', true],
      ['a', 'z', false],
    ] as const) {
      assert.is(table.take(to, from, id), undefined);
      assert.is(table.wasGiven(to, from, id), was);
    }
    for (const [open] of opens) {
      assert.is(table.ask(open, 'b', 'x'), id);
      assert.ok(table.remove(open));
      assert.not.ok(table.remove(open));
    }
  }
});

test.run();
