/** A change of a machine's configuration as it is asked for: everything that is refused before the machine is looked at. */
import { randomUUID } from 'node:crypto';
import { parseMemory } from '../guests/definition.js';
import { checkLock, loadGuest } from '../guests/guests.js';
import { completeNic } from '../guests/network-options.js';
import { hashPassword } from '../guests/password.js';
import { checkSshKeys } from '../guests/ssh-keys.js';
import { fail, parameterError } from '../http/api-error.js';
import type { Call } from '../http/call.js';
import { splitList } from '../schema/formats.js';
import type { ConfigValue, Guest, GuestConfig } from '../state/model.js';
import { demandCpuModel } from './cpu-models.js';
import { checkDriveStorages, settleDrives } from './drives.js';
import { demandMachineOptions, demandNetworks, isMachineOption } from './machine-privileges.js';

const NOT_CONFIG = new Set([
  'vmid',
  'node',
  'digest',
  'delete',
  'idlist',
  'revert',
  'skiplock',
  'force',
  'background_delay',
  'import-working-storage',
]);

export interface MachineChange {
  readonly set: GuestConfig;
  readonly remove: readonly string[];
  readonly revert: readonly string[];
  readonly force: boolean;
  readonly digest?: string;
  readonly skipLock: boolean;
  /** `-memory 512 -name x`, as the task logs it. */
  readonly text: string;
}

const isWindows = (ostype: ConfigValue | undefined) => /^(?:w|win)/.test(String(ostype ?? ''));

function lists(call: Call, set: GuestConfig): { remove: string[]; revert: string[] } {
  const revert = splitList(call.text('revert') ?? '');
  const remove = splitList(call.text('delete') ?? call.text('idlist') ?? '').map((key) =>
    key === 'cdrom' ? 'ide2' : key,
  );
  for (const key of revert) {
    if (!isMachineOption(key)) throw parameterError({ revert: `unknown option '${key}'` });
    if (set[key] !== undefined)
      throw parameterError({ delete: `you can't use '-${key}' and -revert ${key}' at the same time` });
  }
  for (const key of remove) {
    if (set[key] !== undefined)
      throw parameterError({ delete: `you can't use '-${key}' and -delete ${key}' at the same time` });
    if (revert.includes(key))
      throw parameterError({ revert: `you can't use '-delete ${key}' and -revert ${key}' at the same time` });
    if (!isMachineOption(key)) throw parameterError({ delete: `unknown option '${key}'` });
  }
  return { remove, revert };
}

/** Everything that is refused before the machine is looked at. */
export async function readMachineChange(call: Call): Promise<MachineChange> {
  const set: GuestConfig = {};
  for (const [key, value] of Object.entries(call.parameters))
    if (!NOT_CONFIG.has(key) && !Array.isArray(value)) set[key] = value;
  const text = Object.keys(set)
    .sort()
    .map((key) => `-${key} ${key === 'cipassword' ? '<hidden>' : set[key]}`)
    .join(' ');
  if (call.flag('skiplock') && !call.caller.isRoot)
    throw parameterError({ skiplock: 'Only root may use this option.' });
  if (set.sshkeys !== undefined) checkSshKeys(decodeSshKeys(String(set.sshkeys)));
  if (!call.text('delete') && !call.text('idlist') && !call.text('revert') && Object.keys(set).length === 0)
    throw fail('no options specified');
  if (set.cdrom !== undefined) {
    set.ide2 = /media=/.test(String(set.cdrom)) ? set.cdrom : `${set.cdrom},media=cdrom`;
    delete set.cdrom;
  }
  const { remove, revert } = lists(call, set);
  settleDrives(call, set);
  for (const key of Object.keys(set)) {
    if (/^net\d+$/.test(key)) set[key] = completeNic(call.lab.name, call.vmid, 'qemu', key, String(set[key]));
    else if (key === 'vmgenid' && set[key] === '1') set[key] = randomUUID();
    else if (key === 'hookscript') checkHookscript(call, key, String(set[key]));
  }
  demandMachineOptions(call, call.vmid, undefined, remove);
  demandMachineOptions(call, call.vmid, undefined, Object.keys(set));
  checkDriveStorages(call, call.vmid, set);
  demandNetworks(call, set);
  if (set.cipassword !== undefined && !isWindows(set.ostype ?? call.lab.state.guests.get(call.vmid)?.config.ostype))
    set.cipassword = await hashPassword(String(set.cipassword));
  const digest = call.text('digest');
  return {
    set,
    remove,
    revert,
    force: call.flag('force'),
    skipLock: call.flag('skiplock'),
    ...(digest ? { digest } : {}),
    text,
  };
}

export const decodeSshKeys = (text: string) =>
  Buffer.from(
    text.replace(/%([0-9A-Fa-f]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16))),
    'latin1',
  ).toString('utf8');

function checkHookscript(call: Call, key: string, id: string): void {
  const volume = call.lab.state.volume(call.node, id);
  if (volume?.content === 'snippets') return;
  throw parameterError({
    [key]: /^[^:]+:snippets\//.test(id)
      ? `script '${id}' does not exist\n`
      : `'${id}' is not in the snippets directory\n`,
  });
}

/** The machine as it is, after lock, digest and what options mean together. Throws what is refused at once. */
export function machineForChange(call: Call, change: MachineChange, digestOf: (guest: Guest) => string): Guest {
  const guest = loadGuest(call.lab, 'qemu', call.node, call.vmid);
  if (change.digest !== undefined && change.digest !== digestOf(guest))
    throw fail('checksum mismatch (file change by other user?)');
  demandCpuModel(call, change.set.cpu, guest.config.cpu);
  const resumable = change.remove.includes('vmstate') && guest.config.lock === 'suspended';
  if (!resumable) checkLock(guest, change.skipLock);
  const { set } = change;
  if (set.memory !== undefined || set.balloon !== undefined) {
    const memory = set.memory ?? guest.pending.memory ?? guest.config.memory;
    const balloon = Number(set.balloon ?? guest.pending.balloon ?? guest.config.balloon ?? 0);
    if (balloon > parseMemory(memory)) throw fail('balloon value too large (must be smaller than assigned memory)');
  }
  return guest;
}
