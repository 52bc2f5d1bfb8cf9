/** The disks in a guest's configuration: drives of machines, root file system and mount points of containers. */

import type { Lab } from '../lab.js';
import { formatSize } from '../schema/formats.js';
import { keysOf, type PropertyValues, parsePropertyString, printPropertyString } from '../schema/property-string.js';
import { methodOf, type Property } from '../schema/schema.js';
import { definitionOf } from '../schema/validate.js';
import type { ConfigValue, Guest, GuestConfig, GuestType, Volume } from '../state/model.js';
import { volumeId } from '../state/model.js';

const DRIVE = /^(?:(?:ide|sata|scsi|virtio)\d+|efidisk0|tpmstate0)$/;
const MOUNT = /^(?:rootfs|mp\d+)$/;
export const UNUSED = /^unused\d+$/;

export const isDiskKey = (type: GuestType, key: string) => (type === 'qemu' ? DRIVE : MOUNT).test(key);

/** Key of the property string that holds the volume id. */
export const volumeKey = (type: GuestType) => (type === 'qemu' ? 'file' : 'volume');

const definitions = new Map<string, Readonly<Record<string, Property>>>();
/** The keys of an option's property string. */
function optionKeys(type: GuestType, key: string): Readonly<Record<string, Property>> {
  const cacheKey = `${type}/${key.replace(/\d+$/, '[n]')}`;
  let found = definitions.get(cacheKey);
  if (!found) {
    const definition = definitionOf(methodOf('POST', `/nodes/{node}/${type}`).parameters, key);
    found = (definition && keysOf(definition)) ?? {};
    definitions.set(cacheKey, found);
  }
  return found;
}

export const parseOption = (type: GuestType, key: string, value: ConfigValue): PropertyValues =>
  parsePropertyString(optionKeys(type, key), String(value));

/** Writes an option as Proxmox keeps it; parts in `left` stay out. */
export const printOption = (type: GuestType, key: string, values: PropertyValues, left?: readonly string[]): string =>
  printPropertyString(optionKeys(type, key), values, left);

export interface Disk {
  readonly key: string;
  readonly values: PropertyValues;
  /** As configured: a volume id, `none`, `cdrom` or a path. */
  readonly file: string;
  readonly isCdrom: boolean;
}

/** All disks of a configuration, unused ones only when asked for. */
export function disksOf(type: GuestType, config: GuestConfig, withUnused = false): Disk[] {
  const result: Disk[] = [];
  for (const [key, value] of Object.entries(config)) {
    if (withUnused && UNUSED.test(key)) {
      result.push({ key, values: { file: String(value) }, file: String(value), isCdrom: false });
      continue;
    }
    if (!isDiskKey(type, key)) continue;
    const values = parseOption(type, key, value);
    const file = values[volumeKey(type)] ?? '';
    result.push({ key, values, file, isCdrom: values.media === 'cdrom' || file === 'none' || file === 'cdrom' });
  }
  return result.sort((left, right) => left.key.localeCompare(right.key, 'en', { numeric: true }));
}

export const isCloudInit = (disk: Disk) => /vm-\d+-cloudinit/.test(disk.file);

/** Disks with a volume of the guest's own: what is cloned, backed up, destroyed. */
export function ownDisks(lab: Lab, guest: Guest, config = guest.config, withUnused = false) {
  return disksOf(guest.type, config, withUnused).flatMap((disk) => {
    const volume = lab.state.volume(guest.node, disk.file);
    return volume && volume.vmid === guest.vmid ? [{ ...disk, volume }] : [];
  });
}

export const findDisk = (guest: Guest, key: string) =>
  disksOf(guest.type, guest.config, true).find((disk) => disk.key === key);

/** The option with its volume and size set as they are now. */
export function describeDisk(type: GuestType, key: string, values: PropertyValues, volume: Volume): string {
  const next: PropertyValues = { ...values, [volumeKey(type)]: volumeId(volume), size: formatSize(volume.size) };
  delete next['import-from'];
  delete next.format;
  return printOption(type, key, next);
}

/** Whether a volume id names a volume that belongs to this guest. */
export const ownsVolume = (lab: Lab, guest: Guest, id: string) => lab.state.volume(guest.node, id)?.vmid === guest.vmid;

/** Key a detached volume gets. */
export function freeUnusedKey(config: GuestConfig): string {
  for (let index = 0; index < 256; index += 1) if (config[`unused${index}`] === undefined) return `unused${index}`;
  throw new Error('Too many unused volumes - please delete them first.');
}

/** Whether a snapshot of the guest knows the volume. */
export const inSnapshot = (guest: Guest, id: string) =>
  Object.values(guest.snapshots).some((snapshot) =>
    disksOf(guest.type, snapshot.config, true).some((disk) => disk.file === id),
  );
