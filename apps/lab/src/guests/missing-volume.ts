/** Why a guest cannot start whose volumes are not where it is: each kind of storage has its own words for it. */
import type { Lab } from '../lab.js';
import type { Guest } from '../state/model.js';
import { abilitiesOf, storageConfig } from '../storage/storages.js';
import { splitVolumeId } from '../storage/volume-names.js';
import { disksOf } from './disks.js';

function missing(lab: Lab, storage: string, name: string): string {
  const record = storageConfig(lab, storage);
  const last = name.split('/').at(-1) ?? name;
  if (abilitiesOf(record).files) return `volume '${storage}:${name}' does not exist`;
  if (record.type !== 'zfspool') {
    const { vgname } = record.options;
    return `can't activate LV '/dev/${vgname}/${last}':   Failed to find logical volume "${vgname}/${last}"`;
  }
  return /^(?:subvol|basevol)-/.test(last)
    ? `zfs error: cannot open '${record.options.pool}/${last}': dataset does not exist`
    : `timeout: no zvol device link for '${last}' found after 300 sec.`;
}

export function checkVolumes(lab: Lab, guest: Guest): void {
  for (const { file } of disksOf(guest.type, guest.config)) {
    const parts = splitVolumeId(file);
    if (parts && !lab.state.volume(guest.node, file)) throw new Error(missing(lab, parts.storage, parts.name));
  }
}
