/** Lists of guests, their making and ending, disks that grow or move. */
import { fail, parameterError } from '../http/api-error.js';
import type { Call, Handlers } from '../http/call.js';
import type { Lab } from '../lab.js';
import { createContainer } from '../lxc/create-container.js';
import { createMachine } from '../qemu/create-machine.js';
import type { Guest, GuestType } from '../state/model.js';
import { contentOf, loadStorage } from '../storage/storages.js';
import { checkNotInUse, createVolume, growVolume, removeVolume } from '../storage/volumes.js';
import type { TaskContext } from '../tasks/tasks.js';
import { describeDisk, findDisk, freeUnusedKey, ownDisks } from './disks.js';
import {
  checkDigest,
  checkLock,
  checkProtection,
  guestOf,
  loadGuest,
  withConfigLock,
  withGuestLock,
} from './guests.js';
import { KINDS } from './kind.js';
import { requestedSize } from './new-disks.js';
import { halt } from './power.js';
import { listEntry, statusCurrent } from './status.js';

function list(call: Call, type: GuestType): unknown {
  const result: unknown[] = [];
  for (const guest of call.lab.state.guests.values()) {
    if (guest.type !== type || guest.node !== call.node) continue;
    if (call.can(`/vms/${guest.vmid}`, ['VM.Audit'])) result.push(listEntry(call.lab, guest));
  }
  return result;
}

/** Everything a destroyed guest owned: volumes of its configuration and of its snapshots. */
async function destroyVolumes(lab: Lab, guest: Guest, unreferenced: boolean): Promise<void> {
  const seen = new Set<string>();
  const volumes = [guest.config, ...Object.values(guest.snapshots).map((snapshot) => snapshot.config)]
    .flatMap((config) => ownDisks(lab, guest, config, true).map((disk) => disk.volume))
    .filter((volume) => !seen.has(volume.name) && seen.add(volume.name));
  for (const volume of volumes) checkNotInUse(lab, volume);
  for (const volume of volumes) await removeVolume(lab, volume);
  if (!unreferenced) return;
  for (const volume of lab.state.volumesOfGuest(guest.vmid))
    if (volume.content !== 'backup') await removeVolume(lab, volume);
}

function purgeJobs(lab: Lab, vmid: number): void {
  for (const [id, job] of [...lab.journal.entries<Record<string, unknown>>('backup-job')]) {
    if (typeof job.vmid !== 'string') continue;
    const rest = job.vmid.split(',').filter((one) => one !== String(vmid));
    if (rest.length === 0) lab.journal.delete('backup-job', id);
    else lab.journal.put('backup-job', id, { ...job, vmid: rest.join(',') });
  }
  for (const type of ['vm', 'ct']) lab.journal.delete('ha-resource', `${type}:${vmid}`);
}

function destroy(call: Call, type: GuestType): string {
  const { lab, vmid } = call;
  const { label, prefix } = KINDS[type];
  const guest = guestOf(call, type);
  if (call.flag('skiplock') && !call.caller.isRoot)
    throw parameterError({ skiplock: 'Only root may use this option.' });
  checkProtection(guest, `can't remove ${label} ${vmid}`);
  if (type === 'lxc' && !call.flag('force')) checkLock(guest);
  if (guest.running && !(type === 'lxc' && call.flag('force')))
    throw fail(type === 'qemu' ? `VM ${vmid} is running - destroy failed` : `container is running - destroy failed`);
  if (lab.journal.get('ha-resource', `${type === 'qemu' ? 'vm' : 'ct'}:${vmid}`) !== undefined && !call.flag('purge'))
    throw fail(`unable to remove ${label} ${vmid} - used in HA resources and purge parameter not set.`);
  return call.task(`${prefix}destroy`, vmid, (task) =>
    withGuestLock(lab, type, vmid, task.signal, async () => {
      const now = loadGuest(lab, type, call.node, vmid);
      if (!call.flag('skiplock') && !call.flag('force')) checkLock(now);
      if (now.running && !(type === 'lxc' && call.flag('force')))
        throw new Error(`${label} ${vmid} is running - destroy failed`);
      await halt(lab, now);
      await destroyVolumes(lab, now, call.flag('destroy-unreferenced-disks'));
      lab.state.deleteGuest(vmid);
      lab.directory.forgetGuest(vmid, call.flag('purge'));
      if (call.flag('purge')) {
        purgeJobs(lab, vmid);
        task.log(`purging ${label} ${vmid} from related configurations..`);
      }
    }),
  );
}

