/** vzdump of one guest: archive with its configuration, names and log lines as the real ones, notes, protection. */
import { mkdirSync, rmSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Lab } from '../lab.js';
import { formatSize } from '../schema/formats.js';
import type { Guest, GuestConfig, Volume } from '../state/model.js';
import { hasFeature } from '../storage/features.js';
import { checkSpace, loadStorage } from '../storage/storages.js';
import { isReal, runtimeVolume } from '../storage/volumes.js';
import type { TaskContext } from '../tasks/tasks.js';
import { isCloudInit, ownDisks } from './disks.js';
import { checkLock, withConfigLock, withGuestLock } from './guests.js';
import { boot, halt, shutdownLocked } from './power.js';

export interface BackupOptions {
  readonly storage: string;
  readonly mode: string;
  readonly compress: string;
  /** Escapes and variables already replaced. */
  readonly notes?: string;
  readonly protected: boolean;
}

const SUFFIX: Readonly<Record<string, string>> = { zstd: '.zst', gzip: '.gz', '1': '.lzo', lzo: '.lzo' };
/** Seconds a guest has to shut down for a backup in mode `stop`. */
const STOP_SECONDS = 600;

/** Where an archive's bytes lie in the lab's folder. */
export const archiveFile = (lab: Lab, archive: Volume) => join(lab.stateDir, archive.file ?? join('files', 'none'));

const two = (value: number) => String(value).padStart(2, '0');
function parts(milliseconds: number) {
  const date = new Date(milliseconds);
  return {
    day: [date.getFullYear(), two(date.getMonth() + 1), two(date.getDate())],
    time: [two(date.getHours()), two(date.getMinutes()), two(date.getSeconds())],
  };
}
const readable = (milliseconds: number) => {
  const { day, time } = parts(milliseconds);
  return `${day.join('-')} ${time.join(':')}`;
};
const stamp = (milliseconds: number) => {
  const { day, time } = parts(milliseconds);
  return `${day.join('_')}-${time.join('_')}`;
};
const duration = (milliseconds: number) => {
  const seconds = Math.floor(milliseconds / 1000);
  return [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60].map(two).join(':');
};
/** Kilobytes and megabytes whole, above with two places. */
function archiveSize(bytes: number): string {
  const kib = bytes / 1024;
  if (kib < 1024) return `${Math.floor(kib)}KB`;
  if (kib < 1024 ** 2) return `${Math.floor(kib / 1024)}MB`;
  return kib < 1024 ** 3 ? `${(kib / 1024 ** 2).toFixed(2)}GB` : `${(kib / 1024 ** 3).toFixed(2)}TB`;
}

/** Which disks go into the archive; says so in the log. */
function included(lab: Lab, guest: Guest, task: TaskContext) {
  const result = [];
  for (const disk of ownDisks(lab, guest).filter((one) => !one.isCdrom)) {
    if (guest.type === 'qemu') {
      const wanted = disk.values.backup !== '0';
      task.log(
        wanted
          ? `INFO: include disk '${disk.key}' '${disk.file}' ${formatSize(disk.volume.size)}`
          : `INFO: exclude disk '${disk.key}' '${disk.file}' (backup=no)`,
      );
      if (wanted) result.push(disk);
      continue;
    }
    const path = disk.key === 'rootfs' ? '/' : (disk.values.mp ?? '');
    const wanted = disk.key === 'rootfs' || disk.values.backup === '1';
    task.log(
      wanted
        ? `INFO: including mount point ${disk.key} ('${path}') in backup`
        : `INFO: excluding volume mount point ${disk.key} ('${path}') from backup (disabled)`,
    );
    if (wanted) result.push(disk);
  }
  return result;
}

/** A container whose volumes cannot be frozen is backed up in mode `suspend`. */
function modeOf(lab: Lab, guest: Guest, wanted: string, task: TaskContext): string {
  if (!guest.running) return 'stop';
  if (wanted !== 'snapshot' || guest.type === 'qemu') return wanted;
  const frozen = ownDisks(lab, guest)
    .filter((disk) => disk.key === 'rootfs' || disk.values.backup === '1')
    .every((disk) => hasFeature(lab, disk.volume, 'snapshot'));
  if (frozen) return wanted;
  task.log('INFO: mode failure - some volumes do not support snapshots');
  task.log("INFO: trying 'suspend' mode instead");
  return 'suspend';
}

