/** A machine back from a vzdump archive, under its own or another id; `force` overwrites the one that is there. */
import { randomUUID } from 'node:crypto';
import { fail } from '../http/api-error.js';
import type { Call } from '../http/call.js';
import { parseDrive, printDrive } from '../qemu/drives.js';
import { formatSize } from '../schema/formats.js';
import type { BackupVolume, Guest, GuestConfig, Volume } from '../state/model.js';
import { volumeId } from '../state/model.js';
import { abilitiesOf, contentOf, storageConfig } from '../storage/storages.js';
import { createVolume, isReal, removeVolume, renumberVolume, runtimeVolume, toBase } from '../storage/volumes.js';
import type { TaskContext } from '../tasks/tasks.js';
import { archiveFile } from './backup.js';
import { ownDisks } from './disks.js';
import { addToPool } from './guest-pool.js';
import { checkProtection, findGuest, withGuestLock } from './guests.js';
import { completeNic } from './network-options.js';
import { hashPassword } from './password.js';
import { startGuest } from './power.js';
import { settleConfig } from './settle-config.js';
import { normalizeTags } from './tags.js';
import { checkVolumeAccess } from './volume-access.js';

/** Takes the id: an error where another guest has it, and `force` is not given. */
function take(call: Call): { guest: Guest; existed: boolean } {
  const { lab, vmid, node } = call;
  const emsg = `unable to restore VM ${vmid} -`;
  const other = lab.state.guests.get(vmid);
  const here = findGuest(lab, 'qemu', node, vmid);
  if (other && (!call.flag('force') || !here))
    throw fail(`${emsg} ${other.type === 'qemu' ? 'VM' : 'CT'} ${vmid} already exists on node '${other.node}'`);
  if (here?.config.lock !== undefined) throw fail(`${emsg} VM is locked (${here.config.lock})`);
  const guest: Guest = here ?? lab.state.newGuest(vmid, 'qemu', node);
  guest.config.lock = 'create';
  lab.state.saveGuest(guest);
  return { guest, existed: here !== undefined };
}

/** `settle` checks and completes what the request sets beside the archive. */
export async function restoreMachine(call: Call, archive: string, settle: () => GuestConfig): Promise<string> {
  const { lab, node, vmid } = call;
  if (archive === '-') throw fail('pipe requires cli environment');
  checkVolumeAccess(call, vmid, archive, 'backup');
  const volume = lab.state.volume(node, archive);
  if (!volume) throw fail(`can't find file '${archive}'`);
  const options = settle();
  if (options.cipassword !== undefined) options.cipassword = await hashPassword(String(options.cipassword));
  const { guest, existed } = take(call);
  const pool = call.text('pool');
  const start = call.flag('start');
  return call.task('qmrestore', vmid, async (task) => {
    try {
      await withGuestLock(lab, 'qemu', vmid, task.signal, () =>
        bringBack(call, { guest, existed, archive: volume, options }, task),
      );
    } finally {
      // A machine that could not be brought back is left behind, empty and unlocked, as on a real node.
      if (guest.config.lock === 'create') {
        delete guest.config.lock;
        lab.state.saveGuest(guest);
      }
    }
    if (pool !== undefined) addToPool(lab, pool, vmid);
    if (!start) return;
    task.log('Execute autostart');
    setImmediate(() => call.task('qmstart', vmid, (next) => startGuest(lab, 'qemu', node, vmid, next)));
  });
}

interface Restore {
  readonly guest: Guest;
  readonly existed: boolean;
  readonly archive: Volume;
  readonly options: GuestConfig;
}

