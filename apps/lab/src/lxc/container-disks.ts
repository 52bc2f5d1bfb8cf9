/** Root file system and mount points: from `local:4` to volumes. */

import { parseOption, printOption } from '../guests/disks.js';
import type { Lab } from '../lab.js';
import { formatSize } from '../schema/formats.js';
import type { PropertyValues } from '../schema/property-string.js';
import type { ConfigValue, GuestConfig, StorageRecord, Volume } from '../state/model.js';
import { volumeId } from '../state/model.js';
import { abilitiesOf, contentOf, storageConfig } from '../storage/storages.js';
import { createVolume, type VolumeSource } from '../storage/volumes.js';
import { isMountKey, NEW_MOUNT } from './container-privileges.js';

export interface ContainerDisks {
  readonly lab: Lab;
  readonly node: string;
  readonly vmid: number;
  readonly signal: AbortSignal;
  /** Fills the root file system of a new container. */
  readonly image?: { readonly name: string; readonly used: number };
  readonly log: (line: string) => void;
}

export const printMount = (key: string, values: PropertyValues) =>
  printOption('lxc', key, values, key === 'rootfs' ? ['type', 'mp'] : ['type']);

/** The format Proxmox gives a container's volume of that size. */
export function containerFormat(storage: StorageRecord, bytes: number): string {
  if (!contentOf(storage).includes('rootdir'))
    throw new Error(`content type 'rootdir' is not available or configured on storage '${storage.storage}'`);
  if (storage.type === 'zfspool') return 'subvol';
  if (!abilitiesOf(storage).files) return 'raw';
  return bytes > 0 && !(storage.type === 'btrfs' && storage.options.quotas === 1) ? 'raw' : 'subvol';
}

async function allocate(disks: ContainerDisks, key: string, values: PropertyValues): Promise<Volume> {
  const [, id = '', gib = '0'] = NEW_MOUNT.exec(values.volume ?? '') ?? [];
  const size = Math.floor(Number(gib) * 1024) * 2 ** 20;
  const format = containerFormat(storageConfig(disks.lab, id), size);
  const source: VolumeSource =
    key === 'rootfs' && disks.image ? { image: disks.image.name, used: disks.image.used } : { empty: true };
  const volume = await createVolume(
    disks.lab,
    { node: disks.node, storage: id, vmid: disks.vmid, type: 'lxc', size, format },
    source,
    disks.signal,
  );
  if (format === 'raw' && abilitiesOf(storageConfig(disks.lab, id)).files)
    disks.log(`Formatting '/var/lib/vz/images/${volume.name}', fmt=raw size=${size} preallocation=off`);
  return volume;
}

/** One mount point; a new volume joins `made`. */
export async function createMount(
  disks: ContainerDisks,
  key: string,
  text: ConfigValue,
  made: Volume[],
): Promise<string> {
  const values = parseOption('lxc', key, text);
  const file = values.volume ?? '';
  if (file.startsWith('/')) throw new Error('this lab has no host paths or devices to pass through');
  if (NEW_MOUNT.test(file)) {
    const volume = await allocate(disks, key, values);
    made.push(volume);
    values.volume = volumeId(volume);
    values.size = formatSize(volume.size);
  } else {
    const volume = disks.lab.state.volume(disks.node, file);
    if (!volume) throw new Error(`volume '${file}' does not exist`);
    values.size = formatSize(volume.size);
  }
  return printMount(key, values);
}

/** All mount points among the options, the root file system first. */
export async function createContainerDisks(
  disks: ContainerDisks,
  options: Readonly<GuestConfig>,
  made: Volume[],
): Promise<GuestConfig> {
  const result: GuestConfig = {};
  const keys = Object.keys(options).filter(isMountKey);
  for (const key of keys.sort(
    (a, b) => Number(b === 'rootfs') - Number(a === 'rootfs') || a.localeCompare(b, 'en', { numeric: true }),
  ))
    result[key] = await createMount(disks, key, options[key] ?? '', made);
  return result;
}
