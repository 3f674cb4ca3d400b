/** That the machine's clock was set is noticed, once each time. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { ClockWatch } from '../src/clock.ts';
import { people, speaker, stage } from './lib/root.ts';

const hour = 3_600_000;

test('set back, or forward, by a minute or more', () => {
  let [wall, steady] = [1_700_000_000_000, 5000];
  const watch = new ClockWatch(
    () => wall,
    () => steady,
  );
  const after = (set: number): number => {
    steady += 15_000;
    wall += 15_000 + set;
    return watch.look();
  };
  assert.equal([0, -hour, 0, -59_999, hour, 0, 59_999, 60_000, 0].map(after), [0, -hour, 0, 0, hour, 0, 0, 60_000, 0]);
});

test('root tells admins that it was set back, what that means and what to do', () => {
  const on = stage(people());
  on.bot.clockSetBack(hour);
  assert.ok(on.said.length > 0);
  for (const { to, text } of on.said) {
    assert.match(to, /^alice/);
    assert.match(text, /set back by 1 h 0 min; .* 2023-11-14 22:13 UTC/);
    assert.match(text, /none is lost[\s\S]*NTP/);
  }
  on.said.splice(0);
  on.bot.arrived(speaker('alice'));
  assert.equal(on.said, []);
});

test.run();
