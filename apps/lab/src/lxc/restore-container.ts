/** What a vzdump archive brings back into a container: its volumes and those options the request leaves open. */

import { archiveFile } from '../guests/backup.js';
import { ownDisks, parseOption } from '../guests/disks.js';
import { completeNic } from '../guests/network-options.js';
import type { Call } from '../http/call.js';
import { parseSize } from '../schema/formats.js';
import type { BackupVolume, ConfigValue, FirewallRecord, Guest, GuestConfig, Volume } from '../state/model.js';
import { volumeId } from '../state/model.js';
import { storageConfig } from '../storage/storages.js';
import { createVolume, removeVolume, runtimeVolume } from '../storage/volumes.js';
import type { TaskContext } from '../tasks/tasks.js';
import { containerFormat, createContainerDisks, printMount } from './container-disks.js';
import { demandBridge, isMountKey } from './container-privileges.js';

/** A container on its way: what was asked for, checked. */
export interface ContainerRequest {
  readonly call: Call;
  readonly guest: Guest;
  /** Volume id of the template or backup. */
  readonly archive: string;
  /** Options but for mount points, as they are kept. */
  readonly config: GuestConfig;
  /** Mount points; none when only a storage was named. */
  readonly mounts: GuestConfig;
  readonly storage: string;
  readonly unprivileged: boolean | undefined;
  /** Whether the caller may bring the firewall's rules back as well. */
  readonly withFirewall: boolean;
  /** Configuration of the container that is overwritten. */
  readonly before: GuestConfig | undefined;
}

/** With no mount points in the request: those of the backup, each anew on one storage. */
function mountsOfBackup(config: Readonly<GuestConfig>, storage: string): GuestConfig {
  const mounts: GuestConfig = {};
  for (const [key, value] of Object.entries(config)) {
    if (!isMountKey(key)) continue;
    const values = parseOption('lxc', key, value);
    const bytes = parseSize(values.size ?? '');
    if (bytes === undefined) throw new Error(`unable to detect disk size - please specify ${key} (size)`);
    delete values.size;
    mounts[key] = printMount(key, { ...values, volume: `${storage}:${bytes / 2 ** 30}` });
  }
  if (mounts.rootfs === undefined)
    throw new Error('rootfs configuration could not be recovered, please check and specify manually!');
  return mounts;
}

function mergeOptions(call: Call, config: GuestConfig, old: Readonly<GuestConfig>, toPrivileged: boolean): void {
  const { lab, vmid } = call;
  for (const [key, value] of Object.entries(old)) {
    if (['rootfs', 'unprivileged', 'parent', 'template', 'lock'].includes(key)) continue;
    if (/^(?:mp|unused)\d+$/.test(key)) continue;
    if (key === 'features' && toPrivileged && !call.caller.isRoot) continue;
    if (/^net\d+$/.test(key)) {
      if (config[key] === undefined) demandBridge(call, key, value);
      if (call.flag('unique')) {
        config[key] = completeNic(lab.name, vmid, 'lxc', key, String(value), true);
        continue;
      }
    }
    config[key] ??= value;
  }
}

/** Unpacks the archive; what it holds for a mount point that is not wanted is thrown away. */
async function unpack(
  request: ContainerRequest,
  archive: Volume,
  parts: readonly BackupVolume[],
  disks: Readonly<GuestConfig>,
  signal: AbortSignal,
): Promise<void> {
  const { lab, node, vmid } = request.call;
  const extra: Volume[] = [];
  try {
    const targets: Volume[] = [];
    for (const part of parts) {
      const option: ConfigValue | undefined = disks[part.key];
      const wanted =
        option === undefined ? undefined : lab.state.volume(node, parseOption('lxc', part.key, option).volume ?? '');
      if (wanted) {
        targets.push(wanted);
        continue;
      }
      const format = containerFormat(storageConfig(lab, request.storage), part.size);
      const spare = await createVolume(
        lab,
        { node, storage: request.storage, vmid, type: 'lxc', size: part.size, format },
        { empty: true },
        signal,
      );
      extra.push(spare);
      targets.push(spare);
    }
    await lab.runtime.restoreVolumes(targets.map(runtimeVolume), archiveFile(lab, archive), signal);
  } finally {
    for (const volume of extra) await removeVolume(lab, volume).catch(() => undefined);
  }
}

function restoreFirewall(
  { guest, withFirewall }: ContainerRequest,
  firewall: FirewallRecord | undefined,
  task: TaskContext,
): void {
  if (!firewall) return;
  if (withFirewall) {
    guest.firewall = structuredClone(firewall);
    return;
  }
  task.log(
    `ignoring firewall config from backup archive's '/var/lib/lxc/${guest.vmid}/rootfs/etc/vzdump/pct.fw', lacking API permission to modify firewall.`,
  );
  if (guest.firewall) task.log(`old firewall configuration in '/etc/pve/firewall/${guest.vmid}.fw' left in place!`);
}

export async function fillFromBackup(
  request: ContainerRequest,
  task: TaskContext,
  made: Volume[],
): Promise<GuestConfig> {
  const { call, guest, archive, before } = request;
  const { lab, node, vmid } = call;
  task.log(`recovering backed-up configuration from '${archive}'`);
  const volume = lab.state.volume(node, archive);
  if (!volume?.backup) throw new Error(`can't find file '${archive}'`);
  if (volume.backup.type !== 'lxc') throw new Error('unable to find configuration in the archive');
  const { config: old, volumes } = volume.backup;
  const unprivileged = request.unprivileged ?? old.unprivileged === 1;
  if ((before === undefined || before.unprivileged === 1) && !unprivileged) call.demand('/', ['Sys.Modify']);
  const mounts = Object.keys(request.mounts).length > 0 ? request.mounts : mountsOfBackup(old, request.storage);
  const owned = before ? ownDisks(lab, guest, before, true).map((disk) => disk.volume) : [];
  const disks = await createContainerDisks({ lab, node, vmid, signal: task.signal, log: task.log }, mounts, made);
  task.log(`restoring '${archive}' now..`);
  await unpack(request, volume, volumes, disks, task.signal);
  for (const gone of owned) {
    const still = Object.values(disks).some((value) => String(value).startsWith(volumeId(gone)));
    if (!still) await removeVolume(lab, gone);
  }
  task.log('merging backed-up and given configuration..');
  const config: GuestConfig = { ...request.config, ...disks, ...(unprivileged ? { unprivileged: 1 } : {}) };
  if (old.template === 1) config.template = 1;
  mergeOptions(call, config, old, !unprivileged && old.unprivileged === 1);
  restoreFirewall(request, volume.backup.firewall, task);
  guest.snapshots = {};
  guest.pending = {};
  guest.pendingDelete = [];
  return config;
}
