/** Full and linked clones of machines, and what those of containers share with them. */
import { randomUUID } from 'node:crypto';
import { fail, parameterError } from '../http/api-error.js';
import type { Call } from '../http/call.js';
import type { Lab } from '../lab.js';
import { demandCpuModel } from '../qemu/cpu-models.js';
import { isCdrom, isCloudInitFile, isDriveKey, parseDrive } from '../qemu/drives.js';
import { demandNetworks } from '../qemu/machine-privileges.js';
import type { Guest, GuestConfig, Volume } from '../state/model.js';
import { hasFeature } from '../storage/features.js';
import { abilitiesOf, contentOf, loadStorage, storageConfig } from '../storage/storages.js';
import { createVolume, removeVolume } from '../storage/volumes.js';
import type { TaskContext } from '../tasks/tasks.js';
import { type Disk, describeDisk, disksOf } from './disks.js';
import { addToPool, demandPool } from './guest-pool.js';
import { checkLock, findGuest, guestOf, isTemplate, withGuestLock } from './guests.js';
import { completeNic } from './network-options.js';
import { settleConfig } from './settle-config.js';

/** Milliseconds a full clone waits for the storage: Proxmox holds one lock over the whole of it. */
const STORAGE_LOCK_MS = 10_000;

export function withStorageLock<T>(lab: Lab, storage: string, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
  const shared = lab.state.storages.get(storage)?.options.shared === 1;
  const timeoutText = shared
    ? `cfs-lock 'storage-${storage}' error: got lock request timeout`
    : `can't lock file '/var/lock/pve-manager/pve-storage-${storage}' - got timeout`;
  return lab.locks.run(`storage/${storage}`, { timeoutMs: STORAGE_LOCK_MS, timeoutText, signal }, work);
}

/** What a clone takes over that is no option: the firewall's rules, and how a container was set up. */
export const besideConfig = ({ setup, firewall }: Guest): Partial<Guest> => ({
  ...(setup ? { setup: { ...setup } } : {}),
  ...(firewall ? { firewall: structuredClone(firewall) } : {}),
});

/** What is cloned: the guest as it is, or a snapshot with its own description. */
export function configOf(source: Guest, snapname: string | undefined): Readonly<GuestConfig> {
  if (snapname === undefined) return source.config;
  const snapshot = source.snapshots[snapname];
  if (!snapshot) throw fail(`snapshot '${snapname}' does not exist`);
  return snapshot.description === '' ? snapshot.config : { ...snapshot.config, description: snapshot.description };
}

/** The other node a clone is for; undefined for this one. */
export function targetNode(call: Call): string | undefined {
  const target = call.text('target');
  if (target === undefined || target === call.node || target === 'localhost') return undefined;
  if (!call.lab.nodes.includes(target)) throw fail(`no such cluster node '${target}'`);
  return target;
}

interface Plan {
  readonly source: Guest;
  readonly config: Readonly<GuestConfig>;
  readonly full: boolean;
  readonly target: string | undefined;
  /** Disks to copy, cloud-init images too. */
  readonly drives: readonly Disk[];
}

function checkStorage(call: Call, target: string | undefined): void {
  const storage = call.text('storage');
  if (storage === undefined) return;
  const record = loadStorage(call.lab, storage, call.node);
  if (!contentOf(record).includes('images'))
    throw parameterError({ storage: `storage '${storage}' does not support vm images` });
  if (target === undefined) return;
  loadStorage(call.lab, storage, target);
  if (record.options.shared !== 1) throw fail(`can't clone to non-shared storage '${storage}'`);
}

/** Throws 403 where space may not be taken; answers whether everything lies on shared storages. */
function demandSpace(call: Call, config: Readonly<GuestConfig>): boolean {
  let shared = true;
  for (const key of Object.keys(config).filter(isDriveKey)) {
    const drive = parseDrive(key, config[key] ?? '');
    const file = drive?.file ?? 'none';
    if (!drive || file === 'none') continue;
    if (file === 'cdrom') {
      call.demand('/', ['Sys.Console']);
      continue;
    }
    const id = file.split(':')[0] ?? '';
    if (storageConfig(call.lab, id).options.shared !== 1) shared = false;
    if (!isCdrom(drive)) call.demand(`/storage/${call.text('storage') ?? id}`, ['Datastore.AllocateSpace']);
  }
  return shared;
}

/** Everything that is refused, at once and again in the task. */
function plan(call: Call): Plan {
  const { lab } = call;
  demandPool(call);
  const target = targetNode(call);
  checkStorage(call, target);
  const source = guestOf(call, 'qemu');
  checkLock(source);
  const snapname = call.text('snapname');
  const config = configOf(source, snapname);
  const full = call.text('full') === undefined ? !isTemplate(source) : call.flag('full');
  for (const name of ['storage', 'format'])
    if (!full && call.text(name) !== undefined) throw fail(`parameter '${name}' not allowed for linked clones`);
  const shared = demandSpace(call, config);
  demandNetworks(call, config);
  demandCpuModel(call, config.cpu);
  if (target !== undefined && !shared) throw fail(`can't clone VM to node '${target}' (VM uses local storage)`);
  const newid = call.number('newid') ?? 0;
  const other = findGuest(lab, 'qemu', source.node, newid);
  if (other && other.config.lock !== 'clone') throw fail(`unable to create VM ${newid}: config file already exists`);
  const drives: Disk[] = [];
  for (const disk of disksOf('qemu', config)) {
    if (disk.isCdrom && !isCloudInitFile(disk.file)) continue;
    if (full && source.running && snapname === undefined && disk.key === 'tpmstate0')
      throw fail('cannot clone TPM state while VM is running');
    const volume = lab.state.volume(source.node, disk.file);
    const copied = full || isCloudInitFile(disk.file) || disk.key === 'tpmstate0';
    const able = volume && hasFeature(lab, volume, copied ? 'copy' : 'clone', { snapshot: snapname !== undefined });
    if (!able)
      throw fail(
        `${copied ? 'Full' : 'Linked'} clone feature is not supported for${snapname === undefined ? '' : ' a snapshot of'} '${disk.file}' (${disk.key})`,
      );
    drives.push(disk);
  }
  return { source, config, full, target, drives };
}

