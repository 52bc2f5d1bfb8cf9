/** Where a volume would lie on a node, as clients are told. */
import type { StorageRecord, Volume } from '../state/model.js';
import { abilitiesOf } from './storages.js';

const FOLDERS: Readonly<Record<string, string>> = {
  images: 'images',
  rootdir: 'images',
  iso: 'template/iso',
  vztmpl: 'template/cache',
  backup: 'dump',
  snippets: 'snippets',
  import: 'import',
};

export function volumePath(storage: StorageRecord, volume: Pick<Volume, 'name' | 'content'>): string {
  const { options, type } = storage;
  const last = volume.name.split('/').at(-1) ?? volume.name;
  if (type === 'zfspool')
    return /^(?:subvol|basevol)-/.test(last)
      ? `${options.mountpoint ?? `/${options.pool}`}/${last}`
      : `/dev/zvol/${options.pool}/${last}`;
  if (!abilitiesOf(storage).files) return `/dev/${options.vgname ?? storage.storage}/${last}`;
  const root = `${options.path ?? `/mnt/pve/${storage.storage}`}/${FOLDERS[volume.content] ?? volume.content}`;
  // A linked clone lies in its own guest's folder.
  const owner = volume.name.split('/').at(-2);
  return FOLDERS[volume.content] === 'images' ? `${root}/${owner}/${last}` : `${root}/${last}`;
}
