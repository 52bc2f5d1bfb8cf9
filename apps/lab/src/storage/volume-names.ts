/** Volume ids taken apart as the storage plugins of Proxmox do, whether the volume exists or not. */
import { fail } from '../http/api-error.js';
import { VOLUME_ID } from '../schema/formats.js';
import type { StorageRecord, Volume } from '../state/model.js';
import { abilitiesOf } from './storages.js';

export interface VolumeName {
  /** `images`, `iso`, `vztmpl`, `backup`, `snippets`, `import`. */
  readonly kind: string;
  readonly owner?: number;
  readonly format: string;
  readonly isBase: boolean;
}

const FILES: ReadonlyArray<readonly [kind: string, pattern: RegExp]> = [
  ['iso', /^iso\/[^/]+\.(?:iso|img)$/i],
  ['vztmpl', /^vztmpl\/[^/]+\.(?:tar|tar\.(?:gz|xz|zst|bz2))$/i],
  ['backup', /^backup\/[^/]+\.(?:tgz|(?:tar|vma)(?:\.(?:gz|lzo|zst|bz2))?)$/],
  ['snippets', /^snippets\/[^/]+$/],
  ['import', /^import\/[a-zA-Z0-9\-.+=_ ]+\.(?:ova|ovf|qcow2|raw|vmdk)$/],
];

/** Splits `storage:name`; undefined for paths, `none` and the like. */
export function splitVolumeId(id: string): { storage: string; name: string } | undefined {
  const [, storage, name] = VOLUME_ID.exec(id) ?? [];
  return storage && name ? { storage, name } : undefined;
}

function fileVolume(name: string): VolumeName {
  const guest = /^(?:\d+\/\S+\/)?(\d+)\/(\S+)$/.exec(name);
  if (guest) {
    const [, base, format] = /^(?:(base|vm|subvol)-\d+-)?[^/\s]+\.(raw|qcow2|vmdk|subvol)$/.exec(guest[2] ?? '') ?? [];
    if (!format) throw fail(`unable to parse volume filename '${guest[2]}'`);
    return { kind: 'images', owner: Number(guest[1]), format, isBase: base === 'base' };
  }
  const kind = FILES.find(([, pattern]) => pattern.test(name))?.[0];
  if (kind === undefined || name.split('/').includes('..'))
    throw fail(`unable to parse directory volume name '${name}'`);
  const owner = kind === 'backup' ? /^backup\/vzdump-(?:openvz|lxc|qemu)-(\d+)-/.exec(name)?.[1] : undefined;
  const format = kind === 'import' ? (/\.(\w+)$/.exec(name)?.[1] ?? 'raw') : 'raw';
  return { kind, format, isBase: false, ...(owner === undefined ? {} : { owner: Number(owner) }) };
}

/** Throws the plugin's `unable to parse … volume name`. */
export function parseVolumeName(storage: StorageRecord, name: string): VolumeName {
  if (abilitiesOf(storage).files) return fileVolume(name);
  const zfs = storage.type === 'zfspool';
  const pattern = zfs
    ? /^(?:(?:base|basevol)-\d+-\S+\/)?(base|basevol|vm|subvol)-(\d+)-\S+$/
    : /^(?:base-\d+-\S+\/)?(base|vm)-(\d+)-\S+$/;
  const [, kind, owner] = pattern.exec(name) ?? [];
  if (!kind) throw fail(`unable to parse ${zfs ? 'zfs' : 'lvm'} volume name '${name}'`);
  return {
    kind: 'images',
    owner: Number(owner),
    format: /vol$/.test(kind) ? 'subvol' : 'raw',
    isBase: kind.startsWith('base'),
  };
}

/** What `find` finds when the volume and its storage are known. */
export const isBaseVolume = (volume: Volume) => /(^|\/)base(vol)?-\d+-[^/]+$/.test(volume.name);
