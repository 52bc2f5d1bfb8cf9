/** Limits and figures of guests, in whichever layout of control groups the machine has. */
import { existsSync } from 'node:fs';
import { readdir, readFile, rmdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { RuntimeError } from '../guest-runtime.port.js';

const ROOT = '/sys/fs/cgroup';
const PERIOD = 100_000;

/** `unified`: only cgroup2. `legacy`: controllers in cgroup v1 (with or without an empty cgroup2 beside, "hybrid"). */
export type CgroupLayout = 'unified' | 'legacy';

export function cgroupLayout(): CgroupLayout {
  return existsSync(join(ROOT, 'cgroup.controllers')) ? 'unified' : 'legacy';
}

export interface CgroupFigures {
  /** Seconds of processor time since the guest started. */
  readonly cpuSeconds: number;
  /** Without the page cache that the kernel would give back. */
  readonly memoryBytes: number;
}

export interface CgroupLimits {
  readonly cpus: number;
  readonly memoryBytes: number;
}

/** The groups of one guest; `path` is relative to each hierarchy's root. */
export class GuestCgroups {
  constructor(
    private readonly path: string,
    private readonly layout: CgroupLayout = cgroupLayout(),
  ) {}

  /** Lines for the guest's LXC configuration: where it lives, and its limits. */
  config(limits: CgroupLimits): string[] {
    return [
      `lxc.cgroup.dir.monitor = ${this.path}/monitor`,
      `lxc.cgroup.dir.monitor.pivot = ${this.path}/pivot`,
      `lxc.cgroup.dir.container = ${this.path}/guest`,
      ...this.settings(limits).map(
        ([, key, value]) => `lxc.${this.layout === 'unified' ? 'cgroup2' : 'cgroup'}.${key} = ${value}`,
      ),
    ];
  }

  async limit(limits: CgroupLimits): Promise<void> {
    for (const [controller, key, value] of this.settings(limits)) {
      const file = join(this.folder(controller), key);
      await writeFile(file, value).catch((cause: NodeJS.ErrnoException) => {
        const why = cause.code === 'EBUSY' ? 'the guest uses more than that right now' : cause.message;
        throw new RuntimeError(`cannot set ${key} to ${value}: ${why}`, { cause });
      });
    }
  }

  async figures(): Promise<CgroupFigures> {
    if (this.layout === 'unified') {
      const cpu = await table(join(this.folder('cpu'), 'cpu.stat'));
      const used = Number(await readFile(join(this.folder('memory'), 'memory.current'), 'utf8'));
      const memory = await table(join(this.folder('memory'), 'memory.stat'));
      return {
        cpuSeconds: (cpu.get('usage_usec') ?? 0) / 1e6,
        memoryBytes: Math.max(0, used - (memory.get('inactive_file') ?? 0)),
      };
    }
    const nanoseconds = Number(await readFile(join(this.folder('cpuacct'), 'cpuacct.usage'), 'utf8'));
    const used = Number(await readFile(join(this.folder('memory'), 'memory.usage_in_bytes'), 'utf8'));
    const memory = await table(join(this.folder('memory'), 'memory.stat'));
    return { cpuSeconds: nanoseconds / 1e9, memoryBytes: Math.max(0, used - (memory.get('total_inactive_file') ?? 0)) };
  }

  /**
   * What the guest read from and wrote to disks since its start. Control groups v1 charge nothing of what btrfs writes, so there its
   * processes are asked; each has the figures of the children it has waited for, so init knows those that are gone.
   */
  async blocks(): Promise<{ readBytes: number; writtenBytes: number }> {
    let [readBytes, writtenBytes] = [0, 0];
    const add = (text: string, reads: RegExp, writes: RegExp) => {
      for (const [, bytes] of text.matchAll(reads)) readBytes += Number(bytes);
      for (const [, bytes] of text.matchAll(writes)) writtenBytes += Number(bytes);
    };
    if (this.layout === 'unified')
      add(
        await readFile(join(this.folder('io'), 'io.stat'), 'utf8').catch(() => ''),
        /\brbytes=(\d+)/g,
        /\bwbytes=(\d+)/g,
      );
    else
      for (const pid of await processesBelow(this.folder('memory')))
        add(
          await readFile(`/proc/${pid}/io`, 'utf8').catch(() => ''),
          /^read_bytes: (\d+)$/gm,
          /^write_bytes: (\d+)$/gm,
        );
    return { readBytes, writtenBytes };
  }

  async freeze(frozen: boolean): Promise<void> {
    if (this.layout === 'unified') await writeFile(join(this.folder('freezer'), 'cgroup.freeze'), frozen ? '1' : '0');
    else await writeFile(join(this.folder('freezer'), 'freezer.state'), frozen ? 'FROZEN' : 'THAWED');
  }

  private folder(controller: string): string {
    return this.layout === 'unified' ? join(ROOT, this.path, 'guest') : join(ROOT, controller, this.path, 'guest');
  }

  private settings(limits: CgroupLimits): [controller: string, key: string, value: string][] {
    const quota = Math.round(limits.cpus * PERIOD);
    return this.layout === 'unified'
      ? [
          ['cpu', 'cpu.max', `${quota} ${PERIOD}`],
          ['memory', 'memory.max', String(limits.memoryBytes)],
        ]
      : [
          ['cpu', 'cpu.cfs_quota_us', String(quota)],
          ['memory', 'memory.limit_in_bytes', String(limits.memoryBytes)],
        ];
  }
}

async function table(file: string): Promise<Map<string, number>> {
  const lines = (await readFile(file, 'utf8')).trim().split('\n');
  return new Map(lines.map((line) => [line.split(' ')[0]!, Number(line.split(' ')[1])]));
}

async function hierarchies(): Promise<string[]> {
  return cgroupLayout() === 'unified'
    ? [ROOT]
    : (await readdir(ROOT, { withFileTypes: true })).filter((e) => e.isDirectory()).map((e) => join(ROOT, e.name));
}

async function walk(folder: string, visit: (folder: string) => Promise<void>): Promise<void> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  for (const entry of entries) if (entry.isDirectory()) await walk(join(folder, entry.name), visit);
  if (existsSync(folder)) await visit(folder);
}

/** Removes a group and all below it from every hierarchy; those with live processes stay. */
export async function removeCgroups(path: string): Promise<void> {
  for (const root of await hierarchies())
    await walk(join(root, path), (folder) => rmdir(folder).catch(() => undefined));
}

/** Host pids of everything in a group and below it, in any hierarchy. */
export async function processesIn(path: string): Promise<number[]> {
  const pids = new Set<number>();
  for (const root of await hierarchies())
    await walk(join(root, path), async (folder) => {
      const text = await readFile(join(folder, 'cgroup.procs'), 'utf8').catch(() => '');
      for (const line of text.split('\n')) if (Number(line) > 0) pids.add(Number(line));
    });
  return [...pids];
}

async function processesBelow(folder: string): Promise<Set<string>> {
  const pids = new Set<string>();
  await walk(folder, async (at) => {
    const text = await readFile(join(at, 'cgroup.procs'), 'utf8').catch(() => '');
    for (const line of text.split('\n')) if (line !== '') pids.add(line);
  });
  return pids;
}
