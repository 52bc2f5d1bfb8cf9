/** Moving a guest to another node of the lab: offline, live (machines) or with a restart (containers). */
import { setTimeout as sleep } from 'node:timers/promises';
import { isManaged } from '../cluster/ha-state.js';
import { fail, parameterError } from '../http/api-error.js';
import type { Call, Handlers } from '../http/call.js';
import type { Lab } from '../lab.js';
import { isCloudInitFile } from '../qemu/drives.js';
import type { Guest, GuestType, Volume } from '../state/model.js';
import { volumeId } from '../state/model.js';
import { contentOf, isOnNode, loadStorage } from '../storage/storages.js';
import { localTime } from '../tasks/local-time.js';
import type { TaskContext } from '../tasks/tasks.js';
import { disksOf } from './disks.js';
import { checkLock, demandOnGuest, guestOf, loadGuest, withConfigLock, withGuestLock } from './guests.js';
import { moveVolumes, planMove, type Target } from './migrate-volumes.js';
import { boot, halt } from './power.js';

/** Seconds of darkness a container's restart migration waits for its shutdown. */
const RESTART_SECONDS = 180;

const two = (value: number) => String(value).padStart(2, '0');
function duration(milliseconds: number): string {
  const seconds = Math.floor(milliseconds / 1000);
  return [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60].map(two).join(':');
}

/** Runs a migration with the log of the real one: whatever fails, the task says only that it was aborted. */
async function withLog(
  lab: Lab,
  task: TaskContext,
  work: (log: (line: string) => void) => Promise<void>,
): Promise<void> {
  const log = (line: string) => task.log(`${localTime(lab.now())} ${line}`);
  const begin = lab.now();
  try {
    await work(log);
  } catch (error) {
    task.signal.throwIfAborted();
    const text = error instanceof Error ? error.message : String(error);
    log(`ERROR: migration aborted (duration ${duration(lab.now() - begin)}): ${text}`);
    throw new Error('migration aborted', { cause: error });
  }
  log(`migration finished successfully (duration ${duration(lab.now() - begin)})`);
}

async function migrateMachine(call: Call, target: Target, task: TaskContext): Promise<void> {
  const { lab, vmid } = call;
  await withLog(lab, task, async (log) => {
    const guest = loadGuest(lab, 'qemu', call.node, vmid);
    checkLock(guest);
    const online = guest.running !== undefined;
    if (online && !call.flag('online')) throw new Error("can't migrate running VM without --online");
    const resources = localResources(guest);
    if (resources.length > 0 && (online || !call.flag('force')))
      throw new Error(`can't migrate VM which uses local devices: ${resources.join(', ')}`);
    await withConfigLock(lab, guest, 'migrate', async () => {
      log(`starting migration of VM ${vmid} to node '${target.node}' (127.0.0.1)`);
      const plan = planMove(lab, guest, target, { online, withLocalDisks: call.flag('with-local-disks'), log });
      moveVolumes(lab, guest, plan, target, log);
      if (online) log(`live migration of VM ${vmid}: memory needs no copy, all nodes share it`);
    });
  });
}

async function migrateContainer(call: Call, target: Target, task: TaskContext): Promise<void> {
  const { lab, vmid } = call;
  await withLog(lab, task, async (log) => {
    const guest = loadGuest(lab, 'lxc', call.node, vmid);
    checkLock(guest);
    const wasRunning = guest.running !== undefined;
    if (wasRunning && call.flag('online')) throw new Error('lxc live migration is currently not implemented');
    if (wasRunning && !call.flag('restart')) throw new Error('running container can only be migrated in restart mode');
    await withConfigLock(lab, guest, 'migrate', async () => {
      if (wasRunning) {
        log(`shutdown CT ${vmid}`);
        await lab.runtime.shutdown(vmid, call.number('timeout') ?? RESTART_SECONDS, task.signal);
        await halt(lab, guest);
      }
      log(`starting migration of CT ${vmid} to node '${target.node}' (127.0.0.1)`);
      try {
        const plan = planMove(lab, guest, target, { online: false, withLocalDisks: true, log });
        moveVolumes(lab, guest, plan, target, log);
      } catch (error) {
        if (wasRunning) {
          log('start container on source node');
          await boot(lab, guest, task.signal);
        }
        throw error;
      }
      log('start final cleanup');
      if (wasRunning) {
        log('start container on target node');
        await boot(lab, guest, task.signal);
      }
    });
  });
}

