/** POST /nodes/{node}/qemu: a machine from options and imported disks, or back from a backup. */
import { randomUUID } from 'node:crypto';
import { disksOf, isCloudInit } from '../guests/disks.js';
import { checkUnused, demandOnGuest, withGuestLock } from '../guests/guests.js';
import { completeNic } from '../guests/network-options.js';
import { createDisks, demandDiskStorages } from '../guests/new-disks.js';
import { demandOptions } from '../guests/option-privileges.js';
import { hashPassword } from '../guests/password.js';
import { startGuest } from '../guests/power.js';
import { restoreGuest } from '../guests/restore.js';
import { checkSshKeys } from '../guests/ssh-keys.js';
import { normalizeTags } from '../guests/tags.js';
import { fail, parameterError } from '../http/api-error.js';
import type { Call } from '../http/call.js';
import { addToPool } from '../lxc/create-container.js';
import type { Guest, GuestConfig, Volume } from '../state/model.js';
import { removeVolume } from '../storage/volumes.js';
import type { TaskContext } from '../tasks/tasks.js';

export const QEMU_VERSION = '10.0.13';

const NOT_CONFIG = new Set([
  'vmid',
  'node',
  'archive',
  'pool',
  'start',
  'storage',
  'force',
  'unique',
  'bwlimit',
  'live-restore',
  'import-working-storage',
  'ha-managed',
]);

/** Options as they are kept: tags sorted, keys checked, password hashed, cdrom under its real name. */
export async function normalizeMachineOptions(options: GuestConfig): Promise<GuestConfig> {
  const result = { ...options };
  if (result.cdrom !== undefined) {
    result.ide2 = /media=/.test(String(result.cdrom)) ? result.cdrom : `${result.cdrom},media=cdrom`;
    delete result.cdrom;
  }
  if (result.tags !== undefined) result.tags = normalizeTags(String(result.tags));
  if (result.description !== undefined) result.description = String(result.description).trimEnd();
  if (result.sshkeys !== undefined) {
    let text: string;
    try {
      text = decodeURIComponent(String(result.sshkeys));
    } catch {
      throw parameterError({ sshkeys: 'SSH public key validation error\n' });
    }
    checkSshKeys('sshkeys', text);
    result.sshkeys = encodeURIComponent(text.trimEnd());
  }
  if (result.cipassword !== undefined) result.cipassword = await hashPassword(String(result.cipassword));
  return result;
}

/** First disk, first real cdrom, first interface. */
function defaultBoot(config: GuestConfig): string {
  const disks = disksOf('qemu', config);
  const disk = disks.find((one) => !one.isCdrom && !/^(efidisk|tpmstate)/.test(one.key));
  const cdrom = disks.find((one) => one.isCdrom && !isCloudInit(one));
  const nic = Object.keys(config)
    .filter((key) => /^net\d+$/.test(key))
    .sort()[0];
  return `order=${[disk?.key, cdrom?.key, nic].filter((key) => key !== undefined).join(';')}`;
}

export const newIdentity = (now: number) => ({
  smbios1: `uuid=${randomUUID()}`,
  vmgenid: randomUUID(),
  meta: `creation-qemu=${QEMU_VERSION},ctime=${Math.floor(now / 1000)}`,
});

export async function createMachine(call: Call): Promise<string> {
  const { lab, node, vmid } = call;
  const pool = call.text('pool');
  const given: GuestConfig = {};
  for (const [key, value] of Object.entries(call.parameters))
    if (!NOT_CONFIG.has(key) && !Array.isArray(value)) given[key] = value;
  const archive = call.text('archive');
  if (archive !== undefined) return restoreGuest(call, 'qemu', archive, given);
  demandOnGuest(call, vmid, ['VM.Allocate'], pool);
  if (pool !== undefined && !lab.directory.pools.has(pool)) throw fail(`pool '${pool}' does not exist`);
  demandOptions(call, 'qemu', vmid, given, pool);
  demandDiskStorages(call, 'qemu', given, vmid);
  const options = await normalizeMachineOptions(given);
  try {
    checkUnused(lab, vmid);
  } catch (error) {
    throw fail(`unable to create VM ${vmid} - ${(error as Error).message}`);
  }
  const guest: Guest = { ...lab.state.newGuest(vmid, 'qemu', node), config: { lock: 'create' } };
  lab.state.saveGuest(guest);
  if (pool !== undefined) addToPool(call, pool, vmid);
  const start = call.flag('start');
  return call.task('qmcreate', vmid, async (task) => {
    await withGuestLock(lab, 'qemu', vmid, task.signal, () => build(call, guest, options, task));
    // The real one starts the machine in a task of its own, after this one has ended.
    if (start) setImmediate(() => call.task('qmstart', vmid, (next) => startGuest(lab, 'qemu', node, vmid, next)));
  });
}

async function build(call: Call, guest: Guest, options: GuestConfig, task: TaskContext): Promise<void> {
  const { lab, node, vmid } = call;
  const made: Volume[] = [];
  try {
    const config = await createDisks(
      { lab, node, type: 'qemu', vmid, signal: task.signal, log: task.log },
      options,
      made,
    );
    for (const key of Object.keys(config))
      if (/^net\d+$/.test(key)) config[key] = completeNic(lab.name, vmid, 'qemu', key, String(config[key]));
    guest.config = { ...newIdentity(lab.now()), ...config };
    guest.config.boot ??= defaultBoot(guest.config);
    guest.config.memory ??= '512';
    lab.state.saveGuest(guest);
  } catch (error) {
    for (const volume of made) await removeVolume(lab, volume).catch(() => undefined);
    lab.directory.forgetGuest(vmid, false);
    lab.state.deleteGuest(vmid);
    task.signal.throwIfAborted();
    throw new Error(`unable to create VM ${vmid} - ${error instanceof Error ? error.message : String(error)}`, {
      cause: error,
    });
  }
}
