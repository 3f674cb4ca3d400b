/** Files of exports: each user has a few at most. */
import { readdir, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileName } from '../archive/name.ts';
import type { ExportFormat } from '../link/link.ts';

/** So many stay beside a new one. */
const most = 2;

/** Beside the folder of archives. */
const folderOf = (archiveDir: string): string => join(dirname(archiveDir), 'exports');
const stemOf = (user: string): string => fileName(user).replace(/\.sqlite$/, '-');

/** When the last one was named: no two have one name. */
let last = 0;

/** A name for a new one; the oldest make room. */
export async function newExport(archiveDir: string, user: string, format: ExportFormat): Promise<string> {
  await removeExports(archiveDir, user, most);
  last = Math.max(Date.now(), last + 1);
  const date = new Date(last).toISOString().replace(/\D/g, '');
  return join(folderOf(archiveDir), `${stemOf(user)}${date}.${format === 'json' ? 'jsonl' : 'xml'}`);
}

/** All of a user's, but the newest. */
export async function removeExports(archiveDir: string, user: string, butNewest = 0): Promise<void> {
  const folder = folderOf(archiveDir);
  const names = await readdir(folder).catch(() => []);
  const own = names.filter(
    (name) => name.startsWith(stemOf(user)) && /^\d{17}\.(jsonl|xml)$/.test(name.slice(stemOf(user).length)),
  );
  for (const name of own.sort().slice(0, Math.max(0, own.length - butNewest)))
    await rm(join(folder, name), { force: true });
}
