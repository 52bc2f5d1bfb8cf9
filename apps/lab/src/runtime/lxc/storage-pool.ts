/**
 * The lab's disk: a btrfs in a sparse file, mounted in a mount namespace of the lab's own. The namespace is pinned by a
 * file, not held by a process, so it outlives the lab; and because it is private, no other program of the machine can
 * come by a copy of the mount and keep the loop device busy after the lab is gone.
 */
import { mkdir, rm, stat, statfs, writeFile } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { RuntimeError } from '../guest-runtime.port.js';
import type { LabPaths } from './lab-names.js';
import type { CommandOptions, CommandResult } from './run-command.js';
import { runCommand, tryCommand } from './run-command.js';

/** f_type of nsfs, where namespaces are files (linux/magic.h). */
const NSFS_MAGIC = 0x6e736673;
const GIB = 1024 ** 3;

export class StoragePool {
  constructor(private readonly paths: LabPaths) {}

  /** Idempotent: makes file, file system, namespace and mount as far as they are missing. */
  async open(sizeBytes: number | undefined, signal: AbortSignal): Promise<void> {
    const { paths } = this;
    await mkdir(paths.pool, { recursive: true });
    if (!(await stat(paths.poolFile).catch(() => undefined))) {
      const disk = await statfs(paths.root);
      // Sparse, but never promising more than most of what the disk could still give.
      const size = sizeBytes ?? Math.floor(Math.min(256 * GIB, disk.bavail * disk.bsize * 0.8));
      if (size < GIB)
        throw new RuntimeError(
          `no room for the lab's disk in ${paths.root}: ${Math.floor(size / 1024 ** 2)} MiB usable`,
        );
      const fresh = `${paths.poolFile}.new`;
      await rm(fresh, { force: true });
      await runCommand('truncate', ['-s', String(size), fresh]);
      await runCommand('mkfs.btrfs', ['-q', fresh], { signal });
      await runCommand('mv', [fresh, paths.poolFile]);
    }
    if (!(await this.pinned())) {
      await writeFile(paths.mountNamespace, '');
      // Slave, so that namespaces of networks made later in /run/netns show up inside.
      await runCommand('unshare', [`--mount=${paths.mountNamespace}`, '--propagation', 'slave', 'true']);
    }
    if (!(await this.isMounted(paths.pool))) {
      await this.run('mount', ['-o', 'loop,compress=zstd:1,noatime', paths.poolFile, paths.pool]);
      await this.run('btrfs', ['quota', 'enable', paths.pool]);
      await this.run('mkdir', [
        '-p',
        '-m',
        '0711',
        ...['templates', 'volumes', 'snapshots', 'trash'].map((d) => `${paths.pool}/${d}`),
      ]);
    }
    if (!(await this.isMounted(paths.view))) {
      await this.run('mount', ['-t', 'tmpfs', '-o', 'mode=0755,size=64k', 'bastide', dirname(paths.view)]);
      await this.run('mkdir', [paths.view]);
      await this.run('mount', ['--rbind', paths.root, paths.view]);
    }
  }

  /** Unmounts and lets the namespace go; the file with the volumes stays. */
  async close(): Promise<void> {
    if (!(await this.pinned())) return;
    if (await this.isMounted(this.paths.view)) await this.run('umount', ['-R', dirname(this.paths.view)]);
    if (await this.isMounted(this.paths.pool)) await this.run('umount', [this.paths.pool]);
    await runCommand('umount', [this.paths.mountNamespace]);
    await rm(this.paths.mountNamespace, { force: true });
  }

  /** A path below `root` as guests reach it. */
  seen(path: string): string {
    return join(this.paths.view, relative(this.paths.root, path));
  }

  private async isMounted(path: string): Promise<boolean> {
    return (await this.try('mountpoint', ['-q', path])).exitCode === 0;
  }

  async pinned(): Promise<boolean> {
    return (await statfs(this.paths.mountNamespace).catch(() => undefined))?.type === NSFS_MAGIC;
  }

  /** What to put before a command so that it sees the volumes. */
  inside(command: string, args: readonly string[]): [string, string[]] {
    return ['/usr/bin/nsenter', [`--mount=${this.paths.mountNamespace}`, '--', command, ...args]];
  }

  run(command: string, args: readonly string[], options?: CommandOptions): Promise<string> {
    return runCommand(...this.inside(command, args), options);
  }

  try(command: string, args: readonly string[], options?: CommandOptions): Promise<CommandResult> {
    return tryCommand(...this.inside(command, args), options);
  }
}
