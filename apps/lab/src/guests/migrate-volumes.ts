/** Which volumes travel with a guest, which cannot, and taking them along. */
import type { Lab } from '../lab.js';
import { isCloudInitFile } from '../qemu/drives.js';
import type { Guest, GuestConfig, Volume } from '../state/model.js';
import { volumeId } from '../state/model.js';
import { loadStorage } from '../storage/storages.js';
import { relocateVolume } from '../storage/volumes.js';
import { disksOf } from './disks.js';

export interface Target {
  readonly node: string;
  /** The storage there for a volume of a storage here. */
  storageOf(id: string): string;
}

export interface MovePlan {
  readonly volumes: readonly { readonly volume: Volume; readonly storage: string }[];
}

interface Conditions {
  readonly online: boolean;
  readonly withLocalDisks: boolean;
  readonly log: (line: string) => void;
}

/** Why a local volume stays behind; undefined where it does not. */
function obstacle(
  lab: Lab,
  guest: Guest,
  volume: Volume,
  isCdrom: boolean,
  conditions: Conditions,
): string | undefined {
  const id = volumeId(volume);
  if (isCdrom && !isCloudInitFile(id)) return 'local cdrom image';
  if (volume.vmid !== guest.vmid) return `owned by other VM (owner = VM ${volume.vmid})`;
  const inSnapshot = Object.values(guest.snapshots).some((snapshot) =>
    disksOf(guest.type, snapshot.config).some((disk) => disk.file === id),
  );
  if (inSnapshot) {
    const storage = lab.state.storages.get(volume.storage);
    if (guest.type === 'qemu' && conditions.online)
      return 'online storage migration not possible if non-replicated snapshot exists';
    const able = storage?.type === 'zfspool' || storage?.type === 'btrfs' || volume.format === 'qcow2';
    if (!able) return 'non-migratable snapshot exists';
  }
  const clones = lab.state.volumesOfStorage(volume.storage, volume.node).some((other) => other.parent === volume.name);
  if (clones && guest.type === 'qemu') return 'referenced by linked clone(s)';
  if (volume.parent !== undefined) {
    const parent = volume.parent.split('/').at(-1);
    return guest.type === 'lxc' ? `clone of '${parent}'` : undefined;
  }
  return undefined;
}

/** Looks at every local volume first, and throws when one cannot travel. */
export function planMove(lab: Lab, guest: Guest, target: Target, conditions: Conditions): MovePlan {
  const { log } = conditions;
  const found = new Map<string, { volume: Volume; isCdrom: boolean }>();
  const configs = [guest.config, guest.pending, ...Object.values(guest.snapshots).map((one) => one.config)];
  for (const config of configs)
    for (const disk of disksOf(guest.type, config, true)) {
      const volume = lab.state.volume(guest.node, disk.file);
      if (volume && volume.node !== '*') found.set(volumeId(volume), { volume, isCdrom: disk.isCdrom });
    }
  const problems: string[] = [];
  const volumes: { volume: Volume; storage: string }[] = [];
  for (const [id, { volume, isCdrom }] of found) {
    const problem = obstacle(lab, guest, volume, isCdrom, conditions);
    if (problem !== undefined)
      problems.push(`can't migrate local ${guest.type === 'qemu' ? 'disk' : 'volume'} '${id}': ${problem}`);
    else {
      log(
        guest.type === 'qemu'
          ? `found local disk '${id}' (attached)`
          : `found local volume '${id}' (in current VM config)`,
      );
      volumes.push({ volume, storage: target.storageOf(volume.storage) });
    }
  }
  for (const problem of problems) log(`ERROR: Problem found while scanning volumes - ${problem}`);
  if (problems.length > 0)
    throw new Error(guest.type === 'qemu' ? "can't migrate VM - check log" : "can't migrate CT - check log");
  const disks = volumes.filter(({ volume }) => !isCloudInitFile(volumeId(volume)));
  if (guest.type === 'qemu' && conditions.online && disks.length > 0 && !conditions.withLocalDisks)
    throw new Error("can't live migrate attached local disks without with-local-disks option");
  for (const { storage } of volumes) loadStorage(lab, storage, target.node);
  return { volumes };
}

function rename(config: GuestConfig, from: string, to: string): void {
  for (const [key, value] of Object.entries(config))
    if (typeof value === 'string' && (value === from || value.startsWith(`${from},`) || value.includes(`=${from},`)))
      config[key] = value.replace(from, to);
}

export function moveVolumes(lab: Lab, guest: Guest, plan: MovePlan, target: Target, log: (line: string) => void): void {
  for (const { volume, storage } of plan.volumes) {
    const next = relocateVolume(lab, volume, target.node, storage);
    const [from, to] = [volumeId(volume), volumeId(next)];
    if (from !== to) for (const config of [guest.config, guest.pending]) rename(config, from, to);
    log(`volume '${from}' is '${to}' on the target`);
  }
  guest.node = target.node;
  lab.state.saveGuest(guest);
}
