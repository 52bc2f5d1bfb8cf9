/**
 * Guest volumes: names as Proxmox gives them, bytes at the runtime. Each function leaves model and runtime in the same state
 * when it throws.
 */
import type { Lab } from '../lab.js';
import type { RuntimeVolume } from '../runtime/guest-runtime.port.js';
import type { GuestType, StorageRecord, Volume } from '../state/model.js';
import { volumeId } from '../state/model.js';
import { abilitiesOf, checkSpace, loadStorage } from './storages.js';

export interface NewVolume {
  readonly node: string;
  readonly storage: string;
  readonly vmid: number;
  readonly type: GuestType;
  readonly size: number;
  /** `raw`, `qcow2`, `subvol`; the storage's own where left out. */
  readonly format?: string;
  /** Base name without the kind's prefix: `cloudinit`; counted `disk-n` otherwise. */
  readonly suffix?: string;
  /** The whole name, ending included, where a client chose it. */
  readonly fileName?: string;
  /** Only a name: nothing at the runtime. Cloud-init images always are. */
  readonly hollow?: boolean;
}

export type VolumeSource =
  | { readonly image: string; readonly used: number }
  | { readonly empty: true }
  | { readonly clone: Volume; readonly linked: boolean; readonly fresh: boolean };

export const runtimeVolume = (volume: Volume): RuntimeVolume => ({
  storage: volume.runtimeStorage ?? volume.storage,
  name:
    volume.runtimeName ??
    volume.name
      .split('/')
      .at(-1)
      ?.replace(/\.\w+$/, '') ??
    volume.name,
  sizeBytes: volume.size,
});

/** Whether there are bytes at the runtime: cloud-init images and the like are only names. */
export const isReal = (volume: Volume) => volume.runtimeName !== undefined;

/** Journal of runtime names in use by another guest than their name says. */
const HANDED = 'handed-volume';

function freeName(lab: Lab, wanted: NewVolume, storage: StorageRecord): { name: string; base: string; format: string } {
  const { files } = abilitiesOf(storage);
  const subvolume = wanted.type === 'lxc' && (storage.type === 'zfspool' || storage.type === 'btrfs');
  const format = wanted.format ?? (subvolume ? 'subvol' : wanted.suffix === 'cloudinit' && files ? 'qcow2' : 'raw');
  if (!files && format !== 'raw' && format !== 'subvol') throw new Error(`unsupported format '${format}'`);
  const prefix = format === 'subvol' ? 'subvol' : 'vm';
  const place = (base: string) => (files ? `${wanted.vmid}/${base}.${format}` : base);
  if (wanted.fileName !== undefined) {
    const base = wanted.fileName.replace(/\.(\w+)$/, '-$1');
    return { name: files ? `${wanted.vmid}/${wanted.fileName}` : wanted.fileName, base, format };
  }
  const taken = new Set<string>();
  for (const volume of lab.state.volumesOfGuest(wanted.vmid)) {
    const number = (name: string | undefined) => /disk-(\d+)/.exec(name?.split('/').at(-1) ?? '')?.[1] ?? '';
    if (volume.storage === wanted.storage) taken.add(number(volume.name));
    if ((volume.runtimeStorage ?? volume.storage) === wanted.storage) taken.add(number(volume.runtimeName));
  }
  let index = 0;
  // A disk that was handed to another guest keeps its name at the runtime.
  const handedOn = () =>
    lab.journal.get(HANDED, `${wanted.storage}/${prefix}-${wanted.vmid}-disk-${index}`) !== undefined;
  while (taken.has(String(index)) || handedOn()) index += 1;
  const base = `${prefix}-${wanted.vmid}-${wanted.suffix ?? `disk-${index}`}`;
  return { name: place(base), base, format };
}

/** Makes a volume for a guest. Serialised per storage, for names are found by looking. */
export async function createVolume(
  lab: Lab,
  wanted: NewVolume,
  source: VolumeSource,
  signal: AbortSignal,
): Promise<Volume> {
  const storage = loadStorage(lab, wanted.storage, wanted.node);
  const { name, base, format } = freeName(lab, wanted, storage);
  const linked = 'clone' in source && source.linked ? source.clone : undefined;
  const used =
    'image' in source ? Math.min(source.used, wanted.size) : 'clone' in source && !linked ? source.clone.used : 0;
  checkSpace(lab, storage, wanted.node, used, base);
  const volume: Volume = {
    storage: wanted.storage,
    node: storage.options.shared === 1 ? '*' : wanted.node,
    name: linked ? linkedName(linked, name) : name,
    content: wanted.type === 'lxc' ? 'rootdir' : 'images',
    format,
    size: wanted.size,
    used,
    vmid: wanted.vmid,
    ctime: Math.floor(lab.now() / 1000),
    ...(linked ? { parent: linked.name } : {}),
    ...(wanted.suffix === 'cloudinit' || wanted.hollow ? {} : { runtimeName: base }),
  };
  // The name is taken before the bytes are made: a second volume made meanwhile gets the next one.
  lab.state.saveVolume(volume);
  if (!isReal(volume)) return volume;
  try {
    await lab.runtime.createVolume(
      runtimeVolume(volume),
      'clone' in source
        ? isReal(source.clone)
          ? { clone: runtimeVolume(source.clone), fresh: source.fresh }
          : { empty: true }
        : 'image' in source
          ? { image: source.image }
          : { empty: true },
      signal,
    );
  } catch (error) {
    await lab.runtime.removeVolume(runtimeVolume(volume)).catch(() => undefined);
    lab.state.deleteVolume(volume);
    throw error;
  }
  return volume;
}

