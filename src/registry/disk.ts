/** The few things the registry asks of a file system, each done for good when it resolves. */
import { mkdir, open, readFile, rename, rm } from 'node:fs/promises';

export interface Disk {
  /** Undefined if there is no such file. */
  read(path: string): Promise<string | undefined>;
  /** Contents are on the disk, the name perhaps not yet. */
  write(path: string, text: string): Promise<void>;
  rename(from: string, to: string): Promise<void>;
  /** Names in the folder are on the disk. */
  syncFolder(path: string): Promise<void>;
  remove(path: string): Promise<void>;
  makeFolder(path: string): Promise<void>;
}

/** Everything here is for the owner alone: it holds verifiers, sealed secrets and perhaps the key. */
export const disk: Disk = {
  async read(path) {
    try {
      return await readFile(path, 'utf8');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw error;
    }
  },
  async write(path, text) {
    const file = await open(path, 'w', 0o600);
    try {
      await file.writeFile(text);
      await file.sync();
    } finally {
      await file.close();
    }
  },
  rename,
  async syncFolder(path) {
    const folder = await open(path, 'r');
    try {
      await folder.sync();
    } finally {
      await folder.close();
    }
  },
  remove: (path) => rm(path, { force: true }),
  async makeFolder(path) {
    await mkdir(path, { recursive: true, mode: 0o700 });
  },
};

/** Why a file system refused, in plain words. */
export function reasonOf(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  return (code && reasons[code]) || message || String(error);
}

const reasons: Record<string, string> = {
  ENOSPC: 'the disk is full',
  EDQUOT: 'the disk quota is used up',
  EROFS: 'the disk is read-only',
  EACCES: 'permission denied',
  EPERM: 'not permitted',
  EIO: 'the disk has an error',
  ENOENT: 'the folder is gone',
  EMFILE: 'too many open files',
};
