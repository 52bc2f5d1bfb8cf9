/** What stands in the way of a migration: GET migrate, and what a migration of many looks at first. */
import { motionOf } from '../cluster/ha-nodes.js';
import type { Call, Handlers } from '../http/call.js';
import type { Lab } from '../lab.js';
import { isCloudInitFile } from '../qemu/drives.js';
import type { Guest, Volume } from '../state/model.js';
import { volumeId } from '../state/model.js';
import { isOnNode } from '../storage/storages.js';
import { disksOf } from './disks.js';
import { checkLock, guestOf } from './guests.js';

/** Devices of the host a machine holds on to. */
export function localResources(guest: Guest): string[] {
  const found = guest.config.ivshmem === undefined ? [] : ['ivshmem'];
  for (const [key, value] of Object.entries(guest.config)) {
    if (/^usb\d+$/.test(key) && /^(?:host=)?spice/i.test(String(value))) continue;
    if (/^serial\d+$/.test(key) && value === 'socket') continue;
    if (/^hostpci\d+$/.test(key) && /mapping=/.test(String(value)) && !guest.running) continue;
    if (/^(?:usb|hostpci|serial|parallel|virtiofs)\d+$/.test(key)) found.push(key);
  }
  return found;
}

interface LocalDisk {
  readonly volume: Volume;
  readonly drive?: string;
  readonly isCdrom: boolean;
  readonly isUnused: boolean;
  snapshots: string[];
}

/** Volumes of this node alone, by what refers to them. */
function localDisks(lab: Lab, guest: Guest): Map<string, LocalDisk> {
  const found = new Map<string, LocalDisk>();
  const look = (config: Guest['config'], snapshot?: string) => {
    for (const disk of disksOf('qemu', config, true)) {
      const volume = lab.state.volume(guest.node, disk.file);
      if (!volume || volume.node === '*' || disk.values.shared === '1') continue;
      const id = volumeId(volume);
      const isUnused = /^unused/.test(disk.key);
      const known = found.get(id) ?? { volume, drive: disk.key, isCdrom: disk.isCdrom, isUnused, snapshots: [] };
      if (snapshot !== undefined) known.snapshots.push(snapshot);
      found.set(id, known);
    }
  };
  look(guest.config);
  for (const [name, snapshot] of Object.entries(guest.snapshots)) look(snapshot.config, name);
  return found;
}

function rowOf({ volume, drive, isCdrom, isUnused, snapshots }: LocalDisk): Record<string, unknown> {
  return {
    volid: volumeId(volume),
    size: volume.size,
    cdrom: isCdrom ? 1 : 0,
    is_cloudinit: isCloudInitFile(volumeId(volume)) ? 1 : 0,
    replicate: 1,
    shared: 0,
    is_unused: isUnused ? 1 : 0,
    is_attached: isUnused ? 0 : 1,
    is_vmstate: 0,
    is_tpmstate: drive === 'tpmstate0' ? 1 : 0,
    ...(drive === undefined || isUnused ? {} : { drivename: drive }),
    ...(snapshots.length > 0 ? { referenced_in_snapshot: Object.fromEntries(snapshots.map((name) => [name, 1])) } : {}),
  };
}

function unavailableStorages(lab: Lab, guest: Guest, node: string): string[] {
  const storages = new Set(disksOf('qemu', guest.config).flatMap((disk) => disk.file.split(':')[0] ?? []));
  return [...storages]
    .filter((id) => {
      const storage = lab.state.storages.get(id);
      return storage !== undefined && (storage.options.disable === 1 || !isOnNode(storage, node));
    })
    .sort();
}

function preconditions(call: Call): unknown {
  const { lab } = call;
  const guest = guestOf(call, 'qemu');
  checkLock(guest);
  const others = lab.nodes.filter((node) => node !== call.node);
  const motion = motionOf(lab, guest);
  const refused: Record<string, Record<string, unknown>> = {};
  for (const node of others) {
    const missing = unavailableStorages(lab, guest, node);
    const blocking = motion?.blocking.get(node);
    refused[node] = {
      ...(missing.length > 0 ? { unavailable_storages: missing } : {}),
      ...(blocking ? { 'blocking-ha-resources': blocking } : {}),
    };
  }
  return {
    running: guest.running ? 1 : 0,
    allowed_nodes: others.filter((node) => Object.keys(refused[node] ?? {}).length === 0),
    not_allowed_nodes: refused,
    local_disks: [...localDisks(lab, guest).values()].map(rowOf),
    local_resources: localResources(guest),
    'mapped-resources': [],
    'mapped-resource-info': {},
    'has-dbus-vmstate': 1,
    ...(motion ? { 'dependent-ha-resources': motion.dependent } : {}),
  };
}

/** Why a migration of many leaves the machine out, as `GET migrate` knows it. */
export function migrationObstacles(lab: Lab, guest: Guest, target: string, needsShared: boolean): string[] {
  const disks = needsShared ? [...localDisks(lab, guest).keys()] : [];
  const found = [
    ['local disks', disks],
    ['local resources', localResources(guest)],
    ['unavailable storages', unavailableStorages(lab, guest, target)],
  ] as const;
  return found.filter(([, list]) => list.length > 0).map(([what, list]) => `Has ${what}: ${list.join(', ')}`);
}

function containerPreconditions(call: Call): unknown {
  const { lab } = call;
  const guest = guestOf(call, 'lxc');
  checkLock(guest);
  const motion = motionOf(lab, guest);
  const others = lab.nodes.filter((node) => node !== call.node);
  const blocked = others.flatMap((node) => {
    const blocking = motion?.blocking.get(node);
    return blocking ? [[node, { 'blocking-ha-resources': blocking }] as const] : [];
  });
  const refused = new Map(blocked);
  return {
    running: guest.running ? 1 : 0,
    'allowed-nodes': others.filter((node) => !refused.has(node)),
    'not-allowed-nodes': Object.fromEntries(refused),
    ...(motion ? { 'dependent-ha-resources': motion.dependent } : {}),
  };
}

export const migrateConditionHandlers: Handlers = {
  'GET /nodes/{node}/qemu/{vmid}/migrate': preconditions,
  'GET /nodes/{node}/lxc/{vmid}/migrate': containerPreconditions,
};
