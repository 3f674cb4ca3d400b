/** How long what may take with real servers. */
import type { Timing } from './types.ts';

export const usual: Timing = {
  connect: 10_000,
  answer: 20_000,
  idle: 60_000,
  reply: 20_000,
  stalled: 30_000,
  held: 60_000,
  quick: 500,
  backoff: { least: 1000, most: 60_000 },
};