/** What the task of a migration does; `call` says of which guest and how. */
export const migrationOf = (call: Call, type: GuestType, target: Target) => (task: TaskContext) =>
  withGuestLock(call.lab, type, call.vmid, task.signal, async () => {
    if (call.lab.faults.isNodeDown(target.node))
      throw new Error("Can't connect to destination address using public key");
    await (type === 'qemu' ? migrateMachine(call, target, task) : migrateContainer(call, target, task));
  });

/** Devices of the host a machine holds on to. */
function localResources(guest: Guest): string[] {
  const found = guest.config.ivshmem === undefined ? [] : ['ivshmem'];
  for (const [key, value] of Object.entries(guest.config)) {
    if (/^usb\d+$/.test(key) && /^(?:host=)?spice/i.test(String(value))) continue;
    if (/^serial\d+$/.test(key) && value === 'socket') continue;
    if (/^hostpci\d+$/.test(key) && /mapping=/.test(String(value)) && !guest.running) continue;
    if (/^(?:usb|hostpci|serial|parallel|virtiofs)\d+$/.test(key)) found.push(key);
  }
  return found;
}

/** `a:b,c:d` or one storage for all; `1` keeps every name. */
function storageMap(call: Call, name: string): { map: ReadonlyMap<string, string>; identity: boolean; all?: string } {
  const map = new Map<string, string>();
  let all: string | undefined;
  let identity = false;
  for (const part of (call.text(name) ?? '').split(/[,;\s]+/).filter((one) => one !== '')) {
    const [from = '', to] = part.split(':');
    if (part === '1') identity = true;
    else if (to === undefined) {
      if (all !== undefined)
        throw parameterError({ [name]: 'failed to parse storage map: default target ID can only be provided once\n' });
      all = from;
    } else map.set(from, to);
  }
  if (identity && (map.size > 0 || all !== undefined))
    throw parameterError({
      [name]: 'failed to parse storage map: identity mapping cannot be combined with other mappings\n',
    });
  return { map, identity, ...(all === undefined ? {} : { all }) };
}

function checkStorages(call: Call, guest: Guest, name: string, node: string): Target {
  const { lab } = call;
  const { map, identity, all } = storageMap(call, name);
  const wanted = [...map.values(), ...(all === undefined ? [] : [all])];
  if (call.text(name) !== undefined && !identity) demandOnGuest(call, guest.vmid, ['VM.Config.Disk']);
  for (const id of wanted) {
    const record = loadStorage(lab, id, node);
    call.demand(`/storage/${id}`, ['Datastore.AllocateSpace']);
    const content = guest.type === 'qemu' ? 'images' : 'rootdir';
    if (!contentOf(record).includes(content))
      throw fail(`storage '${id}' does not support ${guest.type === 'qemu' ? 'vm images' : 'CT rootdirs'}`);
  }
  if (guest.type === 'qemu' && (call.text(name) === undefined || identity))
    for (const disk of disksOf('qemu', guest.config)) {
      const id = disk.file.includes(':') ? (disk.file.split(':')[0] ?? '') : '';
      if (id === '') continue;
      loadStorage(lab, id, guest.node);
      loadStorage(lab, id, node);
    }
  return { node, storageOf: (id) => map.get(id) ?? all ?? id };
}

function migrate(call: Call, type: GuestType): string {
  const { lab, vmid } = call;
  const node = call.need('target');
  if (node === call.node) throw parameterError({ target: 'target is local node.' });
  if (!lab.nodes.includes(node)) throw fail(`no such cluster node '${node}'`);
  if (lab.faults.isNodeDown(node)) throw fail(`node '${node}' is not online`);
  if (type === 'qemu' && !call.caller.isRoot)
    for (const key of ['force', 'migration_type', 'migration_network'])
      if (call.text(key) && call.text(key) !== '0') throw parameterError({ [key]: 'Only root may use this option.' });
  const guest = guestOf(call, type);
  if (type === 'qemu') checkLock(guest);
  if (guest.running && type === 'qemu' && !call.flag('online')) throw fail("can't migrate running VM without --online");
  if (guest.running && type === 'lxc' && !call.flag('online') && !call.flag('restart'))
    throw fail("can't migrate running container without --online or --restart");
  const target = checkStorages(call, guest, type === 'qemu' ? 'targetstorage' : 'target-storage', node);
  const run = migrationOf(call, type, target);
  if (!isManaged(lab, guest)) return call.task(type === 'qemu' ? 'qmigrate' : 'vzmigrate', vmid, run);
  return call.task('hamigrate', vmid, async (task) => {
    task.log(`Requesting HA migration for ${type === 'qemu' ? 'VM' : 'CT'} ${vmid} to node ${node}`);
    setImmediate(() => call.task(type === 'qemu' ? 'qmigrate' : 'vzmigrate', vmid, run));
    await sleep(0);
  });
}

