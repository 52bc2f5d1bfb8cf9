/** Turns drives as clients write them (`local:8`, `local:0,import-from=…`, `local:cloudinit`) into volumes. */
import { freeUnusedKey, ownsVolume } from '../guests/disks.js';
import { checkVolumeAccess } from '../guests/volume-access.js';
import type { Call } from '../http/call.js';
import type { Lab } from '../lab.js';
import type { PropertyValues } from '../schema/property-string.js';
import type { Guest, GuestConfig, StorageRecord, Volume } from '../state/model.js';
import { volumeId } from '../state/model.js';
import { hasFeature } from '../storage/features.js';
import { abilitiesOf, storageConfig } from '../storage/storages.js';
import { parseVolumeName, splitVolumeId } from '../storage/volume-names.js';
import { createVolume, removeVolume, toBase, type VolumeSource } from '../storage/volumes.js';
import { isCloudInitFile, isDriveKey, NEW_DISK, parseDrive, printDrive } from './drives.js';

const CLOUDINIT_BYTES = 4 * 2 ** 20;
const TPM_BYTES = 4 * 2 ** 20;
/** Sizes of the variable stores of OVMF's firmware files. */
const EFI_BYTES = { '4m': 528 * 1024, '2m': 128 * 1024 } as const;

export interface MachineDisks {
  readonly call: Call;
  readonly node: string;
  readonly vmid: number;
  readonly signal: AbortSignal;
  readonly log: (line: string) => void;
  /** What the machine has already: a second cloud-init drive is refused, a template's new disks become base volumes. */
  readonly present: readonly Readonly<GuestConfig>[];
  readonly defaultStorage?: string;
}

/** Volumes of block storages come in whole extents. */
function rounded(storage: StorageRecord, bytes: number): number {
  const unit = storage.type === 'zfspool' ? 2 ** 20 : /^lvm/.test(storage.type) ? 4 * 2 ** 20 : 1;
  return Math.ceil(bytes / unit) * unit;
}

function cloudInitAt(configs: readonly Readonly<GuestConfig>[], but: string): string | undefined {
  for (const config of configs)
    for (const key of Object.keys(config))
      if (key !== but && isDriveKey(key) && isCloudInitFile(parseDrive(key, config[key] ?? '')?.file ?? '')) return key;
  return undefined;
}

function importSource(lab: Lab, node: string, from: string): { source: VolumeSource; size: number } {
  if (isCloudInitFile(from)) throw new Error('cannot import from cloudinit disk');
  const volume = lab.state.volume(node, from);
  if (!volume) throw new Error(`cannot import from '${from}' - could not get size of ${from}`);
  if (volume.image !== undefined)
    return { source: { image: volume.image, used: volume.used }, size: Math.max(volume.size, 2 * 2 ** 30) };
  if (volume.file !== undefined && volume.content === 'import')
    throw new Error(`cannot import from '${from}' - not an image this lab can boot`);
  if (!hasFeature(lab, volume, 'copy'))
    throw new Error(`cannot import from '${from}' - full clone feature is not supported`);
  return { source: { clone: volume, linked: false, fresh: true }, size: volume.size };
}

function refuseSecondCloudInit(disks: MachineDisks, key: string, done: Readonly<GuestConfig>): void {
  const other = cloudInitAt([...disks.present, done], key);
  if (other !== undefined) throw new Error(`${key} - cloud-init drive is already attached at '${other}'`);
}

async function makeCloudInit(disks: MachineDisks, drive: PropertyValues, storage: string): Promise<Volume> {
  return await createVolume(
    disks.call.lab,
    {
      node: disks.node,
      storage,
      vmid: disks.vmid,
      type: 'qemu',
      size: CLOUDINIT_BYTES,
      suffix: 'cloudinit',
      ...(drive.format ? { format: drive.format } : {}),
    },
    { empty: true },
    disks.signal,
  );
}

