/** When to try again: exponential backoff with full jitter, so that a server that comes back is not met by all at once. */

/** In milliseconds. */
export interface Backoff {
  /** The longest wait after a session that held. */
  quick: number;
  backoff: { least: number; most: number };
}

/** `failures`: attempts in a row that came to nothing; 0 after a session that held. */
export function retryAfter(failures: number, { quick, backoff }: Backoff, random: () => number): number {
  if (failures === 0) return random() * quick;
  return backoff.least + random() * (ceiling(backoff.least, failures, backoff.most) - backoff.least);
}

/** After `conflict`s in a row (1, 2, …). Never at once: whoever took our place would be thrown out, and do the same. */
export function retryAfterConflict(
  conflicts: number,
  { conflict, backoff }: Pick<Backoff, 'backoff'> & { conflict: number },
  random: () => number,
): number {
  const base = ceiling(conflict, conflicts - 1, Math.max(conflict, backoff.most));
  return base * (1 + random() / 2);
}

const ceiling = (least: number, doublings: number, most: number): number =>
  Math.min(most, least * 2 ** Math.min(doublings, 30));

/** Resolves after so many milliseconds, when `signal` is aborted, or when what `wake` is given is called. */
export function pause(time: number, signal: AbortSignal, wake: (done: () => void) => void): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      wake(() => {});
      resolve();
    };
    const timer = setTimeout(done, time);
    signal.addEventListener('abort', done);
    wake(done);
  });
}