interface LocalDisk {
  readonly volume: Volume;
  readonly drive?: string;
  readonly isCdrom: boolean;
  readonly isUnused: boolean;
  snapshots: string[];
}

/** Volumes of this node alone, by what refers to them. */
function localDisks(lab: Lab, guest: Guest): Map<string, LocalDisk> {
  const found = new Map<string, LocalDisk>();
  const look = (config: Guest['config'], snapshot?: string) => {
    for (const disk of disksOf('qemu', config, true)) {
      const volume = lab.state.volume(guest.node, disk.file);
      if (!volume || volume.node === '*' || disk.values.shared === '1') continue;
      const id = volumeId(volume);
      const isUnused = /^unused/.test(disk.key);
      const known = found.get(id) ?? { volume, drive: disk.key, isCdrom: disk.isCdrom, isUnused, snapshots: [] };
      if (snapshot !== undefined) known.snapshots.push(snapshot);
      found.set(id, known);
    }
  };
  look(guest.config);
  for (const [name, snapshot] of Object.entries(guest.snapshots)) look(snapshot.config, name);
  return found;
}

function describeDisk({ volume, drive, isCdrom, isUnused, snapshots }: LocalDisk): Record<string, unknown> {
  return {
    volid: volumeId(volume),
    size: volume.size,
    cdrom: isCdrom ? 1 : 0,
    is_cloudinit: isCloudInitFile(volumeId(volume)) ? 1 : 0,
    replicate: 1,
    shared: 0,
    is_unused: isUnused ? 1 : 0,
    is_attached: isUnused ? 0 : 1,
    is_vmstate: 0,
    is_tpmstate: drive === 'tpmstate0' ? 1 : 0,
    ...(drive === undefined || isUnused ? {} : { drivename: drive }),
    ...(snapshots.length > 0 ? { referenced_in_snapshot: Object.fromEntries(snapshots.map((name) => [name, 1])) } : {}),
  };
}

/** Storages a machine needs that another node does not have. */
function missingStorages(lab: Lab, guest: Guest, node: string): string[] {
  const storages = new Set(disksOf('qemu', guest.config).flatMap((disk) => disk.file.split(':')[0] ?? []));
  return [...storages]
    .filter((id) => {
      const storage = lab.state.storages.get(id);
      return storage !== undefined && (storage.options.disable === 1 || !isOnNode(storage, node));
    })
    .sort();
}

/** What keeps a machine from being moved with all others of its node, a line each. */
export function obstacles(lab: Lab, guest: Guest, node: string, disksStay: boolean): string[] {
  const list = (what: string, found: readonly string[]) =>
    found.length > 0 ? [`Has ${what}: ${found.join(', ')}`] : [];
  return [
    ...list('local disks', disksStay ? [...localDisks(lab, guest).keys()] : []),
    ...list('local resources', localResources(guest)),
    ...list('unavailable storages', missingStorages(lab, guest, node)),
  ];
}

function preconditions(call: Call): unknown {
  const { lab } = call;
  const guest = guestOf(call, 'qemu');
  checkLock(guest);
  const others = lab.nodes.filter((node) => node !== call.node);
  const refused: Record<string, { unavailable_storages?: string[] }> = {};
  for (const node of others) {
    const missing = missingStorages(lab, guest, node);
    refused[node] = missing.length > 0 ? { unavailable_storages: missing } : {};
  }
  return {
    running: guest.running ? 1 : 0,
    allowed_nodes: others.filter((node) => Object.keys(refused[node] ?? {}).length === 0),
    not_allowed_nodes: refused,
    local_disks: [...localDisks(lab, guest).values()].map(describeDisk),
    local_resources: localResources(guest),
    'mapped-resources': [],
    'mapped-resource-info': {},
    'has-dbus-vmstate': 1,
  };
}

export const migrateHandlers: Handlers = {
  'POST /nodes/{node}/qemu/{vmid}/migrate': (call) => migrate(call, 'qemu'),
  'POST /nodes/{node}/lxc/{vmid}/migrate': (call) => migrate(call, 'lxc'),
  'GET /nodes/{node}/qemu/{vmid}/migrate': preconditions,
  'GET /nodes/{node}/lxc/{vmid}/migrate': (call) => {
    const guest = guestOf(call, 'lxc');
    checkLock(guest);
    const others = call.lab.nodes.filter((node) => node !== call.node);
    return { running: guest.running ? 1 : 0, 'allowed-nodes': others, 'not-allowed-nodes': {} };
  },
};
