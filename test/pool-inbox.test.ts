/** Clients are not read while what they said is not durable and too much. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Inbox } from '../src/pool/inbox.ts';
import { saying } from './lib/crowd.ts';

function start() {
  const paused = new Set<number>();
  const inbox = new Inbox({ pause: (sid) => void paused.add(sid), resume: (sid) => void paused.delete(sid) });
  return { inbox, paused: () => [...paused] };
}

/** 100 KB with what it costs to keep. */
const big = saying('x'.repeat(100_000 - 64 - saying('', 'x').rest.length), 'x');

test('above 1 MiB that is not durable all of its clients wait, until it is half of that', () => {
  const { inbox, paused } = start();
  inbox.attach(1);
  inbox.attach(2);
  for (let position = 1; position <= 10; position++) inbox.add(1, position, big);
  assert.equal(paused(), []);
  inbox.add(2, 1, big);
  assert.equal(paused(), [1, 2]);
  inbox.attach(3);
  assert.equal(paused(), [1, 2, 3], 'who comes now, too');
  inbox.stored(1, 5);
  assert.equal(paused(), [1, 2, 3]);
  inbox.stored(1, 6);
  assert.equal(paused(), []);
});

test('a session that is over holds nobody up any more', () => {
  const { inbox, paused } = start();
  inbox.attach(1);
  inbox.attach(2);
  for (let position = 1; position <= 11; position++) inbox.add(1, position, big);
  assert.equal(paused(), [1, 2]);
  inbox.detach(1);
  assert.equal(paused(), []);
});

test('many in small steps', () => {
  const { inbox, paused } = start();
  inbox.attach(1);
  for (let position = 1; position <= 3000; position++) {
    inbox.add(1, position, big);
    if (position > 4) inbox.stored(1, position - 4);
  }
  assert.equal(paused(), []);
});

test.run();
