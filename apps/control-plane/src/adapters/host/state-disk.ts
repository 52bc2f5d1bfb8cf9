import { statfs } from 'node:fs/promises';
import { hostname } from 'node:os';
import type { OwnDisk } from '../../application/notifications/watch-world.js';

/** The file system of the state folder. */
export class StateDisk implements OwnDisk {
  readonly host = hostname();

  constructor(private readonly directory: string) {}

  async free(): Promise<{ readonly freeBytes: number; readonly totalBytes: number }> {
    const { bavail, blocks, bsize } = await statfs(this.directory);
    return { freeBytes: bavail * bsize, totalBytes: blocks * bsize };
  }
}
