/** A database that was found damaged is looked at again when somebody has put another in its place. */
import { renameSync, type Stats, statSync } from 'node:fs';

/** What the file and its log looked like then. */
export interface Damage {
  error: unknown;
  file: Stats | undefined;
  log: Stats | undefined;
}

const seen = (file: string): Stats | undefined => statSync(file, { throwIfNoEntry: false });

export const damageOf = (file: string, error: unknown): Damage => ({
  error,
  file: seen(file),
  log: seen(`${file}-wal`),
});

/** Throws while nobody has changed it. The log of a file that was damaged would spoil the one that is there in its place. */
export function checkAgain(file: string, damage: Damage): void {
  const now = seen(file);
  const { ino, size, mtimeMs } = damage.file ?? {};
  if (now?.ino === ino && now?.size === size && now?.mtimeMs === mtimeMs) throw damage.error;
  const log = seen(`${file}-wal`);
  if (log !== undefined && log.ino === damage.log?.ino && now?.ino !== ino)
    renameSync(`${file}-wal`, `${file}-wal.damaged`);
}
