/** File names of stores. */
import { createHash } from 'node:crypto';

/** Most file systems allow 255 octets; SQLite and backups add endings. */
const longest = 200;

/**
 * `alice` → `alice.sqlite`; what could mean something to a file system or a shell is written %XX of its UTF-8,
 * `romeo\40home.example` → `romeo%5C40home.example.sqlite`. A name too long for a file ends in its SHA-256.
 */
export function fileName(user: string): string {
  const name = Buffer.from(user)
    .toString('latin1')
    .replace(/[^a-z0-9._-]|^\./g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`);
  if (name.length <= longest) return `${name}.sqlite`;
  return `${name.slice(0, longest - 65)}%${createHash('sha256').update(user).digest('hex')}.sqlite`;
}
