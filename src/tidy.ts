/** What of the varying fields of a log line is written: no secrets, nothing endless. */

export type Field = string | number | boolean | null | Field[] | { [name: string]: Field };

/** Names of things that are never written, wherever they stand: `password`, `PROXY_KEY`, `storedKey`, `accessToken`, … */
const secret = /password|passwd|passphrase|^pass$|secret|token|proof|credential|verifier|(^|[_-])key$|[a-z]Key$/i;
const longest = 4000;
const deepest = 4;
const most = 50;

export function tidy(fields: object): Record<string, Field> {
  return record(fields, 0);
}

function record(value: object, depth: number): Record<string, Field> {
  const result: Record<string, Field> = {};
  for (const [name, field] of Object.entries(value).slice(0, most)) {
    if (field === undefined) continue;
    // Ours come first in a JSON line and must stay what they are.
    const own = depth === 0 && ['time', 'level', 'message'].includes(name) ? `${name}_` : name;
    result[own] = secret.test(name) ? '***' : one(field, depth + 1);
  }
  return result;
}

function one(value: unknown, depth: number): Field {
  switch (typeof value) {
    case 'string':
      return value.length > longest ? `${value.slice(0, longest)}… (${value.length})` : value;
    case 'number':
      return Number.isFinite(value) ? value : String(value);
    case 'boolean':
      return value;
    case 'object':
      return value === null ? null : composed(value, depth);
    default:
      return String(value); // bigint, symbol, function
  }
}

function composed(value: object, depth: number): Field {
  if (value instanceof Error) return failure(value, depth);
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? 'no date' : value.toISOString();
  if (ArrayBuffer.isView(value)) return `${value.byteLength} bytes`;
  if (depth > deepest) return '…';
  if (value instanceof Set) return one([...value], depth);
  if (value instanceof Map) return record(Object.fromEntries(value), depth);
  if (Array.isArray(value)) return value.slice(0, most).map((item) => one(item, depth + 1));
  return record(value, depth);
}

/** What happened and where, the cause too; other fields of an error may hold anything. */
function failure(error: Error, depth: number): Field {
  const { code, condition } = error as { code?: unknown; condition?: unknown };
  const frames = (error.stack ?? '').split('\n').filter((line) => /^\s+at /.test(line));
  return {
    error: one(`${error.name}: ${error.message}`, depth),
    ...(typeof code === 'string' && { code }),
    ...(typeof condition === 'string' && { condition }),
    stack: frames.slice(0, 8).map((line) => line.trim().slice(3, 203)),
    ...(error.cause !== undefined && depth < deepest && { cause: one(error.cause, depth + 1) }),
  };
}
