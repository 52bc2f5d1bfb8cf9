/** Moving a guest to another node of the lab: offline, live (machines) or with a restart (containers). */
import { setTimeout as sleep } from 'node:timers/promises';
import { isManaged } from '../cluster/ha-state.js';
import { fail, parameterError } from '../http/api-error.js';
import type { Call, Handlers } from '../http/call.js';
import type { Lab } from '../lab.js';
import type { Guest, GuestType } from '../state/model.js';
import { isOnNode } from '../storage/storages.js';
import type { TaskContext } from '../tasks/tasks.js';
import { disksOf, ownDisks } from './disks.js';
import { checkLock, guestOf, isTemplate, loadGuest, withConfigLock, withGuestLock } from './guests.js';
import { boot, halt } from './power.js';

/** Seconds of darkness a container's restart migration waits for its shutdown. */
const RESTART_SECONDS = 180;

function checkTarget(call: Call, guest: Guest): string {
  const target = call.need('target');
  if (target === call.node) throw parameterError({ target: 'target is local node.' });
  if (!call.lab.nodes.includes(target)) throw fail(`no such cluster node '${target}'`);
  if (call.lab.faults.isNodeDown(target)) throw fail(`node '${target}' is not online`);
  checkLock(guest);
  return target;
}

/** A drive with an image of this node alone cannot travel. */
function localImages(lab: Lab, guest: Guest): string[] {
  return disksOf(guest.type, guest.config)
    .filter((disk) => disk.isCdrom)
    .flatMap((disk) => {
      const volume = lab.state.volume(guest.node, disk.file);
      return volume && volume.node !== '*' && volume.vmid !== guest.vmid ? [disk.file] : [];
    });
}

function move(lab: Lab, guest: Guest, target: string, task: TaskContext): void {
  for (const volume of lab.state.volumesOfGuest(guest.vmid)) {
    if (volume.node === '*' || volume.content === 'backup') continue;
    const storage = lab.state.storages.get(volume.storage);
    if (!storage || !isOnNode(storage, target))
      throw new Error(
        `migration aborted (duration 00:00:00): storage '${volume.storage}' is not available on node '${target}'`,
      );
  }
  for (const volume of lab.state.volumesOfGuest(guest.vmid)) {
    if (volume.node === '*' || volume.content === 'backup') continue;
    task.log(`found local disk '${volume.storage}:${volume.name}'`);
    lab.state.replaceVolume(volume, { ...volume, node: target });
  }
  guest.node = target;
  lab.state.saveGuest(guest);
}

async function migrateMachine(call: Call, target: string, task: TaskContext): Promise<void> {
  const { lab, vmid } = call;
  const guest = loadGuest(lab, 'qemu', call.node, vmid);
  checkLock(guest);
  await withConfigLock(lab, guest, 'migrate', async () => {
    task.log(`starting migration of VM ${vmid} to node '${target}'`);
    const [image] = localImages(lab, guest);
    if (image !== undefined)
      throw new Error(`Failed to sync data - can't migrate local disk '${image}': local cdrom image`);
    const local = ownDisks(lab, guest).filter((disk) => disk.volume.node !== '*' && !disk.isCdrom);
    if (guest.running && local.length > 0 && !call.flag('with-local-disks')) {
      task.log(`can't live migrate attached local disks without with-local-disks option`);
      throw new Error('migration aborted');
    }
    move(lab, guest, target, task);
    task.log('migration finished successfully (duration 00:00:01)');
  });
}

async function migrateContainer(call: Call, target: string, task: TaskContext): Promise<void> {
  const { lab, vmid } = call;
  const guest = loadGuest(lab, 'lxc', call.node, vmid);
  checkLock(guest);
  await withConfigLock(lab, guest, 'migrate', async () => {
    const wasRunning = guest.running !== undefined;
    if (wasRunning) {
      task.log(`shutdown CT ${vmid}`);
      await lab.runtime.shutdown(vmid, call.number('timeout') ?? RESTART_SECONDS, task.signal);
      await halt(lab, guest);
    }
    move(lab, guest, target, task);
    if (wasRunning) {
      task.log(`start container on target node`);
      await boot(lab, guest, task.signal);
    }
    task.log('migration finished successfully (duration 00:00:01)');
  });
}

/** What the task of a migration does; `call` says of which guest and how. */
export const migrationOf = (call: Call, type: GuestType, target: string) => (task: TaskContext) =>
  withGuestLock(call.lab, type, call.vmid, task.signal, () =>
    type === 'qemu' ? migrateMachine(call, target, task) : migrateContainer(call, target, task),
  );

function migrate(call: Call, type: GuestType): string {
  const { lab, vmid } = call;
  const guest = guestOf(call, type);
  const target = checkTarget(call, guest);
  if (guest.running && type === 'qemu' && !call.flag('online')) throw fail("can't migrate running VM without --online");
  if (guest.running && type === 'lxc' && !call.flag('online') && !call.flag('restart'))
    throw fail("can't migrate running container without --online or --restart");
  if (type === 'lxc' && isTemplate(guest) && guest.running) throw fail("can't migrate a running template");
  const run = migrationOf(call, type, target);
  if (!isManaged(lab, guest)) return call.task(type === 'qemu' ? 'qmigrate' : 'vzmigrate', vmid, run);
  return call.task('hamigrate', vmid, async (task) => {
    task.log(`Requesting HA migration for ${type === 'qemu' ? 'VM' : 'CT'} ${vmid} to node ${target}`);
    setImmediate(() => call.task(type === 'qemu' ? 'qmigrate' : 'vzmigrate', vmid, run));
    await sleep(0);
  });
}

function preconditions(call: Call): unknown {
  const { lab } = call;
  const guest = guestOf(call, 'qemu');
  const others = lab.nodes.filter((node) => node !== call.node && !lab.faults.isNodeDown(node));
  const local = ownDisks(lab, guest).filter((disk) => disk.volume.node !== '*');
  return {
    running: guest.running ? 1 : 0,
    ...(guest.running ? {} : { allowed_nodes: others }),
    not_allowed_nodes: Object.fromEntries(others.map((node) => [node, {}])),
    local_disks: local.map((disk) => ({
      volid: disk.file,
      drivename: disk.key,
      size: disk.volume.size,
      cdrom: disk.isCdrom ? 1 : 0,
      is_attached: 1,
    })),
    local_resources: [],
    'mapped-resources': [],
    'mapped-resource-info': {},
  };
}

export const migrateHandlers: Handlers = {
  'POST /nodes/{node}/qemu/{vmid}/migrate': (call) => migrate(call, 'qemu'),
  'POST /nodes/{node}/lxc/{vmid}/migrate': (call) => migrate(call, 'lxc'),
  'GET /nodes/{node}/qemu/{vmid}/migrate': preconditions,
  'GET /nodes/{node}/lxc/{vmid}/migrate': (call) => {
    const guest = guestOf(call, 'lxc');
    const others = call.lab.nodes.filter((node) => node !== call.node && !call.lab.faults.isNodeDown(node));
    return { running: guest.running ? 1 : 0, 'allowed-nodes': others, 'not-allowed-nodes': {} };
  },
};
