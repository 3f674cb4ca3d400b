/** Small disks, which can become full, read-only or faulty. Tests run as root for them. */
import { mkdirSync, rmSync, statfsSync, truncateSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { run, temporaryFolder } from './process.ts';

export class Disk {
  readonly folder: string;

  private constructor(folder: string) {
    this.folder = folder;
    process.once('exit', () => this.close());
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
    rmSync(this.#ballast);
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

/** One of whose faults its system takes notice: it is read-only then, for whoever writes as well, until it was checked. */
export class FaultyDisk {
  readonly folder: string;
  readonly #image: string;

  private constructor(home: string) {
    this.#image = join(home, 'image');
    this.folder = join(home, 'disk');
    process.once('exit', () => this.close());
  }

  static async make(megabytes: number): Promise<FaultyDisk> {
    const disk = new FaultyDisk(temporaryFolder('faulty'));
    mkdirSync(disk.folder);
    writeFileSync(disk.#image, '');
    truncateSync(disk.#image, megabytes << 20);
    await run('mkfs.ext4', ['-q', disk.#image]);
    await disk.#mount();
    return disk;
  }

  async #mount(): Promise<void> {
    await run('mount', ['-o', 'loop,errors=remount-ro', this.#image, this.folder]);
  }

  async fail(): Promise<void> {
    const device = basename((await run('findmnt', ['-no', 'SOURCE', this.folder])).trim());
    writeFileSync(`/sys/fs/ext4/${device}/trigger_fs_error`, '1');
  }

  /** Nobody may have anything open there. */
  async mend(): Promise<void> {
    await run('umount', [this.folder]);
    await run('e2fsck', ['-p', this.#image]).catch(({ code }) => {
      if (code !== 1) throw new Error(`e2fsck ends with ${code}`); // 1: it has mended something
    });
    await this.#mount();
  }

  close(): Promise<unknown> {
    return run('umount', ['-l', this.folder]).catch(() => {});
  }
}