export async function backupGuest(lab: Lab, guest: Guest, options: BackupOptions, task: TaskContext): Promise<Volume> {
  const begin = lab.now();
  task.log(`INFO: Starting Backup of VM ${guest.vmid} (${guest.type})`);
  task.log(`INFO: Backup started at ${readable(begin)}`);
  task.log(`INFO: status = ${guest.running ? 'running' : 'stopped'}`);
  const archive = await withGuestLock(lab, guest.type, guest.vmid, task.signal, async () => {
    checkLock(guest);
    return await withConfigLock(lab, guest, 'backup', async () => {
      const wasRunning = guest.running !== undefined;
      const mode = modeOf(lab, guest, options.mode, task);
      const name = guest.type === 'qemu' ? guest.config.name : guest.config.hostname;
      task.log(`INFO: backup mode: ${mode}`);
      task.log('INFO: ionice priority: 7');
      if (name !== undefined) task.log(`INFO: ${guest.type === 'qemu' ? 'VM' : 'CT'} Name: ${name}`);
      const stopped = mode === 'stop' && wasRunning;
      if (stopped) {
        task.log('INFO: stopping virtual guest');
        await shutdownLocked(lab, guest, STOP_SECONDS, task.signal).catch(() => halt(lab, guest));
      }
      try {
        return await write(lab, guest, { ...options, mode }, task);
      } finally {
        if (stopped) {
          task.log('INFO: restarting vm');
          await boot(lab, guest, task.signal);
          task.log('INFO: guest is online again after <1 seconds');
        }
      }
    });
  });
  task.log(`INFO: Finished Backup of VM ${guest.vmid} (${duration(lab.now() - begin)})`);
  task.log(`INFO: Backup finished at ${readable(lab.now())}`);
  return archive;
}

function describeConfig(guest: Guest, task: TaskContext): GuestConfig {
  const config: GuestConfig = {};
  for (const [key, value] of Object.entries(guest.config)) {
    if (key === 'lock' || key === 'parent') continue;
    if (guest.type === 'qemu' && /^unused\d+$/.test(key)) {
      task.log(`INFO: skip unused drive '${value}' (not included into backup)`);
      continue;
    }
    config[key] = value;
  }
  if (guest.type === 'qemu') {
    if (Object.keys(guest.snapshots).length > 0) task.log('INFO: snapshots found (not included into backup)');
    if (Object.keys(guest.pending).length > 0)
      task.log('INFO: pending configuration changes found (not included into backup)');
  }
  return config;
}

async function write(lab: Lab, guest: Guest, options: BackupOptions, task: TaskContext): Promise<Volume> {
  const storage = loadStorage(lab, options.storage, guest.node);
  const disks = included(lab, guest, task);
  const cloudInit = guest.type === 'qemu' ? ownDisks(lab, guest).filter(isCloudInit) : [];
  const now = lab.now();
  const extension = `${guest.type === 'qemu' ? 'vma' : 'tar'}${SUFFIX[options.compress] ?? ''}`;
  const base = `vzdump-${guest.type}-${guest.vmid}-${stamp(now)}.${extension}`;
  const node = storage.options.shared === 1 ? '*' : guest.node;
  const used = disks.reduce((sum, disk) => sum + disk.volume.used, 0);
  checkSpace(lab, storage, guest.node, used, base);
  const archive: Volume = {
    storage: options.storage,
    node,
    name: `backup/${base}`,
    content: 'backup',
    format: extension,
    size: 0,
    used: 0,
    vmid: guest.vmid,
    ctime: Math.floor(now / 1000),
    file: join('files', node === '*' ? 'shared' : node, options.storage, 'backup', base),
    backup: {
      type: guest.type,
      config: describeConfig(guest, task),
      volumes: [...disks, ...cloudInit].map((disk) => ({
        key: disk.key,
        size: disk.volume.size,
        format: disk.volume.format,
      })),
      ...(guest.firewall ? { firewall: structuredClone(guest.firewall) } : {}),
    },
    ...(options.notes === undefined ? {} : { notes: options.notes }),
    ...(options.protected ? { protected: 1 as const } : {}),
  };
  // What a container's plugin does for a moment's picture; the runtime takes one of its own.
  if (guest.type === 'lxc' && options.mode === 'snapshot') task.log("INFO: create storage snapshot 'vzdump'");
  if (guest.type === 'lxc' && options.mode === 'suspend')
    for (const line of ['suspending guest', 'resuming guest', 'guest is online again after <1 seconds'])
      task.log(`INFO: ${line}`);
  const path = archiveFile(lab, archive);
  mkdirSync(dirname(path), { recursive: true });
  task.log(`INFO: creating vzdump archive '${String(storage.options.path ?? '/var/lib/vz')}/dump/${base}'`);
  try {
    const volumes = disks.map((disk) => disk.volume).filter(isReal);
    await lab.runtime.backupVolumes(volumes.map(runtimeVolume), path, task.signal);
  } catch (error) {
    rmSync(path, { force: true });
    throw error;
  }
  const size = statSync(path).size;
  const complete = { ...archive, size, used: size };
  lab.state.saveVolume(complete);
  task.log(`INFO: archive file size: ${archiveSize(size)}`);
  if (options.notes !== undefined) task.log('INFO: adding notes to backup');
  if (options.protected) task.log('INFO: marking backup as protected');
  if (guest.type === 'lxc' && options.mode === 'snapshot') task.log("INFO: cleanup temporary 'vzdump' snapshot");
  return complete;
}
