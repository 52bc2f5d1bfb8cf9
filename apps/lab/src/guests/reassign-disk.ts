/** A disk changes hands: it is renamed to another guest of the same node. */
import { fail, parameterError } from '../http/api-error.js';
import type { Call } from '../http/call.js';
import { bootOrder, printBootOrder } from '../qemu/boot-order.js';
import { plugsNow } from '../qemu/hotplug.js';
import type { Guest, GuestType, Volume } from '../state/model.js';
import { volumeId } from '../state/model.js';
import { hasFeature } from '../storage/features.js';
import { renameVolume } from '../storage/volumes.js';
import type { TaskContext } from '../tasks/tasks.js';
import { type Disk, describeDisk, findDisk, inSnapshot, UNUSED } from './disks.js';
import { checkLock, checkModified, demandOnGuest, isTemplate, loadGuest, withGuestLock } from './guests.js';

interface Reassignment {
  readonly source: Guest;
  readonly target: Guest;
  readonly disk: Disk;
  readonly volume: Volume;
  readonly to: string;
}

const keys = (call: Call, type: GuestType) => {
  const key = call.need(type === 'qemu' ? 'disk' : 'volume');
  return { key, to: call.text(type === 'qemu' ? 'target-disk' : 'target-volume') ?? key };
};

function bothGuests(call: Call, type: GuestType, targetId: number): { source: Guest; target: Guest } {
  const { lab, vmid } = call;
  const label = type === 'qemu' ? 'VM' : 'CT';
  const [from, to] = [lab.state.guests.get(vmid), lab.state.guests.get(targetId)];
  if (!from) throw fail(`could not find ${label} ${vmid}`);
  if (!to) throw fail(`could not find ${type === 'qemu' ? 'target VM' : 'CT'} ${targetId}`);
  if (from.node !== to.node)
    throw fail(
      `Both ${type === 'qemu' ? 'VMs' : 'containers'} need to be on the same node (${from.node} != ${to.node})`,
    );
  const source = loadGuest(lab, type, call.node, vmid);
  checkLock(source);
  const target = loadGuest(lab, type, call.node, targetId);
  checkLock(target);
  if (isTemplate(source) || isTemplate(target))
    throw fail(
      type === 'qemu' ? "Can't move disks from or to template VMs" : "Can't move volumes from or to template CT",
    );
  const intro = type === 'qemu' ? 'VM' : 'Container';
  checkModified(source, call.text('digest'), `${intro} ${vmid}: `);
  checkModified(target, call.text('target-digest'), `${intro} ${targetId}: `);
  return { source, target };
}

function check(call: Call, type: GuestType, targetId: number): Reassignment {
  const { key, to } = keys(call, type);
  const machine = type === 'qemu';
  if (!machine) {
    if (key === 'rootfs' || to === 'rootfs') throw fail("Cannot move to/from 'rootfs'");
    if (UNUSED.test(key) && !UNUSED.test(to)) throw fail('Moving an unused volume to a used one is not possible');
  }
  const { source, target } = bothGuests(call, type, targetId);
  const disk = findDisk(source, key);
  if (!disk)
    throw fail(
      machine
        ? `Disk '${key}' for VM '${source.vmid}' does not exist`
        : `volume '${key}' for container '${source.vmid}' does not exist`,
    );
  if (target.config[to] !== undefined)
    throw fail(
      machine
        ? `Target disk key '${to}' is already in use for VM '${targetId}'`
        : `Target volume key '${to}' is already in use for container '${targetId}'`,
    );
  if (machine && disk.isCdrom) throw fail("CD drive contents can't be moved to another VM");
  const volume = call.lab.state.volume(source.node, disk.file);
  if (!volume)
    throw fail(machine ? `disk '${key}' has no associated volume` : `Volume '${key}' has no associated image`);
  const whom = machine ? 'VM' : 'container';
  if (inSnapshot(source, disk.file))
    throw fail(`${machine ? "Can't move disk" : 'Cannot move volume'} used by a snapshot to another ${whom}`);
  if (!hasFeature(call.lab, volume, 'rename'))
    throw fail(`Storage does not support moving of this disk to another ${whom}`);
  if (source.running && !UNUSED.test(key))
    throw fail(
      machine
        ? 'Cannot move disk to another VM while the source VM is running - detach first'
        : 'Cannot move in-use volume while the source CT is running - detach or shutdown first',
    );
  return { source, target, disk, volume, to };
}

function hand(call: Call, type: GuestType, found: Reassignment, task: TaskContext): void {
  const { source, target, disk, volume, to } = found;
  const { lab } = call;
  const [from, whom] = [source.vmid, target.vmid];
  if (type === 'qemu') task.log(`reassign disk '${disk.key}' from VM '${from}' as '${to}' to VM '${whom}'`);
  else task.log(`moving volume '${disk.key}' from container '${from}' to '${whom}'`);
  const next = renameVolume(lab, volume, whom);
  const order = type === 'qemu' ? bootOrder(source.config) : [];
  if (order.includes(disk.key)) {
    task.log(`removing disk '${disk.key}' from boot order config`);
    source.config.boot = printBootOrder(order.filter((one) => one !== disk.key));
  }
  delete source.config[disk.key];
  task.log(
    type === 'qemu'
      ? `removing disk '${disk.key}' from VM '${from}' config`
      : `removing volume '${disk.key}' from container '${from}' config`,
  );
  const option = UNUSED.test(to) ? volumeId(next) : describeDisk(type, to, disk.values, next);
  const now = !target.running || UNUSED.test(to) || (type === 'qemu' && plugsNow(target, to, option));
  if (now) target.config[to] = option;
  else target.pending[to] = option;
  lab.state.saveGuest(source);
  lab.state.saveGuest(target);
  if (type === 'lxc') task.log(`target container '${whom}' updated with '${to}'`);
}

export function reassign(call: Call, type: GuestType, targetId: number): string {
  const { lab, vmid } = call;
  const { key, to } = keys(call, type);
  demandOnGuest(call, targetId, ['VM.Config.Disk']);
  if (type === 'qemu' && targetId === vmid)
    throw parameterError({ 'target-vmid': 'must be different than source VMID to reassign disk' });
  const { volume } = check(call, type, targetId);
  call.demand(`/storage/${volume.storage}`, ['Datastore.AllocateSpace']);
  return call.task(type === 'qemu' ? 'qmmove' : 'move_volume', `${vmid}-${key}>${targetId}-${to}`, (task) =>
    withGuestLock(lab, type, vmid, task.signal, async () => {
      const work = async () => hand(call, type, check(call, type, targetId), task);
      await (targetId === vmid ? work() : withGuestLock(lab, type, targetId, task.signal, work));
    }),
  );
}
