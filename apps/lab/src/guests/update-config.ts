/** Changing a guest's configuration: delete, revert, set; at once or pending, as the running guest allows. */
import { fail, parameterError } from '../http/api-error.js';
import type { Call } from '../http/call.js';
import { normalizeMachineOptions } from '../qemu/create-machine.js';
import { splitList } from '../schema/formats.js';
import { methodOf } from '../schema/schema.js';
import { definitionOf as optionDefinition } from '../schema/validate.js';
import type { ConfigValue, Guest, GuestConfig, GuestType, Volume } from '../state/model.js';
import { removeVolume } from '../storage/volumes.js';
import { disksOf, freeUnusedKey, isDiskKey, UNUSED } from './disks.js';
import { checkDigest, checkLock, guestOf } from './guests.js';
import { completeNic } from './network-options.js';
import { createDisks, demandDiskStorages } from './new-disks.js';
import { demandOptions } from './option-privileges.js';
import { applyLimits } from './power.js';
import { normalizeTags } from './tags.js';

const NOT_CONFIG = new Set([
  'vmid',
  'node',
  'digest',
  'delete',
  'revert',
  'skiplock',
  'force',
  'background_delay',
  'import-working-storage',
  'idlist',
]);

/** Options of a running machine that take effect at once; disks and interfaces do as well (hotplug). */
const LIVE_QEMU = new Set([
  'description',
  'hookscript',
  'lock',
  'migrate_downtime',
  'migrate_speed',
  'name',
  'onboot',
  'protection',
  'shares',
  'startup',
  'tags',
  'vmstatestorage',
  'ciuser',
  'cipassword',
  'sshkeys',
  'cicustom',
  'ciupgrade',
  'citype',
  'nameserver',
  'searchdomain',
]);
const LIVE_LXC = new Set([
  'description',
  'hookscript',
  'lock',
  'onboot',
  'protection',
  'startup',
  'tags',
  'memory',
  'swap',
  'cores',
  'cpulimit',
  'cpuunits',
  'nameserver',
  'searchdomain',
  'hostname',
]);

function isLive(guest: Guest, key: string): boolean {
  if (!guest.running) return true;
  if (guest.type === 'lxc') return LIVE_LXC.has(key) || /^(net|mp|unused)\d+$/.test(key);
  return LIVE_QEMU.has(key) || /^(net|ipconfig|unused)\d+$/.test(key) || isDiskKey('qemu', key);
}

export interface ConfigChange {
  readonly set: GuestConfig;
  readonly remove: readonly string[];
  readonly revert: readonly string[];
}

/** Checks everything that is refused at once; what it returns may be applied. */
export async function readChange(call: Call, type: GuestType): Promise<ConfigChange> {
  const set: GuestConfig = {};
  for (const [key, value] of Object.entries(call.parameters))
    if (!NOT_CONFIG.has(key) && !Array.isArray(value)) set[key] = value;
  if (call.flag('skiplock') && !call.caller.isRoot)
    throw parameterError({ skiplock: 'Only root may use this option.' });
  // `unlink` is the same with another name for the list.
  const remove = splitList(call.text('delete') ?? call.text('idlist') ?? '');
  const revert = splitList(call.text('revert') ?? '');
  if (remove.length === 0 && revert.length === 0 && Object.keys(set).length === 0) throw fail('no options specified');
  const { parameters } = methodOf('POST', `/nodes/{node}/${type}`);
  const known = methodOf('PUT', `/nodes/{node}/${type}/{vmid}/config`).parameters;
  for (const [field, keys] of [
    ['delete', remove],
    ['revert', revert],
  ] as const)
    for (const key of keys) {
      if (!optionDefinition(parameters, key) && !optionDefinition(known, key) && !UNUSED.test(key))
        throw parameterError({ [field]: `unknown option '${key}'` });
      if (field === 'delete' && set[key] !== undefined)
        throw parameterError({ delete: `you can't use '-${key}' and -delete ${key}' at the same time` });
    }
  demandOptions(call, type, call.vmid, { ...Object.fromEntries(remove.map((key) => [key, undefined])), ...set });
  demandDiskStorages(call, type, set, call.vmid);
  return { set: type === 'qemu' ? await normalizeMachineOptions(set) : normalizeContainerOptions(set), remove, revert };
}

function normalizeContainerOptions(set: GuestConfig): GuestConfig {
  const result = { ...set };
  if (result.tags !== undefined) result.tags = normalizeTags(String(result.tags));
  if (result.description !== undefined) result.description = `${String(result.description).trimEnd()}\n`;
  return result;
}

