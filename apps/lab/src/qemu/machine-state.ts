/** Where the memory of a machine is kept: with a snapshot, or while it is suspended to disk. */
import { parseMemory } from '../guests/definition.js';
import { ownDisks } from '../guests/disks.js';
import type { Lab } from '../lab.js';
import type { Guest, Volume } from '../state/model.js';
import { abilitiesOf } from '../storage/storages.js';
import { createVolume } from '../storage/volumes.js';

/** Kept beside the state: what the machine ran as. */
export const RUNNING_AS = {
  runningmachine: 'pc-i440fx-10.0+pve1',
  runningcpu: 'kvm64,enforce,+kvm_pv_eoi,+kvm_pv_unhalt,+lahf_lm,+sep',
} as const;

/** MiB for the state of devices. */
const DRIVER_STATE = 500;

/** The storage asked for in the configuration, else a shared one of its disks, else that of its first disk. */
export function stateStorage(lab: Lab, guest: Guest): string {
  if (guest.config.vmstatestorage !== undefined) return String(guest.config.vmstatestorage);
  const disks = ownDisks(lab, guest).filter((disk) => !disk.isCdrom);
  const shared = disks.find((disk) => disk.volume.node === '*');
  return (shared ?? disks[0])?.volume.storage ?? 'local';
}

export async function makeStateVolume(
  lab: Lab,
  guest: Guest,
  name: string,
  storage: string,
  signal: AbortSignal,
): Promise<Volume> {
  const files = abilitiesOf(
    lab.state.storages.get(storage) ?? { storage, type: 'dir', content: '', options: {}, sizeBytes: 0 },
  ).files;
  return await createVolume(
    lab,
    {
      node: guest.node,
      storage,
      vmid: guest.vmid,
      type: 'qemu',
      size: (parseMemory(guest.config.memory) * 2 + DRIVER_STATE) * 2 ** 20,
      suffix: `state-${name}`,
      hollow: true,
      ...(files ? { format: 'raw' } : {}),
    },
    { empty: true },
    signal,
  );
}
