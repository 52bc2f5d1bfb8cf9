/** Drives of a machine: what Proxmox's own reading and printing of them allows beyond the schema, and who may use which volume. */
import { parseOption, printOption } from '../guests/disks.js';
import { demandOnGuest } from '../guests/guests.js';
import { checkVolumeAccess } from '../guests/volume-access.js';
import { fail, parameterError } from '../http/api-error.js';
import type { Call } from '../http/call.js';
import { FormatError } from '../schema/formats.js';
import type { PropertyValues } from '../schema/property-string.js';
import type { ConfigValue, GuestConfig } from '../state/model.js';
import { contentOf, storageConfig } from '../storage/storages.js';
import { parseVolumeName, splitVolumeId } from '../storage/volume-names.js';

const DRIVE = /^(?:ide[0-3]|scsi(?:[0-9]|[12][0-9]|30)|virtio(?:[0-9]|1[0-5])|sata[0-5]|efidisk0|tpmstate0)$/;
export const isDriveKey = (key: string) => DRIVE.test(key);
/** `storage:8`, with the storage at 1 and the size in GiB at 2. */
export const NEW_DISK = /^(?:([^/:\s]+):)?(\d+(?:\.\d+)?)$/;

/** Limits that mean something only beside another one. */
const NEEDS = [
  ['mbps_max', 'mbps'],
  ['mbps_rd_max', 'mbps_rd'],
  ['mbps_wr_max', 'mbps_wr'],
  ['bps_max_length', 'mbps_max'],
  ['bps_rd_max_length', 'mbps_rd_max'],
  ['bps_wr_max_length', 'mbps_wr_max'],
  ['iops_max_length', 'iops_max'],
  ['iops_rd_max_length', 'iops_rd_max'],
  ['iops_wr_max_length', 'iops_wr_max'],
] as const;
const RIVALS = ['mbps_rd', 'mbps_wr', 'iops_rd', 'iops_wr'] as const;
const isSet = (value: string | undefined) => value !== undefined && value !== '' && Number(value) !== 0;

/** Undefined where Proxmox cannot make sense of the parts together. */
export function parseDrive(key: string, text: ConfigValue): PropertyValues | undefined {
  let drive: PropertyValues;
  try {
    drive = parseOption('qemu', key, text);
  } catch (error) {
    if (error instanceof FormatError) return undefined;
    throw error;
  }
  for (const name of ['cyls', 'heads', 'secs', 'trans']) delete drive[name];
  for (const name of ['bps', 'bps_rd', 'bps_wr']) {
    if (drive[name] === undefined) continue;
    if (drive[`m${name}`] !== undefined) return undefined;
    drive[`m${name}`] = (Number(drive[name]) / 2 ** 20).toFixed(3);
    delete drive[name];
  }
  if (NEEDS.some(([name, other]) => isSet(drive[name]) && !isSet(drive[other]))) return undefined;
  if (RIVALS.some((name) => isSet(drive[name]) && isSet(drive[name.replace(/_.*/, '')]))) return undefined;
  if (drive.media === 'cdrom' && (drive.snapshot === '1' || drive.format !== undefined || key.startsWith('virtio')))
    return undefined;
  return drive;
}

export const printDrive = (key: string, drive: PropertyValues) => printOption('qemu', key, drive);

export const isCloudInitFile = (file: string) =>
  /[:/](?:vm-\d+-)?cloudinit(?:\.(?:raw|qcow|qcow2|qed|vmdk|cloop))?$/.test(file);
/** With a second argument, a cloud-init drive is none. */
export const isCdrom = (drive: PropertyValues, withoutCloudInit = false) =>
  drive.media === 'cdrom' && !(withoutCloudInit && isCloudInitFile(drive.file ?? ''));

const driveKeys = (options: Readonly<GuestConfig>) => Object.keys(options).filter(isDriveKey).sort();

function checkImport(key: string, drive: PropertyValues): void {
  const [, , size] = NEW_DISK.exec(drive.file ?? '') ?? [];
  if (size === undefined || Number(size) !== 0)
    throw parameterError({
      [key]: "'import-from' requires special syntax - use <storage ID>:0,import-from=<source>",
    });
  const needed = key === 'efidisk0' ? ['efitype', 'pre-enrolled-keys'] : key === 'tpmstate0' ? ['version'] : [];
  for (const name of needed)
    if (drive[name] === undefined)
      throw parameterError({ [key]: `need to specify '${name}' when using 'import-from'` });
}

