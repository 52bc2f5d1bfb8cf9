/** Full and linked clones, and turning a guest into a template. */
import { fail, parameterError } from '../http/api-error.js';
import type { Call, Handlers } from '../http/call.js';
import type { Lab } from '../lab.js';
import { addToPool } from '../lxc/create-container.js';
import { newIdentity } from '../qemu/create-machine.js';
import type { Guest, GuestConfig, GuestType, Volume } from '../state/model.js';
import { abilitiesOf, contentOf, loadStorage } from '../storage/storages.js';
import { createVolume, isReal, removeVolume, toBase } from '../storage/volumes.js';
import type { TaskContext } from '../tasks/tasks.js';
import { describeDisk, disksOf, isCloudInit, ownDisks } from './disks.js';
import { checkLock, checkUnused, digestOf, guestOf, isTemplate, withConfigLock, withGuestLock } from './guests.js';
import { KINDS } from './kind.js';
import { completeNic } from './network-options.js';

/** Milliseconds a full clone waits for the storage: Proxmox holds one lock over the whole of it. */
const STORAGE_LOCK_MS = 10_000;

function clone(call: Call, type: GuestType): string {
  const { lab, node } = call;
  const source = guestOf(call, type);
  const { prefix, label } = KINDS[type];
  const newid = call.number('newid') ?? 0;
  const target = call.text('target') ?? node;
  if (!lab.nodes.includes(target)) throw fail(`no such cluster node '${target}'`);
  checkLock(source);
  const snapname = call.text('snapname');
  const snapshot = snapname === undefined ? undefined : source.snapshots[snapname];
  if (snapname !== undefined && !snapshot) throw fail(`snapshot '${snapname}' does not exist`);
  const template = isTemplate(source);
  const full = call.text('full') === undefined ? !template : call.flag('full');
  const storage = call.text('storage');
  if (!full && storage !== undefined) throw fail("parameter 'storage' not allowed for linked clones");
  if (!full && call.text('format') !== undefined) throw fail("parameter 'format' not allowed for linked clones");
  if (storage !== undefined) {
    const record = loadStorage(lab, storage, node);
    if (!contentOf(record).includes(type === 'lxc' ? 'rootdir' : 'images'))
      throw type === 'qemu'
        ? parameterError({ storage: `storage '${storage}' does not support vm images` })
        : fail(`storage '${storage}' does not support CT rootdirs`);
    if (target !== node && record.options.shared !== 1) throw fail(`can't clone to non-shared storage '${storage}'`);
    call.demand(`/storage/${storage}`, ['Datastore.AllocateSpace']);
  }
  const config = snapshot?.config ?? source.config;
  if (type === 'lxc' && full && source.running && !snapshot)
    throw fail('Full clone of a running container is only possible from a snapshot');
  const disks = ownDisks(lab, source, config).filter((disk) => !isCloudInit(disk));
  for (const disk of disks) {
    const to = storage ?? disk.volume.storage;
    if (storage === undefined) call.demand(`/storage/${to}`, ['Datastore.AllocateSpace']);
    if (!full && !template && !/(^|\/)base/.test(disk.volume.name))
      throw fail(
        type === 'qemu'
          ? `Linked clone feature is not supported for drive '${disk.key}'`
          : `Linked clone feature for '${disk.file}' is not available`,
      );
    const onFiles = lab.state.storages.get(disk.volume.storage);
    if (!full && type === 'lxc' && onFiles && abilitiesOf(onFiles).files && onFiles.type !== 'btrfs')
      throw fail(`Linked clone feature for '${disk.file}' is not available`);
    if (target !== node && disk.volume.node !== '*')
      throw fail(`can't clone ${label} to node '${target}' (${label} uses local storage)`);
  }
  try {
    checkUnused(lab, newid);
  } catch (error) {
    throw fail(
      type === 'qemu'
        ? `unable to create VM ${newid}: config file already exists`
        : `unable to create CT ${newid}: ${(error as Error).message}`,
    );
  }
  const pool = call.text('pool');
  const guest: Guest = {
    ...lab.state.newGuest(newid, type, node),
    config: { lock: 'create' },
    ...(source.setup ? { setup: { ...source.setup } } : {}),
  };
  lab.state.saveGuest(guest);
  if (pool !== undefined) addToPool(call, pool, newid);
  return call.task(`${prefix}clone`, call.vmid, (task) =>
    copy(call, source, guest, { config, full, ...(storage === undefined ? {} : { storage }), target }, task),
  );
}

