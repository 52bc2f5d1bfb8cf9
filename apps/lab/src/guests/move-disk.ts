/** move_disk and move_volume: to another storage, or to another guest. */
import { fail, parameterError } from '../http/api-error.js';
import type { Call } from '../http/call.js';
import type { Lab } from '../lab.js';
import { containerFormat } from '../lxc/container-disks.js';
import type { Guest, GuestType, Volume } from '../state/model.js';
import { abilitiesOf, contentOf, loadStorage, storageConfig } from '../storage/storages.js';
import { createVolume, isReal, removeVolume, toBase } from '../storage/volumes.js';
import type { TaskContext } from '../tasks/tasks.js';
import { type Disk, describeDisk, findDisk, freeUnusedKey, inSnapshot } from './disks.js';
import { checkLock, checkModified, isTemplate, loadGuest, withConfigLock, withGuestLock } from './guests.js';
import { reassign } from './reassign-disk.js';

function checkMachine(call: Call, storage: string): { guest: Guest; disk: Disk; old: Volume } {
  const { lab } = call;
  const key = call.need('disk');
  const guest = loadGuest(lab, 'qemu', call.node, call.vmid);
  checkLock(guest);
  checkModified(guest, call.text('digest'));
  const disk = findDisk(guest, key);
  if (!disk) throw fail(`disk '${key}' does not exist`);
  const old = lab.state.volume(guest.node, disk.file);
  if (disk.isCdrom && !/cloudinit/.test(disk.file)) throw fail("you can't move a cdrom");
  if (!old) throw fail(`disk '${key}' has no associated volume`);
  const format = call.text('format');
  if (old.storage === storage && (format === undefined || format === old.format))
    throw fail("you can't move to the same storage with same format");
  if (!contentOf(loadStorage(lab, storage, call.node)).includes('images'))
    throw parameterError({ storage: `storage '${storage}' does not support vm images` });
  if (inSnapshot(guest, disk.file) && call.flag('delete'))
    throw fail("you can't move a disk with snapshots and delete the source");
  return { guest, disk, old };
}

function checkContainer(call: Call): { guest: Guest; disk: Disk; old: Volume } {
  const { lab } = call;
  const key = call.need('volume');
  const guest = loadGuest(lab, 'lxc', call.node, call.vmid);
  checkLock(guest);
  if (guest.running) throw fail('cannot move volumes of a running container');
  if (/^unused\d+$/.test(key))
    throw fail(`cannot move volume '${key}', only configured volumes can be moved to another storage`);
  const disk = findDisk(guest, key);
  const old = disk && lab.state.volume(guest.node, disk.file);
  if (!disk || !old) throw fail('no volume ID specified');
  if (call.flag('delete') && inSnapshot(guest, disk.file))
    throw fail("you can't move a volume with snapshots and delete the source");
  checkModified(guest, call.text('digest'));
  return { guest, disk, old };
}

async function copy(
  lab: Lab,
  guest: Guest,
  old: Volume,
  storage: string,
  format: string | undefined,
  signal: AbortSignal,
) {
  const target = storageConfig(lab, storage);
  const wanted =
    guest.type === 'lxc'
      ? containerFormat(target, old.size)
      : (format ?? (abilitiesOf(target).files && old.format !== 'subvol' ? old.format : undefined));
  const next = await createVolume(
    lab,
    {
      node: guest.node,
      storage,
      vmid: guest.vmid,
      type: guest.type,
      size: old.size,
      ...(wanted ? { format: wanted } : {}),
      ...(isReal(old) ? {} : { suffix: 'cloudinit' }),
    },
    isReal(old) ? { clone: old, linked: false, fresh: false } : { empty: true },
    signal,
  );
  return isTemplate(guest) && isReal(next) ? toBase(lab, next) : next;
}

async function replace(
  call: Call,
  found: { guest: Guest; disk: Disk; old: Volume },
  storage: string,
  task: TaskContext,
): Promise<void> {
  const { lab } = call;
  const { guest, disk, old } = found;
  const next = await copy(lab, guest, old, storage, call.text('format'), task.signal);
  guest.config[disk.key] = describeDisk(guest.type, disk.key, disk.values, next);
  if (call.flag('delete')) await removeVolume(lab, old);
  else {
    const key = freeUnusedKey(guest.config);
    guest.config[key] = disk.file;
    if (guest.type === 'qemu') task.log(`adding source volume '${disk.file}' as '${key}' to config`);
  }
  if (call.flag('delete') && guest.type === 'qemu')
    task.log(`removing source volume '${disk.file}' after successful copy`);
  lab.state.saveGuest(guest);
}

function moveMachineDisk(call: Call, storage: string): string {
  const { lab, vmid } = call;
  call.demand(`/storage/${storage}`, ['Datastore.AllocateSpace']);
  checkMachine(call, storage);
  return call.task('qmmove', vmid, (task) =>
    withGuestLock(lab, 'qemu', vmid, task.signal, async () => {
      const found = checkMachine(call, storage);
      task.log(
        `copying volume '${found.disk.file}' from current storage '${found.old.storage}' to target storage '${storage}'`,
      );
      if (inSnapshot(found.guest, found.disk.file))
        task.log('moving disk with snapshots, snapshots will not be moved!');
      await replace(call, found, storage, task).catch((error: unknown) => {
        task.signal.throwIfAborted();
        throw new Error(`storage migration failed: ${error instanceof Error ? error.message : String(error)}`, {
          cause: error,
        });
      });
    }),
  );
}

function moveContainerVolume(call: Call, storage: string): string {
  const { lab, vmid } = call;
  call.demand(`/storage/${storage}`, ['Datastore.AllocateSpace']);
  const found = checkContainer(call);
  found.guest.config.lock = 'disk';
  lab.state.saveGuest(found.guest);
  return call.task('move_volume', vmid, (task) =>
    withConfigLock(lab, found.guest, 'disk', () => replace(call, found, storage, task)),
  );
}

export function moveDisk(call: Call, type: GuestType): string {
  const storage = call.text('storage');
  const target = call.number('target-vmid');
  if (type === 'lxc') {
    if (storage !== undefined && target !== undefined) throw fail('either set storage or target-vmid, but not both');
    if (target !== undefined) return reassign(call, type, target);
    if (storage !== undefined) return moveContainerVolume(call, storage);
    const message = "both 'storage' and 'target-vmid' missing, either needs to be set";
    throw parameterError({ storage: message, 'target-vmid': message });
  }
  const message =
    storage !== undefined && target !== undefined
      ? "either set 'storage' or 'target-vmid', but not both"
      : "both 'storage' and 'target-vmid' missing, either needs to be set";
  if ((storage === undefined) === (target === undefined))
    throw parameterError({ 'target-vmid': message, storage: message });
  return target === undefined ? moveMachineDisk(call, storage ?? '') : reassign(call, type, target);
}
