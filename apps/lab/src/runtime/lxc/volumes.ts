/** Volumes as btrfs subvolumes of the pool: create, clone, snapshot, roll back, limit, measure, back up. */
import { randomUUID } from 'node:crypto';
import { mkdir, open, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { RuntimeVolume } from '../guest-runtime.port.js';
import { RuntimeError } from '../guest-runtime.port.js';
import type { LabPaths } from './lab-names.js';
import type { StoragePool } from './storage-pool.js';

/** What the file system cannot say about a volume. */
interface VolumeFacts {
  /** Who the guest on this volume is: a new value makes its next start a first one (new machine id and host keys). */
  readonly identity?: string;
}

const SAFE = /^[A-Za-z0-9][A-Za-z0-9._+-]*$/;
const UNPACK = ['--numeric-owner', '--xattrs', '--xattrs-include=*', '--acls', '-xpf', '-'];

export class Volumes {
  private usageCache: { readonly at: number; readonly bytes: Promise<Map<string, number>> } | undefined;

  constructor(
    private readonly paths: LabPaths,
    private readonly pool: StoragePool,
    private readonly now: () => number = Date.now,
  ) {}

  path(volume: RuntimeVolume): string {
    return join(this.paths.pool, 'volumes', checked(volume.storage), checked(volume.name));
  }

  async identity(volume: RuntimeVolume): Promise<string | undefined> {
    return (await this.facts(volume)).identity;
  }

  /** From the image file `from.archive`, unpacked once per lab and image into a template that later volumes share. */
  async create(
    volume: RuntimeVolume,
    from: { archive: string } | { empty: true } | { clone: RuntimeVolume; fresh: boolean },
    signal: AbortSignal,
  ): Promise<void> {
    const path = this.path(volume);
    if (await this.exists(path)) return this.resize(volume);
    await this.pool.run('mkdir', ['-p', dirname(path)]);
    if ('empty' in from) {
      await this.pool.run('btrfs', ['subvolume', 'create', path]);
    } else if ('archive' in from) {
      const template = await this.template(from.archive, signal);
      await this.writeFacts(volume, { identity: randomUUID() });
      await this.pool.run('btrfs', ['subvolume', 'snapshot', template, path]);
    } else {
      const source = this.path(from.clone);
      if (!(await this.exists(source)))
        throw new RuntimeError(`volume '${from.clone.storage}:${from.clone.name}' does not exist`);
      await this.writeFacts(volume, from.fresh ? { identity: randomUUID() } : await this.facts(from.clone));
      await this.pool.run('btrfs', ['subvolume', 'snapshot', source, path]);
    }
    await this.resize(volume);
  }

  /** Sets the limit; growing and shrinking alike take effect at once. */
  async resize(volume: RuntimeVolume): Promise<void> {
    const path = this.path(volume);
    await this.mustExist(volume);
    const limit = volume.sizeBytes > 0 ? String(volume.sizeBytes) : 'none';
    // Asked of the pool, not of the volume: a full one has no room even for its new limit.
    const id = (await this.pool.run('btrfs', ['inspect-internal', 'rootid', path])).trim();
    await this.pool.run('btrfs', ['qgroup', 'limit', limit, `0/${id}`, this.paths.pool]);
  }

  /** With its snapshots. */
  async remove(volume: RuntimeVolume): Promise<void> {
    const snapshots = this.snapshots(volume);
    for (const name of await this.list(snapshots)) await this.drop(join(snapshots, name));
    await this.pool.try('rmdir', [snapshots]);
    await this.drop(this.path(volume));
    await rm(this.factsFile(volume), { force: true });
  }

  /** Bytes on disk as the pool accounts for them (compressed, shared parts included), a few seconds old. */
  async usage(volume: RuntimeVolume): Promise<number> {
    if (!this.usageCache || this.now() - this.usageCache.at > 5_000) {
      this.usageCache = { at: this.now(), bytes: this.readUsage() };
    }
    return (await this.usageCache.bytes).get(this.path(volume).slice(this.paths.pool.length + 1)) ?? 0;
  }

  async snapshot(volumes: readonly RuntimeVolume[], snapshot: string): Promise<void> {
    for (const volume of volumes) {
      await this.mustExist(volume);
      await this.pool.run('mkdir', ['-p', this.snapshots(volume)]);
    }
    for (const volume of volumes) {
      const target = join(this.snapshots(volume), checked(snapshot));
      if (!(await this.exists(target)))
        await this.pool.run('btrfs', ['subvolume', 'snapshot', '-r', this.path(volume), target]);
    }
  }

  async rollback(volumes: readonly RuntimeVolume[], snapshot: string): Promise<void> {
    for (const volume of volumes) {
      if (!(await this.exists(join(this.snapshots(volume), checked(snapshot)))))
        throw new RuntimeError(`snapshot '${snapshot}' of volume '${volume.storage}:${volume.name}' does not exist`);
    }
    for (const volume of volumes) {
      await this.drop(this.path(volume));
      await this.pool.run('btrfs', [
        'subvolume',
        'snapshot',
        join(this.snapshots(volume), snapshot),
        this.path(volume),
      ]);
      await this.resize(volume);
    }
  }

  async removeSnapshot(volumes: readonly RuntimeVolume[], snapshot: string): Promise<void> {
    for (const volume of volumes) await this.drop(join(this.snapshots(volume), checked(snapshot)));
  }

  /**
   * One tar stream of all volumes as they were at one moment, each under its index (`0/`, `1/` …), compressed with zstd.
   * Sockets are left out (tar cannot hold them); nothing half-written stays behind.
   */
  async backup(
    volumes: readonly RuntimeVolume[],
    file: string,
    signal: AbortSignal,
    inOneMoment: (action: () => Promise<void>) => Promise<void> = (action) => action(),
  ): Promise<void> {
    const moment = `backup-${randomUUID()}`;
    const folder = join(this.paths.pool, 'trash', moment);
    const partial = `${file}.${process.pid}.partial`;
    await this.pool.run('mkdir', ['-p', folder]);
    try {
      for (const volume of volumes) await this.mustExist(volume);
      await inOneMoment(async () => {
        for (const [index, volume] of volumes.entries())
          await this.pool.run('btrfs', ['subvolume', 'snapshot', '-r', this.path(volume), join(folder, String(index))]);
      });
      const handle = await open(partial, 'w', 0o600);
      try {
        const script =
          'set -o pipefail; tar -C "$1" --numeric-owner --xattrs --xattrs-include="*" --acls --sparse --warning=no-file-ignored -cf - . | zstd -q -3 -T2 -c';
        await this.pool.run('bash', ['-c', script, 'backup', folder], {
          timeoutMs: 6 * 3_600_000,
          signal,
          stdoutFd: handle.fd,
        });
        await handle.sync();
      } finally {
        await handle.close();
      }
      await rename(partial, file);
    } finally {
      await rm(partial, { force: true });
      for (const index of volumes.keys()) await this.drop(join(folder, String(index)));
      await this.pool.try('rmdir', [folder]);
    }
  }

  /** Replaces the content of the volumes by what `backup` wrote, in the same order. Only whole: a broken file changes nothing. */
  async restore(volumes: readonly RuntimeVolume[], file: string, signal: AbortSignal): Promise<void> {
    const folder = join(this.paths.pool, 'trash', `restore-${randomUUID()}`);
    await this.pool.run('mkdir', ['-p', folder]);
    try {
      for (const index of volumes.keys())
        await this.pool.run('btrfs', ['subvolume', 'create', join(folder, String(index))]);
      await this.unpack(file, folder, signal);
      for (const [index, volume] of volumes.entries()) {
        await this.drop(this.path(volume));
        await this.pool.run('mkdir', ['-p', dirname(this.path(volume))]);
        await this.pool.run('mv', [join(folder, String(index)), this.path(volume)]);
        await this.resize(volume);
      }
    } finally {
      for (const name of await this.list(folder)) await this.drop(join(folder, name));
      await this.pool.try('rmdir', [folder]);
    }
  }

  private async template(archive: string, signal: AbortSignal): Promise<string> {
    const name = checked(
      archive
        .split('/')
        .at(-1)!
        .replace(/\.tar(\.\w+)?$/, ''),
    );
    const template = join(this.paths.pool, 'templates', name);
    if (await this.exists(template)) return template;
    const fresh = join(this.paths.pool, 'trash', `template-${randomUUID()}`);
    await this.pool.run('btrfs', ['subvolume', 'create', fresh]);
    try {
      await this.unpack(archive, fresh, signal);
      await this.pool.run('mv', ['-T', fresh, template]);
    } catch (cause) {
      await this.drop(fresh);
      // Somebody else was faster.
      if (!(await this.exists(template))) throw cause;
    }
    return template;
  }

  private async unpack(archive: string, folder: string, signal: AbortSignal): Promise<void> {
    const handle = await open(archive, 'r').catch((cause: Error) => {
      throw new RuntimeError(`cannot read ${archive}: ${cause.message}`, { cause });
    });
    const decompress = /\.zst$/.test(archive)
      ? 'zstd -dcq'
      : /\.gz$/.test(archive)
        ? 'gzip -dc'
        : /\.xz$/.test(archive)
          ? 'xz -dc'
          : 'cat';
    try {
      const script = `set -o pipefail; ${decompress} | tar -C "$1" ${UNPACK.map((a) => `'${a}'`).join(' ')}`;
      await this.pool.run('bash', ['-c', script, 'unpack', folder], {
        timeoutMs: 6 * 3_600_000,
        signal,
        stdinFd: handle.fd,
      });
    } finally {
      await handle.close();
    }
  }

  /** Moves a subvolume away (at once) and deletes it with all that guests nested in it. Missing is fine. */
  private async drop(path: string): Promise<void> {
    if (!(await this.exists(path))) return;
    const trash = join(this.paths.pool, 'trash', randomUUID());
    await this.pool.run('mv', ['-T', path, trash]).catch(async () => {
      // A read-only snapshot cannot be moved: its `..` would change.
      await this.pool.run('btrfs', ['property', 'set', '-f', '-ts', path, 'ro', 'false']);
      await this.pool.run('mv', ['-T', path, trash]);
    });
    await this.deleteTree(trash);
  }

  private async deleteTree(path: string): Promise<void> {
    const simple = await this.pool.try('btrfs', ['subvolume', 'delete', path]);
    if (simple.exitCode === 0) return;
    const nested = await this.pool.run('btrfs', ['subvolume', 'list', '-o', path]);
    for (const line of nested.split('\n')) {
      const inner = / path (.+)$/.exec(line)?.[1];
      if (inner) await this.deleteTree(join(this.paths.pool, inner));
    }
    await this.pool.run('btrfs', ['subvolume', 'delete', path]);
  }

  private async readUsage(): Promise<Map<string, number>> {
    const sizes = new Map<string, number>();
    const table = await this.pool.run('btrfs', ['qgroup', 'show', '--raw', this.paths.pool]);
    for (const line of table.split('\n')) {
      const match = /^0\/\d+\s+(\d+)\s+\d+\s+(.+?)\s*$/.exec(line);
      if (match) sizes.set(match[2]!, Number(match[1]));
    }
    return sizes;
  }

  private snapshots(volume: RuntimeVolume): string {
    return join(this.paths.pool, 'snapshots', checked(volume.storage), checked(volume.name));
  }

  private factsFile(volume: RuntimeVolume): string {
    return join(this.paths.volumes, checked(volume.storage), `${checked(volume.name)}.json`);
  }

  private async facts(volume: RuntimeVolume): Promise<VolumeFacts> {
    const text = await readFile(this.factsFile(volume), 'utf8').catch(() => '{}');
    return JSON.parse(text) as VolumeFacts;
  }

  private async writeFacts(volume: RuntimeVolume, facts: VolumeFacts): Promise<void> {
    const file = this.factsFile(volume);
    await mkdir(dirname(file), { recursive: true });
    await writeFile(`${file}.new`, JSON.stringify(facts));
    await rename(`${file}.new`, file);
  }

  private async exists(path: string): Promise<boolean> {
    return (await this.pool.try('test', ['-d', path])).exitCode === 0;
  }

  private async mustExist(volume: RuntimeVolume): Promise<void> {
    if (!(await this.exists(this.path(volume))))
      throw new RuntimeError(`volume '${volume.storage}:${volume.name}' does not exist`);
  }

  private async list(folder: string): Promise<string[]> {
    return (await this.pool.try('ls', ['-1A', folder])).stdout.toString().split('\n').filter(Boolean);
  }
}

function checked(name: string): string {
  if (!SAFE.test(name))
    throw new RuntimeError(`'${name}' cannot be the name of a volume, storage or snapshot of the lab`);
  return name;
}