/** Loads the guest and refuses what its present state forbids. */
export function guestForChange(call: Call, type: GuestType): Guest {
  const guest = guestOf(call, type);
  checkDigest(guest, call.text('digest'));
  checkLock(guest, call.flag('skiplock'));
  return guest;
}

async function drop(call: Call, guest: Guest, key: string): Promise<void> {
  const value = guest.config[key];
  delete guest.pending[key];
  if (value === undefined) return;
  if (UNUSED.test(key)) {
    const volume = call.lab.state.volume(guest.node, String(value));
    if (volume && volume.vmid === guest.vmid) await removeVolume(call.lab, volume);
    delete guest.config[key];
    return;
  }
  if (!isLive(guest, key)) {
    guest.pendingDelete = [...new Set([...guest.pendingDelete, key])];
    return;
  }
  detach(call, guest, key);
}

/** A disk that leaves its place stays as `unusedN`; a cloud-init image is thrown away. */
function detach(call: Call, guest: Guest, key: string): void {
  const disk = disksOf(guest.type, guest.config).find((one) => one.key === key);
  delete guest.config[key];
  if (!disk) return;
  const volume = call.lab.state.volume(guest.node, disk.file);
  if (!volume || volume.vmid !== guest.vmid) return;
  if (disk.isCdrom) call.lab.state.deleteVolume(volume);
  else guest.config[freeUnusedKey(guest.config)] = disk.file;
  removeFromBoot(guest, key);
}

function removeFromBoot(guest: Guest, key: string): void {
  const order = /order=([^,]*)/.exec(String(guest.config.boot ?? ''))?.[1];
  if (order === undefined) return;
  guest.config.boot = `order=${order
    .split(';')
    .filter((one) => one !== key)
    .join(';')}`;
}

async function put(
  call: Call,
  guest: Guest,
  key: string,
  value: ConfigValue,
  made: Volume[],
  signal: AbortSignal,
): Promise<void> {
  let next = value;
  if (isDiskKey(guest.type, key)) {
    const old = disksOf(guest.type, guest.config).find((disk) => disk.key === key);
    const before = old?.file;
    const made1 = await createDisks(
      { lab: call.lab, node: guest.node, type: guest.type, vmid: guest.vmid, signal, log: () => undefined },
      { [key]: value },
      made,
    );
    next = made1[key] ?? value;
    const after = disksOf(guest.type, { [key]: next })[0]?.file;
    for (const [name, kept] of Object.entries(guest.config))
      if (UNUSED.test(name) && kept === after) delete guest.config[name];
    if (before !== undefined && before !== after && before !== 'none') detach(call, guest, key);
    if (
      before === undefined &&
      guest.type === 'qemu' &&
      guest.config.boot !== undefined &&
      !made1[key]?.toString().includes('cloudinit')
    ) {
      const order = /order=([^,]*)/.exec(String(guest.config.boot))?.[1];
      if (order === '') guest.config.boot = `order=${key}`;
    }
  } else if (/^net\d+$/.test(key)) next = completeNic(call.lab.name, guest.vmid, guest.type, key, String(value));
  guest.pendingDelete = guest.pendingDelete.filter((one) => one !== key);
  if (isLive(guest, key)) {
    guest.config[key] = next;
    delete guest.pending[key];
  } else if (guest.config[key] === next) delete guest.pending[key];
  else guest.pending[key] = next;
}

/** Applies a checked change. Volumes made for it go away again when it fails. */
export async function applyChange(call: Call, guest: Guest, change: ConfigChange, signal: AbortSignal): Promise<void> {
  const made: Volume[] = [];
  const before = { config: { ...guest.config }, pending: { ...guest.pending }, pendingDelete: guest.pendingDelete };
  try {
    for (const key of change.revert) {
      delete guest.pending[key];
      guest.pendingDelete = guest.pendingDelete.filter((one) => one !== key);
    }
    for (const key of change.remove) await drop(call, guest, key);
    for (const [key, value] of Object.entries(change.set)) await put(call, guest, key, value, made, signal);
    const balloon = Number(guest.config.balloon ?? 0);
    if (
      guest.type === 'qemu' &&
      balloon > Number(/\d+/.exec(String(guest.pending.memory ?? guest.config.memory ?? 512))?.[0])
    )
      throw fail('balloon value too large (must be smaller than assigned memory)');
  } catch (error) {
    Object.assign(guest, before);
    for (const volume of made) await removeVolume(call.lab, volume).catch(() => undefined);
    throw error;
  }
  call.lab.state.saveGuest(guest);
  if (guest.type === 'lxc') await applyLimits(call.lab, guest);
}
