import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Thrift } from '../src/thrift.ts';

/** Rounds of a second, each with that share of a core used; what was told in each, if anything. */
function told(shares: readonly number[]): (boolean | undefined)[] {
  let used = 0;
  let now = 0;
  let last: boolean | undefined;
  const thrift = new Thrift({ used: () => used, now: () => now }, (saves) => {
    last = saves;
  });
  return shares.map((share) => {
    last = undefined;
    now += 1000;
    used += share * 1000;
    thrift.turn();
    return last;
  });
}

test('a process with nothing to do saves memory, one with work does not', () => {
  assert.equal(told([0.9, 0.01, 0, 0.5, 1.8]), [undefined, true, undefined, false, undefined]);
});

test('a little work changes nothing either way', () => {
  assert.equal(told([0.1, 0.1, 0.01, 0.1, 0.1, 0.2, 0.1]), [
    ...[undefined, undefined, true],
    ...[undefined, undefined, false, undefined],
  ]);
});

test('a late round counts for as long as it took', () => {
  let now = 0;
  let used = 0;
  const changes: boolean[] = [];
  const thrift = new Thrift({ used: () => used, now: () => now }, (saves) => changes.push(saves));
  now = 10_000;
  used = 200;
  thrift.turn();
  assert.equal(changes, [true], '200 ms in ten seconds are little');
});

test.run();
