/** Which privilege an option of a machine takes, and which options only root@pam by ticket may set. */
import { parseOption } from '../guests/disks.js';
import { demandOnGuest } from '../guests/guests.js';
import { networkPaths } from '../guests/network-options.js';
import { fail, parameterError } from '../http/api-error.js';
import type { Call } from '../http/call.js';
import { methodOf } from '../schema/schema.js';
import { definitionOf } from '../schema/validate.js';
import type { ConfigValue, GuestConfig } from '../state/model.js';
import { isDriveKey } from './drives.js';

/** Parameters of a create that are no options of the machine. */
export const NOT_OPTIONS = new Set([
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
  'cdrom',
]);
const HIDDEN =
  /^(?:unused(?:\d|[1-9]\d|1\d\d|2[0-4]\d|25[0-5])|parent|snaptime|vmstate|meta|runningmachine|runningcpu)$/;

/** Whether Proxmox knows an option of that name. */
export const isMachineOption = (key: string) =>
  HIDDEN.test(key) ||
  (!NOT_OPTIONS.has(key) && definitionOf(methodOf('POST', '/nodes/{node}/qemu').parameters, key) !== undefined);

const group = (privilege: string, names: string): ReadonlyArray<readonly [string, string]> =>
  names.split(' ').map((name) => [name, privilege]);
const PRIVILEGES = new Map([
  ...group('VM.Config.CPU', 'cores cpu runningcpu cpulimit cpuunits numa smp sockets vcpus'),
  ...group('VM.Config.Memory', 'memory balloon shares allow-ksm'),
  ...group(
    'VM.Config.HWType',
    'acpi hotplug kvm machine runningmachine scsihw smbios1 tablet vga watchdog audio0 rng0',
  ),
  ...group(
    'VM.Config.Options',
    'agent autostart bios description keyboard localtime migrate_downtime migrate_speed name onboot ostype protection reboot startdate startup tdf template tags',
  ),
  ...group('VM.PowerMgmt', 'freeze'),
  ...group('VM.Config.Disk', 'boot bootdisk vmstatestorage'),
]);

/** Options whose privilege depends on their value are asked for elsewhere. */
const BY_VALUE = /^(?:unused|serial|usb|hostpci|virtiofs)\d+$/;

function demandOption(call: Call, vmid: number, pool: string | undefined, key: string): void {
  if (isDriveKey(key) || key === 'cdrom' || BY_VALUE.test(key)) return;
  const privilege = /^numa\d+$/.test(key)
    ? 'VM.Config.CPU'
    : /^net\d+$/.test(key)
      ? 'VM.Config.Network'
      : PRIVILEGES.get(key);
  if (privilege !== undefined) {
    demandOnGuest(call, vmid, [privilege], pool);
    if (key === 'startup') call.demand('/', ['Sys.Modify']);
  } else if (/^(?:ci\w+|nameserver|searchdomain|sshkeys|ipconfig\d+)$/.test(key))
    demandOnGuest(call, vmid, ['VM.Config.Cloudinit', 'VM.Config.Network'], pool, true);
  else if (key === 'vmstate')
    for (const one of ['VM.Config.Disk', 'VM.PowerMgmt']) demandOnGuest(call, vmid, [one], pool);
  else throw fail(`only root can set '${key}' config`);
}

/** Throws 403, or the 500 of options that are root's alone. */
export function demandMachineOptions(
  call: Call,
  vmid: number,
  pool: string | undefined,
  keys: readonly string[],
): void {
  if (call.caller.isRoot) return;
  for (const key of keys) demandOption(call, vmid, pool, key);
}

/** Devices of the host: named ones are root's, mapped ones take the mapping's privilege. */
export function demandDevices(call: Call, vmid: number, pool: string | undefined, options: GuestConfig): void {
  if (call.caller.isRoot) return;
  for (const [key, value] of Object.entries(options)) demandDevice(call, vmid, pool, key, value);
}

function demandDevice(call: Call, vmid: number, pool: string | undefined, key: string, value: ConfigValue): void {
  const hardware = () => demandOnGuest(call, vmid, ['VM.Config.HWType'], pool);
  if (/^serial\d+$/.test(key)) {
    if (value !== 'socket') throw fail(`only root can set '${key}' config for real devices`);
    hardware();
  } else if (/^usb\d+$/.test(key)) {
    hardware();
    const device = parseOption('qemu', key, value);
    if (device.host !== undefined) {
      if (!/^spice$/i.test(device.host)) throw fail(`only root can set '${key}' config for real devices`);
    } else if (device.mapping !== undefined) call.demand(`/mapping/usb/${device.mapping}`, ['Mapping.Use']);
    else throw fail("either 'host' or 'mapping' must be set.");
  } else if (/^hostpci\d+$/.test(key)) {
    const device = parseOption('qemu', key, value);
    if (device.host !== undefined) throw fail(`only root can set '${key}' config for non-mapped devices`);
    if (device.mapping === undefined) throw fail("either 'host' or 'mapping' must be set.");
    call.demand(`/mapping/pci/${device.mapping}`, ['Mapping.Use']);
    hardware();
    if (device.romfile !== undefined) throw parameterError({ [key]: "only root@pam can set 'romfile' option" });
  } else if (key === 'rng0') {
    hardware();
    if (parseOption('qemu', key, value).source === '/dev/hwrng') call.demand('/mapping/hwrng', ['Mapping.Use']);
  } else if (/^virtiofs\d+$/.test(key)) {
    demandOnGuest(call, vmid, ['VM.Config.Disk'], pool);
    call.demand(`/mapping/dir/${parseOption('qemu', key, value).dirid ?? ''}`, ['Mapping.Use']);
  }
}

/** A vnet belongs to its SDN zone, every plain bridge to `localnetwork`. */
export function zoneOf(call: Call, bridge: string): string {
  return call.lab.journal.get<{ zone?: string }>('sdn-vnet', bridge)?.zone ?? 'localnetwork';
}

export function demandNetworks(call: Call, options: Readonly<GuestConfig>): void {
  if (call.caller.isRoot) return;
  for (const key of Object.keys(options)
    .filter((name) => /^net\d+$/.test(name))
    .sort())
    for (const path of networkPaths('qemu', key, String(options[key]), (bridge) => zoneOf(call, bridge)))
      call.demand(path, ['SDN.Use']);
}
