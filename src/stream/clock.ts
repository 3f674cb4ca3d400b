/** The machine's time. */
import type { Clock } from '../wire/clock.ts';

/** Where a clock is set back time goes on all the same: what is asked every five seconds is not to rest for an hour. */
export function steady(wall: () => number): () => number {
  let last = Number.NEGATIVE_INFINITY;
  let behind = 0;
  return () => {
    const now = wall() + behind;
    if (now < last) behind += last - now;
    else last = now;
    return last;
  };
}

export const systemClock: Clock = {
  now: steady(Date.now),
  after(milliseconds, run) {
    const timer = setTimeout(run, milliseconds);
    return { cancel: () => clearTimeout(timer) };
  },
};
