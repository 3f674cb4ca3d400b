/** Which faults of SQLite may pass: what is in the way is outside the program. */

const passing = /^SQLITE_(FULL|IOERR|READONLY|CANTOPEN|BUSY|LOCKED|NOMEM|CORRUPT|NOTADB|PERM|PROTOCOL|AUTH|NOLFS)/;
const system = new Set([
  'ENOSPC',
  'EDQUOT',
  'EROFS',
  'EACCES',
  'EPERM',
  'ENOENT',
  'EIO',
  'EMFILE',
  'ENFILE',
  'ENOTDIR',
  'EEXIST',
  'ENODEV',
]);

/** It is worth trying again. */
export function isPassing(error: unknown): boolean {
  const code = codeOf(error);
  return passing.test(code) || system.has(code);
}

/** SQLite's code for what is at the bottom of it. */
export function codeOf(error: unknown): string {
  const { code, cause } = error as { code?: unknown; cause?: unknown };
  if (typeof code === 'string') return code;
  return cause === undefined ? '' : codeOf(cause);
}

/** The disk is, or as much of it as this user of it may have. SQLite says so in another way of the file beside a log. */
export const isFull = (error: unknown): boolean =>
  /^(ENOSPC|EDQUOT|SQLITE_FULL|SQLITE_IOERR_SHMSIZE)/.test(codeOf(error));

/** The file's content makes no sense. */
export const isDamage = (error: unknown): boolean => /^SQLITE_(CORRUPT|NOTADB)/.test(codeOf(error));

/** The file that is open is of no use any more. */
export const isLoss = (error: unknown): boolean =>
  isDamage(error) || /^(ENOENT|SQLITE_(CANTOPEN|READONLY))/.test(codeOf(error));