/** `101/base-101-disk-0.qcow2` + `102/vm-102-disk-0.qcow2` → both joined: how Proxmox names a linked clone. */
const linkedName = (parent: Volume, name: string) => `${parent.name}/${name}`;

export async function removeVolume(lab: Lab, volume: Volume): Promise<void> {
  if (isReal(volume)) await lab.runtime.removeVolume(runtimeVolume(volume));
  if (volume.runtimeName !== undefined)
    lab.journal.delete(HANDED, `${volume.runtimeStorage ?? volume.storage}/${volume.runtimeName}`);
  lab.state.deleteVolume(volume);
}

export async function growVolume(lab: Lab, volume: Volume, size: number): Promise<void> {
  const next = { ...volume, size };
  if (isReal(volume)) await lab.runtime.resizeVolume(runtimeVolume(next));
  lab.state.replaceVolume(volume, next);
}

/** The volume under a name of another guest; its bytes stay where they are. */
export function renameVolume(lab: Lab, volume: Volume, vmid: number): Volume {
  const storage = loadStorage(lab, volume.storage, volume.node === '*' ? (lab.nodes[0] ?? '') : volume.node);
  const type = /(^|\/)(subvol|basevol)-/.test(volume.name) ? 'lxc' : 'qemu';
  const { name } = freeName(
    lab,
    { node: volume.node, storage: volume.storage, vmid, type, size: volume.size, format: volume.format },
    storage,
  );
  const next = { ...volume, vmid, name: volume.parent === undefined ? name : `${volume.parent}/${name}` };
  if (volume.runtimeName !== undefined)
    lab.journal.put(HANDED, `${volume.runtimeStorage ?? volume.storage}/${volume.runtimeName}`, 1);
  lab.state.replaceVolume(volume, next);
  return next;
}

/** The volume under the lowest number that is free by now; its bytes stay where they are. */
export function renumberVolume(lab: Lab, volume: Volume): Volume {
  const own = Number(/-disk-(\d+)(?:\.\w+)?$/.exec(volume.name)?.[1] ?? 0);
  for (let index = 0; index < own; index += 1) {
    const name = volume.name.replace(/-disk-\d+(\.\w+)?$/, `-disk-${index}$1`);
    const others = lab.state.volumesOfGuest(volume.vmid ?? 0).filter((other) => other.storage === volume.storage);
    const number = new RegExp(`-disk-${index}(?:\\.\\w+)?$`);
    if (others.some((other) => number.test(other.name))) continue;
    const next = { ...volume, name };
    if (volume.runtimeName !== undefined)
      lab.journal.put(HANDED, `${volume.runtimeStorage ?? volume.storage}/${volume.runtimeName}`, 1);
    lab.state.replaceVolume(volume, next);
    return next;
  }
  return volume;
}

/** The volume on another node and storage; its bytes stay where they are, in the pool all nodes share. */
export function relocateVolume(lab: Lab, volume: Volume, node: string, storage: string): Volume {
  const target = loadStorage(lab, storage, node);
  const place = target.options.shared === 1 ? '*' : node;
  if (storage === volume.storage) {
    const next = { ...volume, node: place };
    lab.state.replaceVolume(volume, next);
    return next;
  }
  const type = volume.content === 'rootdir' ? 'lxc' : 'qemu';
  const suffix = /-(cloudinit|state-[^/.]+)/.exec(volume.name)?.[1];
  const format = abilitiesOf(target).files ? (volume.format === 'subvol' ? 'raw' : volume.format) : undefined;
  const { name, format: chosen } = freeName(
    lab,
    {
      node,
      storage,
      vmid: volume.vmid ?? 0,
      type,
      size: volume.size,
      ...(suffix ? { suffix } : {}),
      ...(format ? { format } : {}),
    },
    target,
  );
  const { parent: _parent, ...rest } = volume;
  const next: Volume = {
    ...rest,
    node: place,
    storage,
    name,
    format: chosen,
    ...(volume.runtimeName === undefined ? {} : { runtimeStorage: volume.runtimeStorage ?? volume.storage }),
  };
  lab.state.replaceVolume(volume, next);
  return next;
}

/** Volumes of others that stand on this one. */
function linkedTo(lab: Lab, volume: Volume): Volume[] {
  return lab.state
    .volumesOfStorage(volume.storage, volume.node === '*' ? '' : volume.node)
    .filter((other) => other.parent === volume.name);
}

export function checkNotInUse(lab: Lab, volume: Volume): void {
  if (linkedTo(lab, volume).length > 0)
    throw new Error(`base volume '${volumeId(volume)}' is still in use by linked cloned`);
}

/** The volume a template keeps: `vm-…` becomes `base-…`, `subvol-…` becomes `basevol-…`; the bytes stay where they are. */
export function toBase(lab: Lab, volume: Volume): Volume {
  const name = volume.name
    .replace(/(^|\/)vm-(\d+-[^/]+)$/, '$1base-$2')
    .replace(/(^|\/)subvol-(\d+-[^/]+)$/, '$1basevol-$2');
  const next = { ...volume, name };
  lab.state.replaceVolume(volume, next);
  return next;
}