async function bringBack(call: Call, restore: Restore, task: TaskContext): Promise<void> {
  const { lab, vmid } = call;
  const { guest, existed, archive, options } = restore;
  const emsg = `unable to restore VM ${vmid}`;
  checkProtection(guest, `${emsg} -`);
  if (guest.running) throw new Error(`${emsg} - vm is running`);
  if (call.flag('live-restore'))
    throw new Error('live-restore is only compatible with backup images from a Proxmox Backup Server');
  const { backup } = archive;
  if (backup?.type !== 'qemu') throw new Error('unknown backup archive type');
  const made: Volume[] = [];
  const config: GuestConfig = {};
  try {
    task.log(`restore vma archive: vma extract -v -r /var/tmp/vzdumptmp.fifo ${archive.name}`);
    const wasTemplate = backup.config.template === 1;
    for (const disk of backup.volumes) await restoreVolume(call, disk, backup.config, config, made, task);
    await lab.runtime.restoreVolumes(made.filter(isReal).map(runtimeVolume), archiveFile(lab, archive), task.signal);
    const owned = existed ? ownDisks(lab, guest, guest.config, true).map((disk) => disk.volume) : [];
    for (const volume of owned) await removeVolume(lab, volume);
    // On a real node the old volumes were gone before the new ones were named.
    if (owned.length > 0)
      for (const [index, volume] of made.entries()) {
        const renamed = renumberVolume(lab, volume);
        made[index] = renamed;
        for (const [key, value] of Object.entries(config))
          config[key] = String(value).replace(`${volumeId(volume)},`, `${volumeId(renamed)},`);
      }
    keepOptions(call, backup.config, config);
    Object.assign(config, options);
    if (options.tags !== undefined) config.tags = normalizeTags(String(options.tags));
    if (options.description !== undefined) config.description = String(options.description).trimEnd();
    guest.config = config;
    if (backup.firewall) guest.firewall = structuredClone(backup.firewall);
    guest.snapshots = {};
    guest.pending = {};
    guest.pendingDelete = [];
    if (wasTemplate) toTemplate(call, guest, made);
    settleConfig(guest);
    lab.state.saveGuest(guest);
  } catch (error) {
    for (const volume of made) await removeVolume(lab, volume).catch(() => undefined);
    throw error;
  }
}

/** Options of the backup that are no drives; a drive left out of the backup stays out. */
function keepOptions(call: Call, old: Readonly<GuestConfig>, config: GuestConfig): void {
  for (const [key, value] of Object.entries(old)) {
    if (config[key] !== undefined || /^(?:lock|parent|unused\d+)$/.test(key)) continue;
    const drive = /^(?:ide|scsi|virtio|sata|efidisk|tpmstate)\d+$/.test(key) ? parseDrive(key, value) : undefined;
    if (drive?.backup === '0') continue;
    if (/^net\d+$/.test(key) && call.flag('unique'))
      config[key] = completeNic(call.lab.name, call.vmid, 'qemu', key, String(value), true);
    else if (key === 'vmgenid' && value !== '0') config[key] = randomUUID();
    else if (key === 'smbios1' && call.flag('unique'))
      config[key] = String(value).replace(/uuid=[0-9a-f-]+/i, `uuid=${randomUUID()}`);
    else config[key] = value;
  }
}

function toTemplate(call: Call, guest: Guest, made: readonly Volume[]): void {
  for (const volume of made.filter(isReal)) {
    const key = Object.keys(guest.config).find((name) => String(guest.config[name]).startsWith(volumeId(volume)));
    const base = toBase(call.lab, volume);
    if (key) guest.config[key] = String(guest.config[key]).replace(volumeId(volume), volumeId(base));
  }
}

async function restoreVolume(
  call: Call,
  disk: BackupVolume,
  old: Readonly<GuestConfig>,
  config: GuestConfig,
  made: Volume[],
  task: TaskContext,
): Promise<void> {
  const { lab, node, vmid } = call;
  const drive = parseDrive(disk.key, old[disk.key] ?? '') ?? {};
  const before = drive.file ?? '';
  const id = call.text('storage') ?? before.split(':')[0] ?? 'local';
  const storage = storageConfig(lab, id);
  if (!contentOf(storage).includes('images'))
    throw new Error(`Content type 'images' is not available on storage '${id}'`);
  call.demand(`/storage/${id}`, ['Datastore.AllocateSpace']);
  const cloudInit = before.includes('cloudinit');
  // A format the storage does not have gives way to its own.
  const format = abilitiesOf(storage).files ? { format: disk.format } : {};
  const volume = await createVolume(
    lab,
    {
      node,
      storage: id,
      vmid,
      type: 'qemu',
      size: disk.size,
      ...format,
      ...(cloudInit ? { suffix: 'cloudinit' } : {}),
    },
    { empty: true },
    task.signal,
  );
  made.push(volume);
  task.log(`new volume ID is '${volumeId(volume)}'`);
  delete drive.format;
  config[disk.key] = printDrive(disk.key, {
    ...drive,
    file: volumeId(volume),
    ...(cloudInit ? {} : { size: formatSize(volume.size) }),
  });
}
