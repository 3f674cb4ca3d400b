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
  'ENODEV',
]);

/** It is worth trying again. */
export function isPassing(error: unknown): boolean {
  const { code, cause } = error as { code?: unknown; cause?: unknown };
  if (typeof code === 'string' && (passing.test(code) || system.has(code))) return true;
  return cause !== undefined && isPassing(cause);
}
