/** What past rounds mean for the next, and when a silent server counts as gone. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Failed, failedByUs } from '../src/upstream/failed.ts';
import { History } from '../src/upstream/history.ts';
import { Liveness } from '../src/upstream/liveness.ts';
import { environment } from '../src/upstream/timing.ts';
import { StreamError } from '../src/wire/error.ts';
import { within } from './lib/process.ts';

/** No chance: the longest delays, nearly. */
const history = () => new History('home', { ...environment, random: () => 1 });
const seconds = (past: History, failed: Failed) => Math.round(past.delay(failed) / 1000);
const lost = new Failed('lost', 'cut');
const down = new Failed('unreachable', 'refused');
const broken = failedByUs(new StreamError('bad-format'));
const held = environment.timing.held;

test('attempts that fail wait longer and longer; a session that held makes that good', () => {
  const past = history();
  const waits = [1, 2, 3].map(() => {
    past.failed(down);
    return seconds(past, down);
  });
  assert.equal(waits, [2, 4, 8]);
  past.ended(lost, held);
  assert.is(seconds(past, lost), 1);
});

test('sessions that never hold do not come back at once for ever', () => {
  const past = history();
  const waits = [1, 2, 3, 4].map(() => {
    past.ended(lost, held - 1);
    return seconds(past, lost);
  });
  assert.equal(waits, [1, 2, 4, 8]);
  const later = Array.from({ length: 8 }, () => {
    past.failed(down);
    past.delay(down);
    past.ended(lost, held - 1);
    return seconds(past, lost);
  });
  assert.equal(later, Array(8).fill(16), 'a network that breaks is not a server that is of no use');
  for (let round = 0; round < 5; round++) {
    past.ended(broken, 0);
    past.delay(broken);
  }
  past.ended(broken, 0);
  assert.ok(seconds(past, broken) > 300);
  past.forgive();
  past.ended(lost, 0);
  assert.is(seconds(past, lost), 1);
});

test('conflicts: another resource each time, no resumption, ever longer waits until a session holds', () => {
  const past = history();
  const conflict = new Failed('conflict', 'replaced');
  const names = new Set<string>();
  const waits = [1, 2, 3].map(() => {
    past.mayResume = true; // a new session has begun
    past.ended(conflict, 0);
    assert.not.ok(past.mayResume);
    assert.match(past.resource, /^home-[0-9a-f]{8}$/);
    names.add(past.resource);
    return seconds(past, conflict);
  });
  assert.equal(waits, [90, 180, 360]);
  assert.is(names.size, 3);
  past.ended(conflict, held);
  assert.is(seconds(past, conflict), 90);
});

test('a session that was resumed in vain is not resumed again', () => {
  const deaf = new Failed('timeout', 'the server is silent');
  const past = history();
  past.ended(deaf, 0);
  assert.ok(past.mayResume);
  deaf.isDeaf = true;
  past.ended(deaf, held);
  assert.not.ok(past.mayResume);
  past.begun();
  assert.ok(past.mayResume);
});

test('resumption is given up after two faults in a row, or two that the server left open', () => {
  const fault = failedByUs(new StreamError('not-well-formed'));
  const open = new Failed('timeout', 'no answer');
  open.atResumption = true;
  for (const failures of [
    [fault, fault],
    [fault, open],
  ]) {
    const past = history();
    past.ended(failures[0]!, 0);
    assert.ok(past.mayResume);
    if (failures[1] === open) past.failed(open);
    else past.ended(failures[1]!, 0);
    assert.not.ok(past.mayResume);
  }
  const past = history();
  for (const failed of [fault, lost, fault]) past.ended(failed, 0);
  assert.ok(past.mayResume);
});

test('silent, slow and answering servers: the first is gone, the second is waited for, the third stays', async () => {
  const gone: string[] = [];
  const spans = { idle: 10_000, reply: 20 };
  const watch = (name: string, done = () => {}) => {
    const liveness = new Liveness(
      spans,
      () => {},
      () => {
        gone.push(name);
        done();
      },
    );
    liveness.asked();
    return liveness;
  };
  let feed: NodeJS.Timeout | undefined;
  let answering: Liveness | undefined;
  const over = new Promise<void>((resolve) => {
    watch('silent');
    const slow = watch('slow', resolve);
    feed = setInterval(() => slow.heard(), 2);
    answering = watch('answering');
    answering.answered();
  });
  await within(5000, () => `gone: ${gone}`, over);
  clearInterval(feed);
  answering!.stop();
  assert.equal(gone, ['silent', 'slow']);
});

test('after silence the server is asked', async () => {
  let liveness: Liveness | undefined;
  await within(
    5000,
    () => 'nobody asked',
    new Promise<void>((resolve) => {
      liveness = new Liveness({ idle: 10, reply: 10_000 }, resolve, () => {});
    }),
  );
  liveness!.stop();
});

test.run();
