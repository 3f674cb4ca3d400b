import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Lately } from '../src/wire/bounded.ts';

test('what was set lately is known, what was set long ago is not', () => {
  const known = new Lately<number, string>(3);
  for (let key = 1; key <= 20; key++) {
    known.set(key, `value ${key}`);
    for (let age = 0; age < Math.min(3, key); age++) assert.is(known.get(key - age), `value ${key - age}`);
    assert.is(known.get(key - 6), undefined);
  }
});

test('what is set again counts from then on, with its new value', () => {
  const known = new Lately<string, number>(2);
  known.set('kept', 1);
  for (const other of ['a', 'b', 'c', 'd', 'e']) {
    known.set('kept', (known.get('kept') ?? 0) + 1);
    known.set(other, 0);
  }
  assert.is(known.get('kept'), 6);
  assert.is(known.get('a'), undefined);
});

test.run();
