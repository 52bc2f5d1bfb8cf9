/** Full and linked clones of containers. */
import { fail } from '../http/api-error.js';
import type { Call } from '../http/call.js';
import { settleOption } from '../lxc/container-config.js';
import { containerFormat, printMount } from '../lxc/container-disks.js';
import { demandBridge } from '../lxc/container-privileges.js';
import { formatSize } from '../schema/formats.js';
import { type Guest, type GuestConfig, type Volume, volumeId } from '../state/model.js';
import { hasFeature } from '../storage/features.js';
import { loadStorage, storageConfig } from '../storage/storages.js';
import { createVolume, removeVolume } from '../storage/volumes.js';
import type { TaskContext } from '../tasks/tasks.js';
import { besideConfig, configOf, targetNode, withStorageLock } from './clone.js';
import { type Disk, disksOf } from './disks.js';
import { addToPool, demandPool } from './guest-pool.js';
import { checkLock, checkUnused, guestOf, isTemplate } from './guests.js';
import { completeNic } from './network-options.js';
import { settleConfig } from './settle-config.js';

interface Plan {
  readonly source: Guest;
  readonly guest: Guest;
  readonly full: boolean;
  readonly target: string | undefined;
  readonly mounts: readonly { readonly disk: Disk; readonly volume: Volume }[];
  readonly config: GuestConfig;
}

function checkStorage(call: Call, target: string | undefined): void {
  const storage = call.text('storage');
  if (storage === undefined) return;
  loadStorage(call.lab, storage, call.node);
  if (target === undefined) return;
  const record = loadStorage(call.lab, storage, target);
  if (record.options.shared !== 1) throw fail(`can't clone to non-shared storage '${storage}'`);
}

/** What the clone copies; the rest of its configuration is in `config`. */
function plan(call: Call, source: Guest, guest: Guest, target: string | undefined): Plan {
  const { lab } = call;
  const full = call.text('full') === undefined ? !isTemplate(source) : call.flag('full');
  const storage = call.text('storage');
  if (!full && storage !== undefined) throw fail("parameter 'storage' not allowed for linked clones");
  const snapname = call.text('snapname');
  const from = configOf(source, snapname);
  const mounts: { disk: Disk; volume: Volume }[] = [];
  let shared = true;
  // The root file system first, so that it gets the first number.
  const sorted = disksOf('lxc', from).sort((a, b) => Number(b.key === 'rootfs') - Number(a.key === 'rootfs'));
  for (const disk of sorted) {
    const id = storage ?? disk.file.split(':')[0] ?? '';
    if (storageConfig(lab, id).options.shared !== 1) shared = false;
    call.demand(`/storage/${id}`, ['Datastore.AllocateSpace']);
    if (full && source.running && snapname === undefined)
      throw fail('Full clone of a running container is only possible from a snapshot');
    const volume = lab.state.volume(source.node, disk.file);
    if (!volume) throw fail(`volume '${disk.file}' does not exist`);
    if (!full && !hasFeature(lab, volume, 'clone', { container: true, snapshot: snapname !== undefined }))
      throw fail(`Linked clone feature for '${disk.file}' is not available`);
    mounts.push({ disk, volume });
  }
  const config: GuestConfig = {};
  for (const [key, value] of Object.entries(from)) {
    if (/^(?:lock|template|parent|snaptime|unused\d+|rootfs|mp\d+)$/.test(key)) continue;
    config[key] = /^net\d+$/.test(key) ? completeNic(lab.name, guest.vmid, 'lxc', key, String(value), true) : value;
    if (/^net\d+$/.test(key)) demandBridge(call, key, config[key]);
  }
  if (target !== undefined && !shared) throw fail(`can't clone CT to node '${target}' (CT uses local storage)`);
  if (call.text('hostname')) config.hostname = call.need('hostname');
  if (call.text('description'))
    config.description = settleOption(lab.name, guest.vmid, 'description', call.need('description'));
  return { source, guest, full, target, mounts, config };
}

export function cloneContainer(call: Call): string {
  const { lab, node } = call;
  demandPool(call);
  const target = targetNode(call);
  checkStorage(call, target);
  const source = guestOf(call, 'lxc');
  checkLock(source);
  const newid = call.number('newid') ?? 0;
  try {
    checkUnused(lab, newid);
  } catch (error) {
    throw fail((error as Error).message);
  }
  const guest: Guest = {
    ...lab.state.newGuest(newid, 'lxc', node),
    config: { lock: 'create' },
    ...besideConfig(source),
  };
  const current = plan(call, source, guest, target);
  // All but the mount points is there from the start.
  guest.config = { ...current.config, lock: 'create' };
  source.config.lock = 'disk';
  lab.state.saveGuest(source);
  lab.state.saveGuest(guest);
  return call.task('vzclone', call.vmid, (task) => copy(call, current, task));
}

async function copyMount(call: Call, { source, guest, full }: Plan, disk: Disk, old: Volume, task: TaskContext) {
  const { lab } = call;
  const storage = call.text('storage') ?? old.storage;
  const wanted = { node: source.node, storage, vmid: guest.vmid, type: 'lxc' as const, size: old.size };
  task.log(`create ${full ? 'full clone of mountpoint' : 'linked clone of mount point'} ${disk.key} (${disk.file})`);
  const volumeSource = { clone: old, linked: !full, fresh: true };
  if (!full) return await createVolume(lab, { ...wanted, format: old.format }, volumeSource, task.signal);
  const format = containerFormat(storageConfig(lab, storage), old.size);
  return await withStorageLock(lab, storage, task.signal, () =>
    createVolume(lab, { ...wanted, format }, volumeSource, task.signal),
  );
}

async function copy(call: Call, current: Plan, task: TaskContext): Promise<void> {
  const { lab } = call;
  const { source, guest, config } = current;
  const made: Volume[] = [];
  try {
    task.log(`creating a clone of container ${source.vmid} with ID ${guest.vmid}`);
    for (const { disk, volume } of current.mounts) {
      const next = await copyMount(call, current, disk, volume, task);
      made.push(next);
      config[disk.key] = printMount(disk.key, {
        ...disk.values,
        volume: volumeId(next),
        size: formatSize(next.size),
      });
    }
    guest.config = config;
    guest.node = current.target ?? source.node;
    settleConfig(guest);
    lab.state.saveGuest(guest);
    const pool = call.text('pool');
    if (pool !== undefined) addToPool(lab, pool, guest.vmid);
  } catch (error) {
    for (const volume of made) await removeVolume(lab, volume).catch(() => undefined);
    lab.directory.leavePool(guest.vmid);
    lab.state.deleteGuest(guest.vmid);
    task.signal.throwIfAborted();
    throw new Error(`clone failed: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  } finally {
    if (lab.state.guests.get(source.vmid) === source && source.config.lock === 'disk') {
      delete source.config.lock;
      lab.state.saveGuest(source);
    }
  }
}