async function allocate(disks: MachineDisks, key: string, drive: PropertyValues, made: Volume[]): Promise<void> {
  const { lab } = disks.call;
  const [, named, gib = '0'] = NEW_DISK.exec(drive.file ?? '') ?? [];
  const id = named ?? disks.defaultStorage;
  if (id === undefined) throw new Error('no storage ID specified (and no default storage)');
  const storage = storageConfig(lab, id);
  const from = drive['import-from'];
  let source: VolumeSource = { empty: true };
  let size = Math.round(Number(gib) * 2 ** 20) * 1024;
  if (from !== undefined) ({ source, size } = importSource(lab, disks.node, from));
  else if (key === 'efidisk0') {
    const type = drive.efitype === '4m' ? '4m' : '2m';
    size = rounded(storage, EFI_BYTES[type]);
    if (type === '4m' && drive['pre-enrolled-keys'] === '1') drive['ms-cert'] = '2023k';
  } else if (key === 'tpmstate0') size = TPM_BYTES;
  if (size <= 0 && !abilitiesOf(storage).files) throw new Error(`unable to create image: size '${gib}' is too small`);
  let volume = await createVolume(
    lab,
    { node: disks.node, storage: id, vmid: disks.vmid, type: 'qemu', size, ...formatOf(drive, storage) },
    source,
    disks.signal,
  );
  if (disks.present.some((config) => config.template === 1)) volume = toBase(lab, volume);
  made.push(volume);
  drive.file = volumeId(volume);
  drive.size = String(volume.size);
  delete drive['import-from'];
  delete drive.format;
}

const formatOf = (drive: PropertyValues, storage: StorageRecord) =>
  drive.format ? { format: drive.format } : storage.options.format ? { format: String(storage.options.format) } : {};

function takeExisting(disks: MachineDisks, key: string, drive: PropertyValues, done: Readonly<GuestConfig>): void {
  const { call, node, vmid } = disks;
  const file = drive.file ?? '';
  checkVolumeAccess(call, vmid, file);
  const parts = splitVolumeId(file);
  if (!parts) throw new Error('this lab has no host paths or devices to pass through');
  const found = parseVolumeName(storageConfig(call.lab, parts.storage), parts.name);
  if (found.kind !== 'images' && found.kind !== 'iso')
    throw new Error(`cannot use volume ${file} - content type needs to be 'images' or 'iso'`);
  if (drive.format !== undefined && drive.format !== found.format)
    throw new Error(
      `drive '${key}' - volume '${file}' - 'format=${drive.format}' option different from storage format '${found.format}'`,
    );
  if (isCloudInitFile(file)) refuseSecondCloudInit(disks, key, done);
  const volume = call.lab.state.volume(node, file);
  if (!volume) throw new Error(`volume ${file} does not exist`);
  drive.size = String(volume.size);
}

/** Makes all volumes the options ask for; the result has real volume ids. `made` fills as they come, for undoing. */
export async function createMachineDisks(
  disks: MachineDisks,
  options: Readonly<GuestConfig>,
  made: Volume[],
): Promise<GuestConfig> {
  const done: GuestConfig = {};
  for (const key of Object.keys(options).filter(isDriveKey).sort()) {
    const drive = parseDrive(key, options[key] ?? '');
    if (!drive) continue;
    const file = drive.file ?? '';
    const parts = splitVolumeId(file);
    if (file === 'none' || file === 'cdrom' || file === '') {
      delete drive.size;
      done[key] = printDrive(key, drive);
      continue;
    }
    if (parts?.name === 'cloudinit') {
      refuseSecondCloudInit(disks, key, done);
      const volume = await makeCloudInit(disks, drive, parts.storage);
      made.push(volume);
      drive.file = volumeId(volume);
      drive.media = 'cdrom';
      delete drive.format;
    } else if (NEW_DISK.test(file)) await allocate(disks, key, drive, made);
    else takeExisting(disks, key, drive, done);
    done[key] = printDrive(key, drive);
    if (parts?.name === 'cloudinit' || NEW_DISK.test(file))
      disks.log(`${key}: successfully created disk '${done[key]}'`);
  }
  return done;
}

/** A drive that leaves its place: a cloud-init image is thrown away, a disk of the machine's own stays as `unusedN`. */
export async function registerUnused(lab: Lab, guest: Guest, key: string, text: string | number): Promise<void> {
  const drive = parseDrive(key, text);
  if (!drive) return;
  const file = drive.file ?? '';
  const volume = lab.state.volume(guest.node, file);
  if (isCloudInitFile(file)) {
    if (volume) await removeVolume(lab, volume);
    delete guest.cloudinit;
  } else if (drive.media !== 'cdrom' && ownsVolume(lab, guest, file)) {
    if (Object.entries(guest.config).some(([name, value]) => /^unused\d+$/.test(name) && value === file)) return;
    guest.config[freeUnusedKey(guest.config)] = file;
  }
}