interface Plan {
  readonly config: GuestConfig;
  readonly full: boolean;
  readonly storage?: string;
  readonly target: string;
}

async function copy(call: Call, source: Guest, guest: Guest, plan: Plan, task: TaskContext): Promise<void> {
  const { lab } = call;
  const made: Volume[] = [];
  const { label } = KINDS[guest.type];
  try {
    const config = cloneConfig(call, guest, plan.config);
    const work = async () => {
      for (const disk of ownDisks(lab, source, plan.config)) {
        const cloudInit = isCloudInit(disk);
        const wanted = {
          node: source.node,
          storage: plan.storage ?? disk.volume.storage,
          vmid: guest.vmid,
          type: guest.type,
          size: disk.volume.size,
          ...(cloudInit ? { suffix: 'cloudinit' } : {}),
          ...(plan.full
            ? fullFormat(call, disk.volume, plan.storage ?? disk.volume.storage)
            : { format: linkedFormat(disk.volume) }),
        };
        const storageWork = async () => {
          task.log(
            `create ${plan.full ? 'full' : 'linked'} clone of ${guest.type === 'qemu' ? `drive ${disk.key}` : `mountpoint ${disk.key}`} (${disk.file})`,
          );
          made.push(
            await createVolume(
              lab,
              wanted,
              cloudInit ? { empty: true } : { clone: disk.volume, linked: !plan.full, fresh: true },
              task.signal,
            ),
          );
        };
        if (plan.full && !cloudInit) await withStorageLock(lab, wanted.storage, task.signal, storageWork);
        else await storageWork();
        const volume = made.at(-1);
        if (volume) config[disk.key] = describeDisk(guest.type, disk.key, disk.values, volume);
      }
    };
    // A template may be cloned many times at once; any other source is locked while it is read.
    if (isTemplate(source)) await work();
    else
      await withGuestLock(lab, guest.type, source.vmid, task.signal, () => withConfigLock(lab, source, 'disk', work));
    guest.config = config;
    guest.node = plan.target;
    lab.state.saveGuest(guest);
  } catch (error) {
    for (const volume of made) await removeVolume(lab, volume).catch(() => undefined);
    lab.directory.forgetGuest(guest.vmid, false);
    lab.state.deleteGuest(guest.vmid);
    task.signal.throwIfAborted();
    throw new Error(`clone failed: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
  task.log(`${label} ${guest.vmid} created`);
}

function withStorageLock<T>(lab: Lab, storage: string, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
  const shared = lab.state.storages.get(storage)?.options.shared === 1;
  const timeoutText = shared
    ? `cfs-lock 'storage-${storage}' error: got lock request timeout`
    : `can't lock file '/var/lock/pve-manager/pve-storage-${storage}' - got timeout`;
  return lab.locks.run(`storage/${storage}`, { timeoutMs: STORAGE_LOCK_MS, timeoutText, signal }, work);
}

/** Asked for, else that of the source where the target can hold it, else the target's own. */
function fullFormat(call: Call, source: Volume, target: string): { format?: string } {
  const asked = call.text('format');
  if (asked !== undefined) return { format: asked };
  const storage = call.lab.state.storages.get(target);
  return source.format === 'qcow2' && storage && abilitiesOf(storage).files ? { format: 'qcow2' } : {};
}

/** Linked clones on file storages are overlays. */
const linkedFormat = (volume: Volume) => (/\.\w+$/.test(volume.name) ? 'qcow2' : volume.format);

function cloneConfig(call: Call, guest: Guest, source: GuestConfig): GuestConfig {
  const { lab } = call;
  const config: GuestConfig = {};
  for (const [key, value] of Object.entries(source)) {
    if (['lock', 'template', 'parent', 'snaptime', 'description', 'digest'].includes(key) || /^unused\d+$/.test(key))
      continue;
    config[key] = /^net\d+$/.test(key)
      ? completeNic(lab.name, guest.vmid, guest.type, key, String(value), true)
      : value;
  }
  const name = call.text(guest.type === 'qemu' ? 'name' : 'hostname');
  if (guest.type === 'qemu') {
    Object.assign(config, newIdentity(lab.now()), { meta: source.meta ?? newIdentity(lab.now()).meta });
    config.name = name ?? `Copy-of-VM-${source.name ?? call.vmid}`;
  } else config.hostname = name ?? `Copy-of-CT-${source.hostname ?? call.vmid}`;
  const description = call.text('description');
  if (description !== undefined)
    config.description = guest.type === 'lxc' ? `${description.trimEnd()}\n` : description.trimEnd();
  else if (guest.type === 'qemu' && source.description !== undefined) config.description = source.description;
  return config;
}

function makeTemplate(call: Call, type: GuestType): string | null {
  const { lab } = call;
  const guest = guestOf(call, type);
  const { label, prefix } = KINDS[type];
  checkLock(guest);
  if (Object.keys(guest.snapshots).length > 0)
    throw fail(`unable to create template, because ${label} contains snapshots`);
  if (isTemplate(guest)) throw fail("you can't convert a template to a template");
  if (guest.running)
    throw fail(
      type === 'qemu'
        ? "you can't convert a VM to template if VM is running"
        : "you can't convert a CT to template if the CT is running",
    );
  const upid = call.task(`${prefix}template`, call.vmid, (task) =>
    withGuestLock(lab, type, call.vmid, task.signal, async () => {
      for (const disk of ownDisks(lab, guest)) {
        if (!isReal(disk.volume)) continue;
        guest.config[disk.key] = describeDisk(type, disk.key, disk.values, toBase(lab, disk.volume));
      }
      guest.config.template = 1;
      lab.state.saveGuest(guest);
    }),
  );
  // Proxmox forks the same task for both and tells only the client of a machine.
  return type === 'qemu' ? upid : null;
}

function feature(call: Call, type: GuestType): unknown {
  const guest = guestOf(call, type);
  const disks = disksOf(type, guest.config).filter((disk) => !disk.isCdrom);
  const wanted = call.need('feature');
  const linked = isTemplate(guest);
  const hasFeature =
    wanted === 'clone'
      ? linked
      : wanted === 'copy'
        ? true
        : disks.every(
            (disk) =>
              (call.lab.state.volume(guest.node, disk.file)?.format ?? 'raw') !== 'raw' || !/\.raw/.test(disk.file),
          );
  return {
    hasFeature: hasFeature ? 1 : 0,
    ...(type === 'qemu' ? { nodes: [guest.node] } : {}),
    digest: digestOf(guest),
  };
}

export const cloneHandlers: Handlers = {
  'POST /nodes/{node}/qemu/{vmid}/clone': (call) => clone(call, 'qemu'),
  'POST /nodes/{node}/lxc/{vmid}/clone': (call) => clone(call, 'lxc'),
  'POST /nodes/{node}/qemu/{vmid}/template': (call) => makeTemplate(call, 'qemu'),
  'POST /nodes/{node}/lxc/{vmid}/template': (call) => makeTemplate(call, 'lxc'),
  'GET /nodes/{node}/qemu/{vmid}/feature': (call) => feature(call, 'qemu'),
  'GET /nodes/{node}/lxc/{vmid}/feature': (call) => feature(call, 'lxc'),
};
