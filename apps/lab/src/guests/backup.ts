/** vzdump: archives of guests with their configuration, names as the real ones, notes, protection and pruning. */
import { mkdirSync, rmSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Lab } from '../lab.js';
import type { Guest, Volume } from '../state/model.js';
import { checkSpace, loadStorage } from '../storage/storages.js';
import { isReal, runtimeVolume } from '../storage/volumes.js';
import type { TaskContext } from '../tasks/tasks.js';
import { ownDisks } from './disks.js';
import { checkLock, isTemplate, withConfigLock, withGuestLock } from './guests.js';
import { boot, halt } from './power.js';

export interface BackupOptions {
  readonly storage: string;
  readonly mode: string;
  readonly compress: string;
  readonly notes?: string;
  readonly protected: boolean;
}

const SUFFIX: Readonly<Record<string, string>> = { zstd: '.zst', gzip: '.gz', '1': '.lzo', lzo: '.lzo' };

/** Where an archive's bytes lie in the lab's folder. */
export const backupPath = (lab: Lab, archive: Volume) => join(lab.stateDir, archive.file ?? join('files', 'none'));

function stamp(seconds: number): string {
  const date = new Date(seconds * 1000);
  const two = (value: number) => String(value).padStart(2, '0');
  return `${date.getFullYear()}_${two(date.getMonth() + 1)}_${two(date.getDate())}-${two(date.getHours())}_${two(date.getMinutes())}_${two(date.getSeconds())}`;
}

export async function backupGuest(lab: Lab, guest: Guest, options: BackupOptions, task: TaskContext): Promise<Volume> {
  task.log(`INFO: Starting Backup of VM ${guest.vmid} (${guest.type})`);
  return await withGuestLock(lab, guest.type, guest.vmid, task.signal, async () => {
    checkLock(guest);
    return await withConfigLock(lab, guest, 'backup', async () => {
      const wasRunning = guest.running !== undefined;
      if (options.mode === 'stop' && wasRunning) await halt(lab, guest);
      try {
        return await write(lab, guest, options, task);
      } finally {
        if (options.mode === 'stop' && wasRunning) await boot(lab, guest, task.signal);
      }
    });
  });
}

async function write(lab: Lab, guest: Guest, options: BackupOptions, task: TaskContext): Promise<Volume> {
  const storage = loadStorage(lab, options.storage, guest.node);
  const all = ownDisks(lab, guest);
  const disks = all.filter((disk) =>
    guest.type === 'qemu'
      ? !disk.isCdrom && disk.values.backup !== '0'
      : disk.key === 'rootfs' || disk.values.backup === '1',
  );
  const ctime = Math.floor(lab.now() / 1000);
  const extension = `${guest.type === 'qemu' ? 'vma' : 'tar'}${SUFFIX[options.compress] ?? ''}`;
  const base = `vzdump-${guest.type}-${guest.vmid}-${stamp(ctime)}.${extension}`;
  const node = storage.options.shared === 1 ? '*' : guest.node;
  const used = disks.reduce((sum, disk) => sum + disk.volume.used, 0);
  checkSpace(lab, storage, guest.node, used, base);
  const { lock: _lock, parent: _parent, ...config } = guest.config;
  for (const disk of all) if (!disks.includes(disk) && !disk.isCdrom) delete config[disk.key];
  const archive: Volume = {
    storage: options.storage,
    node,
    name: `backup/${base}`,
    content: 'backup',
    format: extension,
    size: 0,
    used: 0,
    vmid: guest.vmid,
    ctime,
    file: join('files', node === '*' ? 'shared' : node, options.storage, 'backup', base),
    backup: {
      type: guest.type,
      config: isTemplate(guest) ? { ...config, template: 0 } : config,
      volumes: all
        .filter((disk) => disks.includes(disk) || disk.isCdrom)
        .map((disk) => ({ key: disk.key, size: disk.volume.size, format: disk.volume.format })),
    },
    ...(options.notes === undefined ? {} : { notes: options.notes }),
    ...(options.protected ? { protected: 1 as const } : {}),
  };
  const path = backupPath(lab, archive);
  mkdirSync(dirname(path), { recursive: true });
  task.log(`INFO: creating vzdump archive '/var/lib/vz/dump/${base}'`);
  try {
    await lab.runtime.backupVolumes(
      disks
        .map((disk) => disk.volume)
        .filter(isReal)
        .map(runtimeVolume),
      path,
      task.signal,
    );
  } catch (error) {
    rmSync(path, { force: true });
    throw error;
  }
  const size = statSync(path).size;
  const complete = { ...archive, size, used: size };
  lab.state.saveVolume(complete);
  task.log(`INFO: archive file size: ${size} B`);
  task.log(`INFO: Finished Backup of VM ${guest.vmid} (00:00:01)`);
  return complete;
}
