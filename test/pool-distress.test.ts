/** What people are told while their archive cannot be written. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Distress } from '../src/pool/distress.ts';

test('root says once that nothing can be kept, why, and that it is over; not each time a brimful disk comes and goes', () => {
  const told: string[] = [];
  const logged: string[] = [];
  let now = 1_700_000_000_000;
  const log = { error: (message: string) => logged.push(message), info: (message: string) => logged.push(message) };
  const distress = new Distress({ tell: (text) => told.push(text), log, user: 'alice', now: () => now });
  const trouble = { reason: '/data/archive/alice.sqlite: the disk is full.', since: now };
  distress.set(undefined);
  distress.set(trouble);
  distress.set({ ...trouble, reason: 'still' });
  assert.is(told.length, 1);
  assert.match(told[0]!, /the disk is full/);
  distress.set(undefined);
  assert.is(told.length, 2);
  assert.match(told[1]!, /again/);
  now += 1000;
  distress.set(trouble);
  distress.set(undefined);
  assert.is(told.length, 2, 'the log has it');
  assert.is(logged.length, 4);
  now += 3600_000;
  distress.set(trouble);
  assert.is(told.length, 3);
  now -= 7200_000; // the clock is set back
  distress.set(undefined);
  distress.set(trouble);
  assert.is(told.length, 5);
});

test.run();
