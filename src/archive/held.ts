/** A file that is held open: by name and by descriptor. */
import { fstatSync, fsync, openSync, type Stats, statSync } from 'node:fs';
import { promisify } from 'node:util';
import { ArchiveError } from './database.ts';

export interface Held {
  readonly name: string;
  readonly descriptor: number;
  readonly stats: Stats;
}

export function held(name: string, flags: string, mode?: number): Held {
  const descriptor = openSync(name, flags, mode);
  return { name, descriptor, stats: fstatSync(descriptor) };
}

/** Before what is written counts as kept. Linux writes on to a file that was removed, and nobody would find it again. */
export function checkThere({ name, stats }: Pick<Held, 'name' | 'stats'>): void {
  const now = statSync(name, { throwIfNoEntry: false });
  if (now?.ino === stats.ino && now.dev === stats.dev) return;
  throw new ArchiveError(`${name} was ${now === undefined ? 'removed' : 'replaced'} while it was in use.`, {
    cause: { code: 'ENOENT' },
  });
}

/** Resolves when all that was written to that descriptor is on the disk; outside of this thread. */
export const toDisk = promisify(fsync);
