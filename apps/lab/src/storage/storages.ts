/** Storages: which exist on a node, what they can do, how full they are. */
import { ApiError, fail } from '../http/api-error.js';
import type { Lab } from '../lab.js';
import { splitList } from '../schema/formats.js';
import type { StorageRecord } from '../state/model.js';

export interface StorageAbilities {
  /** Volumes are files below a path, `100/vm-100-disk-0.raw`. */
  readonly files: boolean;
  readonly containerSnapshots: boolean;
}

const FILE_TYPES = ['dir', 'nfs', 'cifs', 'btrfs', 'cephfs'];

export function abilitiesOf(storage: StorageRecord): StorageAbilities {
  const files = FILE_TYPES.includes(storage.type);
  return { files, containerSnapshots: !files || storage.type === 'btrfs' };
}

export const contentOf = (storage: StorageRecord) => splitList(storage.content);

export function isOnNode(storage: StorageRecord, node: string): boolean {
  const nodes = storage.options.nodes;
  return nodes === undefined || splitList(String(nodes)).includes(node);
}

/** The definition, enabled here or not. */
export function storageConfig(lab: Lab, id: string): StorageRecord {
  const storage = lab.state.storages.get(id);
  if (!storage) throw fail(`storage '${id}' does not exist`);
  return storage;
}

/** The storage as an action needs it; 500 with Proxmox's text otherwise. */
export function loadStorage(lab: Lab, id: string, node: string): StorageRecord {
  const storage = storageConfig(lab, id);
  if (storage.options.disable === 1) throw fail(`storage '${id}' is disabled`);
  if (!isOnNode(storage, node)) throw fail(`storage '${id}' is not available on node '${node}'`);
  return storage;
}

/** As the paths below /nodes/{node}/storage/{storage} ask: 400 `No such storage.` */
export function storageOfPath(lab: Lab, id: string): StorageRecord {
  const storage = lab.state.storages.get(id);
  if (!storage) throw new ApiError(400, 'Parameter verification failed.\n', { storage: 'No such storage.' });
  return storage;
}

export function spaceOf(lab: Lab, storage: StorageRecord, node: string) {
  const full = lab.faults.isStorageFull(storage.storage);
  const used = full ? storage.sizeBytes : Math.min(storage.sizeBytes, lab.state.usedBytes(storage.storage, node));
  return { total: storage.sizeBytes, used, avail: storage.sizeBytes - used };
}

/** Throws the error a full disk gives, before anything is written. */
export function checkSpace(lab: Lab, storage: StorageRecord, node: string, bytes: number, name: string): void {
  if (spaceOf(lab, storage, node).avail >= bytes && !lab.faults.isStorageFull(storage.storage)) return;
  const pool = String(storage.options.pool ?? storage.options.vgname ?? storage.storage);
  if (storage.type === 'zfspool') throw new Error(`zfs error: cannot create '${pool}/${name}': out of space`);
  if (storage.type === 'lvmthin')
    throw new Error(
      `lvcreate '${pool}/${name}' error:   Cannot create new thin volume, free space in thin pool ${pool}/data reached threshold.`,
    );
  throw new Error(`unable to create image: cannot allocate '${name}': No space left on device`);
}
