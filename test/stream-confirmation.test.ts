/** Whether a client without XEP-0198 has what was written to it. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { steady } from '../src/stream/clock.ts';
import { Confirmation } from '../src/stream/confirmation.ts';
import { defaultLimits } from '../src/stream/limits.ts';
import { HandClock } from './lib/edge.ts';

function start(isMute = false) {
  const clock = new HandClock();
  const confirmation = new Confirmation(isMute, defaultLimits, clock);
  /** The id of the ping that stands behind what is written now; undefined: none does. */
  const ping = () => / id="([^"]+)"/.exec(confirmation.request('work.example'))?.[1];
  /** Bytes come, and a while later it is looked after. */
  const lives = () => {
    const heard = clock.now();
    return confirmation.check(heard);
  };
  return { clock, confirmation, ping, lives };
}

test('a ping rides with what is written; its answer confirms all before it, and nothing after', () => {
  const { clock, confirmation, ping } = start();
  assert.is(confirmation.request('work.example'), '', 'nothing to ask after');
  confirmation.written(10);
  const text = confirmation.request('work.example');
  assert.match(text, /^ from="work\.example" type="get" id="[\w-]{13,}"><ping xmlns="urn:xmpp:ping"\/><\/iq>$/);
  confirmation.written(20);
  assert.is(ping(), undefined, 'one is open');
  assert.is(confirmation.answer(/id="([^"]+)"/.exec(text)![1]), 10);
  assert.is(ping(), undefined, 'not so soon');
  clock.move(5000);
  const next = ping();
  assert.ok(next);
  assert.is(confirmation.answer(next), 20);
  clock.move(5000);
  assert.is(ping(), undefined, 'all is confirmed');
});

test('only ids of ours are answers; others cannot be guessed from one', () => {
  const { confirmation, ping } = start();
  assert.is(confirmation.answer('a1'), undefined);
  assert.is(confirmation.answer(undefined), undefined);
  confirmation.written(10);
  const id = ping()!;
  assert.is(start().confirmation.answer(id), undefined);
  assert.is(confirmation.answer(`${id}0`), 0, 'ours to take, but no answer to anything');
  assert.is(confirmation.answer(id), 10);
  assert.is(confirmation.answer(id), 0, 'once');
});

test('whoever ends its stream a moment after has what was written', () => {
  const { clock, confirmation, ping } = start();
  confirmation.written(10);
  ping();
  clock.move(249);
  assert.is(confirmation.ends(), 0, 'it may be on its way');
  clock.move(1);
  confirmation.written(20); // and nobody knows when that will leave
  assert.is(confirmation.ends(), 10);
  ping();
  assert.is(confirmation.ends(), 0);
});

test('a client that lives and does not answer is asked three times; then it is taken at its word', () => {
  const { clock, confirmation, ping, lives } = start();
  confirmation.written(10);
  for (let count = 0; count < 3; count++) {
    assert.ok(ping());
    clock.move(59_999);
    assert.is(lives(), 0);
    assert.is(ping(), undefined, 'it may answer yet');
    clock.move(1);
    assert.is(lives(), 0);
  }
  assert.ok(confirmation.isMute);
  assert.is(ping(), undefined);
  clock.move(9_999);
  assert.is(lives(), 0);
  clock.move(1);
  assert.is(lives(), 10, 'what it sends well after says that it has it');
  confirmation.written(20);
  assert.is(confirmation.check(clock.now()), 0);
});

test('silence is no word: nothing is confirmed by it, however long', () => {
  const { clock, confirmation, ping } = start();
  const heard = clock.now();
  confirmation.written(10);
  assert.ok(ping());
  clock.move(86_400_000);
  assert.is(confirmation.check(heard), 0);
  assert.not(confirmation.isMute);
});

test('a late answer counts, and ends muteness', () => {
  const { clock, confirmation, ping, lives } = start();
  confirmation.written(10);
  const ids = [0, 1, 2].map(() => {
    const id = ping()!;
    clock.move(60_000);
    lives();
    return id;
  });
  assert.ok(confirmation.isMute);
  assert.is(confirmation.answer(ids[1]), 10);
  assert.not(confirmation.isMute);
  confirmation.written(20);
  assert.ok(ping());
});

test('of a client that was mute before, the next session knows', () => {
  const { clock, confirmation, ping, lives } = start(true);
  confirmation.written(10);
  assert.is(ping(), undefined);
  clock.move(10_000);
  assert.is(lives(), 10);
});

test('a clock that is set back an hour does not end the asking', () => {
  let wall = Date.UTC(2030, 0, 1);
  const now = steady(() => wall);
  const confirmation = new Confirmation(false, defaultLimits, { now, after: () => ({ cancel() {} }) });
  const ping = () => / id="([^"]+)"/.exec(confirmation.request('work.example'))?.[1];
  confirmation.written(10);
  assert.is(confirmation.answer(ping()), 10);
  const before = now();
  wall -= 3_600_000;
  assert.is(now(), before);
  confirmation.written(20);
  assert.is(ping(), undefined, 'not so soon');
  wall += 5000;
  assert.is(now(), before + 5000);
  assert.is(confirmation.answer(ping()), 20);
});

test.run();