function resize(call: Call, type: GuestType): string {
  const { lab, vmid } = call;
  const key = call.need('disk');
  const work = async (task: TaskContext) => {
    const guest = loadGuest(lab, type, call.node, vmid);
    checkDigest(guest, call.text('digest'));
    checkLock(guest, call.flag('skiplock'));
    const disk = findDisk(guest, key);
    if (!disk) throw new Error(`disk '${key}' does not exist`);
    if (disk.isCdrom) throw new Error("you can't resize a cdrom");
    const volume = lab.state.volume(guest.node, disk.file);
    if (!volume) throw new Error(`disk '${key}' has no associated volume`);
    const size = requestedSize(call.need('size'), volume.size);
    if (size === undefined) throw new Error('invalid size string');
    if (size < volume.size)
      throw new Error(type === 'qemu' ? 'shrinking disks is not supported' : 'unable to shrink disk size');
    if (size === volume.size && type === 'lxc') throw new Error('disk is already at specified size');
    await growVolume(lab, volume, size);
    guest.config[key] = describeDisk(type, key, disk.values, { ...volume, size });
    lab.state.saveGuest(guest);
    task.log(`resized ${key} to ${size} bytes`);
  };
  guestOf(call, type);
  if (call.flag('skiplock') && !call.caller.isRoot)
    throw parameterError({ skiplock: 'Only root may use this option.' });
  return call.task('resize', vmid, (task) => withGuestLock(lab, type, vmid, task.signal, () => work(task)));
}

function move(call: Call, type: GuestType): string {
  const { lab, vmid } = call;
  const guest = guestOf(call, type);
  const key = call.need(type === 'qemu' ? 'disk' : 'volume');
  const storage = call.text('storage');
  if (call.text('target-vmid') !== undefined) throw fail('this lab does not move disks between guests');
  if (storage === undefined) throw parameterError({ storage: "either set 'storage' or 'target-vmid'" });
  const disk = findDisk(guest, key);
  if (!disk) throw fail(type === 'qemu' ? `disk '${key}' does not exist` : `volume '${key}' does not exist`);
  if (disk.isCdrom) throw fail("you can't move a cdrom");
  const record = loadStorage(lab, storage, call.node);
  call.demand(`/storage/${storage}`, ['Datastore.AllocateSpace']);
  if (!contentOf(record).includes(type === 'lxc' ? 'rootdir' : 'images'))
    throw parameterError({
      storage:
        type === 'qemu'
          ? `storage '${storage}' does not support vm images`
          : `storage '${storage}' does not support CT rootdirs`,
    });
  if (type === 'lxc' && guest.running) throw fail('cannot move volumes of a running container');
  checkLock(guest);
  checkDigest(guest, call.text('digest'));
  const old = lab.state.volume(guest.node, disk.file);
  if (!old) throw fail(`disk '${key}' has no associated volume`);
  if (old.storage === storage && (call.text('format') ?? old.format) === old.format)
    throw fail("you can't move to the same storage with same format");
  if (call.flag('delete') && Object.keys(guest.snapshots).length > 0)
    throw fail("you can't move a disk with snapshots and delete the source");
  return call.task(type === 'qemu' ? 'qmmove' : 'move_volume', vmid, (task) =>
    withGuestLock(lab, type, vmid, task.signal, () =>
      withConfigLock(lab, guest, 'disk', async () => {
        const format = call.text('format');
        const next = await createVolume(
          lab,
          { node: guest.node, storage, vmid, type, size: old.size, ...(format ? { format } : {}) },
          { clone: old, linked: false, fresh: false },
          task.signal,
        );
        guest.config[key] = describeDisk(type, key, disk.values, next);
        if (call.flag('delete')) await removeVolume(lab, old);
        else guest.config[freeUnusedKey(guest.config)] = disk.file;
        lab.state.saveGuest(guest);
      }),
    ),
  );
}

function index(call: Call, type: GuestType): unknown {
  guestOf(call, type);
  const names = [
    'config',
    'pending',
    'status',
    'snapshot',
    'firewall',
    'migrate',
    'clone',
    'resize',
    'feature',
    'rrd',
    'rrddata',
    'termproxy',
    'vncwebsocket',
    ...(type === 'qemu' ? ['agent', 'cloudinit', 'move_disk', 'unlink'] : ['interfaces', 'move_volume', 'template']),
  ];
  return names.map((subdir) => ({ subdir }));
}

function handlersOf(type: GuestType): Handlers {
  const base = `/nodes/{node}/${type}`;
  return {
    [`GET ${base}`]: (call) => list(call, type),
    [`GET ${base}/{vmid}`]: (call) => index(call, type),
    [`DELETE ${base}/{vmid}`]: (call) => destroy(call, type),
    [`PUT ${base}/{vmid}/resize`]: (call) => resize(call, type),
    [`GET ${base}/{vmid}/status`]: () =>
      ['current', 'start', 'stop', 'reset', 'shutdown', 'suspend', 'resume', 'reboot'].map((subdir) => ({ subdir })),
    [`GET ${base}/{vmid}/status/current`]: (call) => statusCurrent(call.lab, guestOf(call, type)),
  };
}

export const guestHandlers: Handlers = {
  ...handlersOf('qemu'),
  ...handlersOf('lxc'),
  'POST /nodes/{node}/qemu': createMachine,
  'POST /nodes/{node}/lxc': createContainer,
  'POST /nodes/{node}/qemu/{vmid}/move_disk': (call) => move(call, 'qemu'),
  'POST /nodes/{node}/lxc/{vmid}/move_volume': (call) => move(call, 'lxc'),
};
