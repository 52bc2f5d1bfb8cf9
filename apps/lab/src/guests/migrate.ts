/** Moving a guest to another node of the lab: offline, live (machines) or with a restart (containers). */
import { isManaged, sidOf } from '../cluster/ha-state.js';
import { fail, parameterError } from '../http/api-error.js';
import type { Call, Handlers } from '../http/call.js';
import type { Lab } from '../lab.js';
import type { Guest, GuestType } from '../state/model.js';
import { contentOf, loadStorage } from '../storage/storages.js';
import { localTime } from '../tasks/local-time.js';
import type { TaskContext } from '../tasks/tasks.js';
import { disksOf } from './disks.js';
import { checkLock, demandOnGuest, guestOf, loadGuest, withConfigLock, withGuestLock } from './guests.js';
import { localResources } from './migrate-conditions.js';
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

/** Looked at when all else is fit to begin. */
function checkReachable(lab: Lab, target: Target): void {
  if (lab.faults.isNodeDown(target.node)) throw new Error("Can't connect to destination address using public key");
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
    checkReachable(lab, target);
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
    checkReachable(lab, target);
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
    await (type === 'qemu' ? migrateMachine(call, target, task) : migrateContainer(call, target, task));
  });

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
    lab.ha.request(sidOf(guest), 'migrate', node);
  });
}

export const migrateHandlers: Handlers = {
  'POST /nodes/{node}/qemu/{vmid}/migrate': (call) => migrate(call, 'qemu'),
  'POST /nodes/{node}/lxc/{vmid}/migrate': (call) => migrate(call, 'lxc'),
};
