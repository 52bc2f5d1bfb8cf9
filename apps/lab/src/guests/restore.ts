/** A guest back from a vzdump archive, under its own or another id; `force` overwrites the one that is there. */
import { fail } from '../http/api-error.js';
import type { Call } from '../http/call.js';
import { formatSize } from '../schema/formats.js';
import type { BackupVolume, Guest, GuestConfig, GuestType, Volume } from '../state/model.js';
import { volumeId } from '../state/model.js';
import { loadStorage } from '../storage/storages.js';
import { createVolume, isReal, removeVolume, runtimeVolume } from '../storage/volumes.js';
import type { TaskContext } from '../tasks/tasks.js';
import { backupPath } from './backup.js';
import { isDiskKey, ownDisks, parseOption, printOption, volumeKey } from './disks.js';
import { checkLock, checkProtection, demandOnGuest, findGuest, withGuestLock } from './guests.js';
import { KINDS } from './kind.js';
import { completeNic } from './network-options.js';
import { startGuest } from './power.js';
import { normalizeTags } from './tags.js';

function checkTarget(call: Call, type: GuestType): Guest | undefined {
  const { lab, vmid } = call;
  const { label } = KINDS[type];
  const other = lab.state.guests.get(vmid);
  if (!other) return undefined;
  const emsg = `unable to restore ${label} ${vmid} -`;
  if (!call.flag('force'))
    throw fail(`${emsg} ${KINDS[other.type].label} ${vmid} already exists on node '${other.node}'`);
  const guest = findGuest(lab, type, call.node, vmid);
  if (!guest) throw fail(`${emsg} ${KINDS[other.type].label} ${vmid} already exists on node '${other.node}'`);
  if (guest.running) throw fail(type === 'qemu' ? `${emsg} vm is running` : "can't overwrite running container");
  checkLock(guest);
  checkProtection(guest, `unable to restore ${label} ${vmid}`);
  return guest;
}

export function restoreGuest(call: Call, type: GuestType, archive: string, overrides: GuestConfig): string {
  const { lab, node, vmid } = call;
  const { prefix } = KINDS[type];
  const old = checkTarget(call, type);
  demandOnGuest(call, vmid, old ? ['VM.Backup'] : ['VM.Allocate'], call.text('pool'));
  const storageId = archive.split(':')[0] ?? '';
  call.demand(`/storage/${storageId}`, ['Datastore.Audit', 'Datastore.AllocateSpace'], true);
  const volume = lab.state.volume(node, archive);
  if (!volume?.backup) throw fail(`volume '${archive}' does not exist`);
  if (volume.backup.type !== type)
    throw fail(type === 'qemu' ? `unknown backup archive type` : `can't restore a VM archive as container`);
  const target = call.text('storage');
  if (target !== undefined) {
    call.demand(`/storage/${target}`, ['Datastore.AllocateSpace']);
    loadStorage(lab, target, node);
  }
  const guest: Guest = old ?? { ...lab.state.newGuest(vmid, type, node), config: { lock: 'create' } };
  guest.config.lock = 'create';
  lab.state.saveGuest(guest);
  const start = call.flag('start');
  return call.task(`${prefix}restore`, vmid, async (task) => {
    await withGuestLock(lab, type, vmid, task.signal, () =>
      bringBack(call, guest, old !== undefined, volume, overrides, task),
    );
    if (start) await startGuest(lab, type, node, vmid, task);
  });
}

async function bringBack(
  call: Call,
  guest: Guest,
  existed: boolean,
  archive: Volume,
  overrides: GuestConfig,
  task: TaskContext,
): Promise<void> {
  const { lab, vmid } = call;
  const backup = archive.backup;
  if (!backup) throw new Error(`volume '${volumeId(archive)}' is no backup`);
  const made: Volume[] = [];
  try {
    const config: GuestConfig = { ...backup.config };
    task.log(`restore ${backup.type === 'qemu' ? 'vma archive' : 'proxmox archive'}: ${volumeId(archive)}`);
    for (const disk of backup.volumes) {
      const volume = await restoreVolume(call, disk, config, task.signal);
      made.push(volume);
      const values = parseOption(guest.type, disk.key, config[disk.key] ?? '');
      config[disk.key] = printOption(guest.type, disk.key, {
        ...values,
        [volumeKey(guest.type)]: volumeId(volume),
        size: formatSize(volume.size),
      });
    }
    const real = made.filter(isReal);
    await lab.runtime.restoreVolumes(real.map(runtimeVolume), backupPath(lab, archive), task.signal);
    if (existed) for (const disk of ownDisks(lab, guest, guest.config, true)) await removeVolume(lab, disk.volume);
    for (const key of Object.keys(config))
      if (call.flag('unique') && /^net\d+$/.test(key))
        config[key] = completeNic(lab.name, vmid, guest.type, key, String(config[key]), true);
    guest.config = { ...config, ...settled(lab.name, vmid, guest.type, overrides) };
    delete guest.config.lock;
    guest.snapshots = {};
    guest.pending = {};
    guest.pendingDelete = [];
    lab.state.saveGuest(guest);
    task.log('restore finished');
  } catch (error) {
    for (const volume of made) await removeVolume(lab, volume).catch(() => undefined);
    if (existed) {
      delete guest.config.lock;
      lab.state.saveGuest(guest);
    } else lab.state.deleteGuest(vmid);
    task.signal.throwIfAborted();
    throw new Error(
      `unable to restore ${KINDS[guest.type].label} ${vmid} - ${error instanceof Error ? error.message : String(error)}`,
      { cause: error },
    );
  }
}

/** What the request sets beside the archive; disks come from the archive, only their storage can be chosen. */
function settled(lab: string, vmid: number, type: GuestType, overrides: GuestConfig): GuestConfig {
  const result: GuestConfig = {};
  for (const [key, value] of Object.entries(overrides)) {
    if (isDiskKey(type, key)) continue;
    if (/^net\d+$/.test(key)) result[key] = completeNic(lab, vmid, type, key, String(value));
    else result[key] = key === 'tags' ? normalizeTags(String(value)) : value;
  }
  return result;
}

async function restoreVolume(
  call: Call,
  disk: BackupVolume,
  config: GuestConfig,
  signal: AbortSignal,
): Promise<Volume> {
  const { lab, node, vmid } = call;
  const type = call.path.includes('/qemu') ? 'qemu' : 'lxc';
  const before = parseOption(type, disk.key, config[disk.key] ?? '')[volumeKey(type)] ?? '';
  const chosen = /^([^:,]+):/.exec(call.text(disk.key) ?? '')?.[1];
  const storage = chosen ?? call.text('storage') ?? before.split(':')[0] ?? 'local';
  const isCloudInit = before.includes('cloudinit');
  return await createVolume(
    lab,
    { node, storage, vmid, type, size: disk.size, ...(isCloudInit ? { suffix: 'cloudinit' } : {}) },
    { empty: true },
    signal,
  );
}
