/** Small disks, which can become full or read-only. Tests run as root for them. */
import { spawnSync } from 'node:child_process';
import { rmSync, statfsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { run, temporaryFolder } from './process.ts';

export class Disk {
  readonly folder: string;

  private constructor(folder: string) {
    this.folder = folder;
    // before its folder is deleted, which is done at the exit, too
    process.prependOnceListener('exit', () => void spawnSync('umount', ['-l', folder]));
  }

  static async make(megabytes: number): Promise<Disk> {
    const folder = temporaryFolder('disk');
    await run('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m`, 'tmpfs', folder]);
    return new Disk(folder);
  }

  get #ballast(): string {
    return join(this.folder, 'ballast');
  }

  /** To the last octet. */
  fill(): void {
    for (let size = statfsSync(this.folder).bavail * 4096; size >= 1; size = Math.floor(size / 2)) {
      try {
        writeFileSync(this.#ballast, Buffer.alloc(size), { flag: 'a' });
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
      }
    }
  }

  free(): void {
    rmSync(this.#ballast, { force: true });
  }

  /** Whatever is opened from now on can be read alone; what is open for writing stays so. */
  async lock(): Promise<void> {
    await run('mount', ['--bind', this.folder, this.folder]);
    await run('mount', ['-o', 'remount,ro,bind', this.folder]);
  }

  unlock(): Promise<unknown> {
    return run('umount', ['-l', this.folder]);
  }

  close(): Promise<unknown> {
    return run('umount', ['-l', this.folder]).catch(() => {});
  }
}
