/** Which volume can do what: the tables of Proxmox's storage plugins. */
import type { Lab } from '../lab.js';
import type { StorageRecord, Volume } from '../state/model.js';
import { abilitiesOf } from './storages.js';
import { isBaseVolume } from './volume-names.js';

export type Feature = 'snapshot' | 'clone' | 'copy' | 'template' | 'rename';
type Place = 'base' | 'current' | 'snap';
type Table = Readonly<Record<Feature, Partial<Readonly<Record<Place, string>>>>>;

const FILES: Table = {
  snapshot: { current: 'qcow2', snap: 'qcow2' },
  clone: { base: 'qcow2 raw vmdk' },
  template: { current: 'qcow2 raw vmdk subvol' },
  copy: { base: 'qcow2 raw vmdk', current: 'qcow2 raw vmdk', snap: 'qcow2' },
  rename: { current: 'qcow2 raw vmdk' },
};
const BTRFS: Table = {
  snapshot: { current: 'qcow2 raw subvol', snap: 'qcow2 raw subvol' },
  clone: { base: 'qcow2 raw subvol vmdk', current: 'raw', snap: 'raw' },
  template: { current: 'qcow2 raw vmdk subvol' },
  copy: { base: 'qcow2 raw subvol vmdk', current: 'qcow2 raw subvol vmdk', snap: 'qcow2 raw subvol' },
  rename: { current: 'qcow2 raw vmdk' },
};
const ZFS: Table = {
  snapshot: { current: '*', snap: '*' },
  clone: { base: '*' },
  template: { current: '*' },
  copy: { base: '*', current: '*' },
  rename: { current: '*' },
};
const THIN: Table = {
  snapshot: { current: '*' },
  clone: { base: '*', snap: '*' },
  template: { current: '*' },
  copy: { base: '*', current: '*', snap: '*' },
  rename: { current: '*' },
};
/** Thick volumes: no snapshots and no templates. */
const THICK: Table = {
  snapshot: {},
  clone: {},
  template: {},
  copy: { base: '*', current: '*' },
  rename: { current: '*' },
};

function tableOf(storage: StorageRecord): Table {
  if (storage.type === 'btrfs') return BTRFS;
  if (abilitiesOf(storage).files) return FILES;
  if (storage.type === 'zfspool') return ZFS;
  return storage.type === 'lvm' ? THICK : THIN;
}

/** `formats`: those the clone may have; Proxmox asks with raw and subvol for containers, and overlays are qcow2. */
export function hasFeature(
  lab: Lab,
  volume: Volume,
  feature: Feature,
  options: { readonly snapshot?: boolean; readonly container?: boolean } = {},
): boolean {
  const storage = lab.state.storages.get(volume.storage);
  if (!storage) return false;
  if (feature === 'clone' && options.container && abilitiesOf(storage).files && storage.type !== 'btrfs') return false;
  const place: Place = options.snapshot ? 'snap' : isBaseVolume(volume) ? 'base' : 'current';
  const formats = tableOf(storage)[feature][place] ?? '';
  return formats === '*' || formats.split(' ').includes(volume.format);
}
