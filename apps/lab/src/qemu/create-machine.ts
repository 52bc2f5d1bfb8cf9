/** POST /nodes/{node}/qemu: a machine from options and imported disks, or back from a backup. */
import { randomUUID } from 'node:crypto';
import { addToPool, demandPool } from '../guests/guest-pool.js';
import { checkUnused, withGuestLock } from '../guests/guests.js';
import { completeNic } from '../guests/network-options.js';
import { hashPassword } from '../guests/password.js';
import { startGuest } from '../guests/power.js';
import { restoreMachine } from '../guests/restore.js';
import { settleConfig } from '../guests/settle-config.js';
import { checkSshKeys } from '../guests/ssh-keys.js';
import { normalizeTags } from '../guests/tags.js';
import { fail, forbidden, parameterError } from '../http/api-error.js';
import type { Call } from '../http/call.js';
import type { Guest, GuestConfig, Volume } from '../state/model.js';
import { removeVolume } from '../storage/volumes.js';
import type { TaskContext } from '../tasks/tasks.js';
import { defaultBootOrder, printBootOrder } from './boot-order.js';
import { demandCpuModel } from './cpu-models.js';
import { checkDriveStorages, isDriveKey, settleDrives } from './drives.js';
import { decodeSshKeys } from './machine-change.js';
import { createMachineDisks } from './machine-disks.js';
import { demandDevices, demandMachineOptions, demandNetworks, NOT_OPTIONS } from './machine-privileges.js';

export const QEMU_VERSION = '10.0.13';

export const metaOf = (now: number) => `creation-qemu=${QEMU_VERSION},ctime=${Math.floor(now / 1000)}`;

function givenOptions(call: Call): GuestConfig {
  const given: GuestConfig = {};
  for (const [key, value] of Object.entries(call.parameters)) {
    if (Array.isArray(value)) continue;
    if (key === 'cdrom') given.ide2 = /media=/.test(String(value)) ? value : `${value},media=cdrom`;
    else if (!NOT_OPTIONS.has(key)) given[key] = value;
  }
  return given;
}

function demandAllocate(call: Call, pool: string | undefined): void {
  const { vmid, lab } = call;
  const storage = call.text('storage');
  if (storage !== undefined) call.demand(`/storage/${storage}`, ['Datastore.AllocateSpace']);
  if (call.flag('ha-managed')) call.demand('/', ['Sys.Console']);
  if (call.flag('start') && !(pool !== undefined && call.can(`/pool/${pool}`, ['VM.PowerMgmt'])))
    call.demand(`/vms/${vmid}`, ['VM.PowerMgmt']);
  if (call.can(`/vms/${vmid}`, ['VM.Allocate'])) return;
  if (pool !== undefined && call.can(`/pool/${pool}`, ['VM.Allocate'])) return;
  const here = lab.state.guests.get(vmid)?.node === call.node;
  if (call.text('archive') && call.flag('force') && here && call.can(`/vms/${vmid}`, ['VM.Backup'])) return;
  throw forbidden();
}

/** Checks the options and completes those Proxmox completes before the task. */
function settleOptions(call: Call, given: GuestConfig, pool: string | undefined): void {
  const { vmid } = call;
  checkDriveStorages(call, vmid, given, call.text('storage'));
  demandMachineOptions(call, vmid, pool, Object.keys(given));
  demandDevices(call, vmid, pool, given);
  demandNetworks(call, given);
  demandCpuModel(call, given.cpu);
  settleDrives(call, given);
  for (const key of Object.keys(given))
    if (/^net\d+$/.test(key)) given[key] = completeNic(call.lab.name, vmid, 'qemu', key, String(given[key]));
}

export async function createMachine(call: Call): Promise<string> {
  const { lab, node, vmid } = call;
  const given = givenOptions(call);
  if (given.sshkeys !== undefined) checkSshKeys(decodeSshKeys(String(given.sshkeys)));
  const pool = demandPool(call);
  demandAllocate(call, pool);
  const archive = call.text('archive');
  if (archive !== undefined) {
    for (const key of Object.keys(given).sort())
      if (isDriveKey(key)) throw parameterError({ [key]: "option conflicts with option 'archive'" });
    return restoreMachine(call, archive, () => {
      settleOptions(call, given, pool);
      return given;
    });
  }
  settleOptions(call, given, pool);
  if (given.cipassword !== undefined) given.cipassword = await hashPassword(String(given.cipassword));
  try {
    checkUnused(lab, vmid);
  } catch (error) {
    throw fail(`unable to create VM ${vmid} - ${(error as Error).message}`);
  }
  const guest: Guest = { ...lab.state.newGuest(vmid, 'qemu', node), config: { lock: 'create' } };
  lab.state.saveGuest(guest);
  const start = call.flag('start');
  return call.task('qmcreate', vmid, async (task) => {
    await withGuestLock(lab, 'qemu', vmid, task.signal, () => build(call, guest, given, task));
    if (pool !== undefined) addToPool(lab, pool, vmid);
    if (call.flag('ha-managed')) {
      task.log('Add as HA resource');
      lab.journal.put('ha-resource', `vm:${vmid}`, {
        sid: `vm:${vmid}`,
        type: 'vm',
        state: start ? 'started' : 'stopped',
      });
    }
    if (!start) return;
    task.log('Execute autostart');
    // The real one starts the machine in a task of its own, after this one has ended.
    setImmediate(() => call.task('qmstart', vmid, (next) => startGuest(lab, 'qemu', node, vmid, next)));
  });
}

async function build(call: Call, guest: Guest, options: GuestConfig, task: TaskContext): Promise<void> {
  const { lab, node, vmid } = call;
  const made: Volume[] = [];
  try {
    const disks = await createMachineDisks(
      {
        call,
        node,
        vmid,
        signal: task.signal,
        log: task.log,
        present: [],
        ...(call.text('storage') === undefined ? {} : { defaultStorage: call.need('storage') }),
      },
      options,
      made,
    );
    const config: GuestConfig = { ...options, ...disks, meta: metaOf(lab.now()) };
    if (!config.boot) config.boot = printBootOrder(defaultBootOrder(config));
    config.smbios1 ??= `uuid=${randomUUID()}`;
    if (config.vmgenid === undefined || config.vmgenid === '1') config.vmgenid = randomUUID();
    if (config.tags !== undefined) config.tags = normalizeTags(String(config.tags));
    if (config.description !== undefined) config.description = String(config.description).trimEnd();
    guest.config = config;
    settleConfig(guest);
    lab.state.saveGuest(guest);
  } catch (error) {
    for (const volume of made) await removeVolume(lab, volume).catch(() => undefined);
    lab.directory.leavePool(vmid);
    lab.state.deleteGuest(vmid);
    task.signal.throwIfAborted();
    throw new Error(`unable to create VM ${vmid} - ${error instanceof Error ? error.message : String(error)}`, {
      cause: error,
    });
  }
}