/** Checks the drives among the options and puts each into the form Proxmox prints. */
export function settleDrives(call: Call, options: GuestConfig): void {
  for (const key of driveKeys(options)) {
    const drive = parseDrive(key, options[key] ?? '');
    if (!drive) throw parameterError({ [key]: 'unable to parse drive options' });
    if (drive['import-from'] !== undefined) checkImport(key, drive);
    const file = drive.file ?? '';
    if (file.startsWith('/') && !file.startsWith('/dev/'))
      throw parameterError({ [key]: `unable to associate path '${file}' to any storage` });
    if (drive.media === undefined && (file === 'cdrom' || file === 'none')) drive.media = 'cdrom';
    const volume = splitVolumeId(file);
    if (volume && !NEW_DISK.test(file) && volume.name !== 'cloudinit') {
      const { kind } = parseVolumeName(storageConfig(call.lab, volume.storage), volume.name);
      if (kind === 'iso' && drive.media !== 'cdrom')
        throw parameterError({ [key]: "explicit 'media=cdrom' is required for iso images" });
    }
    options[key] = printDrive(key, drive);
  }
}

function checkImportAccess(call: Call, key: string, source: string, vmid: number): void {
  const parts = splitVolumeId(source);
  const found = parts && parseVolumeName(storageConfig(call.lab, parts.storage), parts.name);
  if (found && found.kind !== 'images' && found.kind !== 'import')
    throw parameterError({ [key]: `${source} has wrong type '${found.kind}' - needs to be 'images' or 'import'` });
  if (found?.owner !== undefined) call.demand(`/vms/${found.owner}`, ['VM.Clone']);
  else checkVolumeAccess(call, vmid, source);
}

/** Throws 403 or 400 when the caller may not take space or volumes the options ask for. */
export function checkDriveStorages(
  call: Call,
  vmid: number,
  options: Readonly<GuestConfig>,
  defaultStorage?: string,
): void {
  for (const key of driveKeys(options)) {
    const drive = parseDrive(key, options[key] ?? '');
    if (!drive) continue;
    const file = drive.file ?? '';
    const volume = splitVolumeId(file);
    if (file === '' || file === 'none' || volume?.name === 'cloudinit') {
      // Nothing to check: a cloud-init image is small, and part of the machine.
    } else if (isCdrom(drive) && file === 'cdrom') call.demand('/', ['Sys.Console']);
    else if (!isCdrom(drive) && NEW_DISK.test(file)) {
      const storage = NEW_DISK.exec(file)?.[1] ?? defaultStorage;
      if (storage === undefined) throw fail('no storage ID specified (and no default storage)');
      call.demand(`/storage/${storage}`, ['Datastore.AllocateSpace']);
      if (!contentOf(storageConfig(call.lab, storage)).includes('images'))
        throw parameterError({ storage: `storage '${storage}' does not support vm images` });
    } else {
      checkVolumeAccess(call, vmid, file);
      if (volume) {
        const { kind } = parseVolumeName(storageConfig(call.lab, volume.storage), volume.name);
        if (kind !== 'images' && kind !== 'iso')
          throw parameterError({ [key]: "content type needs to be 'images' or 'iso'" });
      }
    }
    const source = drive['import-from'];
    if (source !== undefined) checkImportAccess(call, key, source, vmid);
  }
  for (const key of Object.keys(options).filter((name) => /^unused\d+$/.test(name)))
    checkVolumeAccess(call, vmid, String(options[key]).replace(/^file=/, ''), 'images');
  const state = options.vmstatestorage;
  if (state !== undefined) call.demand(`/storage/${state}`, ['Datastore.AllocateSpace']);
}

/** The privileges the kind of a drive takes, old value or new. */
export function demandDrive(call: Call, vmid: number, key: string, text: ConfigValue): void {
  const drive = parseDrive(key, text);
  if (drive && isCloudInitFile(drive.file ?? ''))
    for (const privilege of ['VM.Config.Cloudinit', 'VM.Config.CDROM']) demandOnGuest(call, vmid, [privilege]);
  else demandOnGuest(call, vmid, [drive && isCdrom(drive) ? 'VM.Config.CDROM' : 'VM.Config.Disk']);
}