export function cloneMachine(call: Call): string {
  const { lab, node } = call;
  const { source } = plan(call);
  const newid = call.number('newid') ?? 0;
  if (findGuest(lab, 'qemu', node, newid)) throw fail(`unable to create VM ${newid}: config file already exists`);
  // Of a container, or on another node, it is not seen before the new file is to get its name.
  if (lab.state.guests.has(newid))
    return call.task('qmclone', call.vmid, async (task) => {
      task.log(`creating a clone of VM ${call.vmid} with ID ${newid}`);
      const file = `/etc/pve/nodes/${node}/qemu-server/${newid}.conf`;
      throw new Error(`close (rename) atomic file '${file}' failed: File exists`);
    });
  const guest: Guest = {
    ...lab.state.newGuest(newid, 'qemu', node),
    config: { lock: 'clone' },
    ...besideConfig(source),
  };
  lab.state.saveGuest(guest);
  return call.task('qmclone', call.vmid, (task) => copy(call, guest, task));
}

function newConfig(call: Call, guest: Guest, { source, config }: Plan): GuestConfig {
  const result: GuestConfig = {};
  for (const [key, value] of Object.entries(config)) {
    if (/^(?:lock|template|parent|snaptime|vmstate|runningcpu|runningmachine|unused\d+)$/.test(key)) continue;
    result[key] = /^net\d+$/.test(key)
      ? completeNic(call.lab.name, guest.vmid, 'qemu', key, String(value), true)
      : value;
  }
  const smbios = String(config.smbios1 ?? '').replace(/(^|,)uuid=[^,]*/, '');
  result.smbios1 = [`uuid=${randomUUID()}`, ...smbios.split(',').filter((part) => part !== '')].sort().join(',');
  if (result.vmgenid) result.vmgenid = randomUUID();
  result.name = call.text('name') || `Copy-of-VM-${config.name ?? source.vmid}`;
  const description = call.text('description');
  if (description) result.description = description.trimEnd();
  return result;
}

async function copyDrive(call: Call, guest: Guest, one: Disk, { source, full }: Plan, task: TaskContext) {
  const { lab } = call;
  const old = lab.state.volume(source.node, one.file);
  if (!old) throw new Error(`volume '${one.file}' does not exist`);
  const storage = call.text('storage') ?? old.storage;
  const wanted = { node: source.node, storage, vmid: guest.vmid, type: 'qemu' as const, size: old.size };
  const files = abilitiesOf(storageConfig(lab, storage)).files;
  if (isCloudInitFile(one.file))
    return await createVolume(lab, { ...wanted, suffix: 'cloudinit' }, { empty: true }, task.signal);
  const copied = full || one.key === 'tpmstate0';
  task.log(`create ${copied ? 'full' : 'linked'} clone of drive ${one.key} (${one.file})`);
  if (!copied) {
    const format = files ? 'qcow2' : old.format;
    return await createVolume(lab, { ...wanted, format }, { clone: old, linked: true, fresh: true }, task.signal);
  }
  // Asked for, else that of the source where the target has it, else the target's own.
  const format = call.text('format') ?? (files && old.format !== 'subvol' ? old.format : undefined);
  return await withStorageLock(lab, storage, task.signal, () =>
    createVolume(
      lab,
      { ...wanted, ...(format ? { format } : {}) },
      { clone: old, linked: false, fresh: true },
      task.signal,
    ),
  );
}

async function copy(call: Call, guest: Guest, task: TaskContext): Promise<void> {
  const { lab } = call;
  const made: Volume[] = [];
  const forget = async () => {
    for (const volume of made) await removeVolume(lab, volume).catch(() => undefined);
    lab.directory.leavePool(guest.vmid);
    lab.state.deleteGuest(guest.vmid);
  };
  let current: Plan;
  try {
    current = plan(call);
  } catch (error) {
    await forget();
    throw error;
  }
  try {
    task.log(`creating a clone of VM ${call.vmid} with ID ${guest.vmid}`);
    const config = newConfig(call, guest, current);
    const work = async () => {
      for (const one of current.drives) {
        const volume = await copyDrive(call, guest, one, current, task);
        made.push(volume);
        config[one.key] = describeDisk('qemu', one.key, one.values, volume);
      }
    };
    const { source } = current;
    // A template may be read by many at once.
    if (isTemplate(source)) await work();
    else await withGuestLock(lab, 'qemu', source.vmid, task.signal, work);
    const waiting = call.text('snapname') === undefined ? Object.keys(source.pending) : [];
    if (waiting.length > 0) task.log(`found pending changes for '${waiting.join(',')}', discarding for clone`);
    guest.config = config;
    guest.node = current.target ?? source.node;
    settleConfig(guest);
    lab.state.saveGuest(guest);
    const pool = call.text('pool');
    if (pool !== undefined) addToPool(lab, pool, guest.vmid);
  } catch (error) {
    await forget();
    task.signal.throwIfAborted();
    throw new Error(`clone failed: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
}
