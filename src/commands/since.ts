/** A point in the past, as people write it. */
import { UsageError } from './error.ts';
import { visible } from './words.ts';

const units: Record<string, number> = {
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
  m: 2_629_800_000,
  y: 31_557_600_000,
};

/** `12h`, `3d`, `2w`, `6m`, `1y`, or a date (UTC) → milliseconds since the epoch. */
export function readSince(text: string, now: number): number {
  const word = visible(text).trim().toLowerCase();
  const [, number, unit] = /^(\d{1,4}) ?([hdwmy])/.exec(word) ?? [];
  if (number !== undefined && unit !== undefined) return now - Number(number) * units[unit]!;
  const date = /^\d{4}-\d{2}-\d{2}$/.test(word) ? Date.parse(word) : Number.NaN;
  if (Number.isNaN(date)) throw new UsageError('since: `12h`, `3d`, `2w`, `6m`, or a date like 2026-01-31.');
  return date;
}
