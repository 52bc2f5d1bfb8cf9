/** Which privilege an option of a guest's configuration takes, and which options only root@pam by ticket may set. */
import { fail } from '../http/api-error.js';
import type { Call } from '../http/call.js';
import type { ConfigValue, GuestType } from '../state/model.js';
import { parseOption } from './disks.js';
import { demandOnGuest } from './guests.js';
import { networkPaths } from './network-options.js';

const group = (privileges: readonly string[], names: string): ReadonlyArray<readonly [string, readonly string[]]> =>
  names.split(' ').map((name) => [name, privileges]);

const QEMU = new Map([
  ...group(['VM.Config.CPU'], 'cores cpu cpulimit cpuunits numa smp sockets vcpus affinity'),
  ...group(['VM.Config.Memory'], 'memory balloon shares allow-ksm hugepages keephugepages'),
  ...group(
    ['VM.Config.HWType'],
    'acpi hotplug kvm machine scsihw smbios1 tablet vga watchdog audio0 rng0 arch vmgenid ivshmem amd-sev intel-tdx spice_enhancements',
  ),
  ...group(
    ['VM.Config.Options'],
    'agent autostart bios description keyboard localtime migrate_downtime migrate_speed name onboot ostype protection reboot startdate startup tdf template tags',
  ),
  ...group(['VM.PowerMgmt'], 'freeze'),
  ...group(['VM.Config.Disk'], 'boot bootdisk vmstatestorage'),
  ...group(
    ['VM.Config.Cloudinit', 'VM.Config.Network'],
    'cicustom cipassword citype ciuser ciupgrade nameserver searchdomain sshkeys',
  ),
]);
const LXC = new Map([
  ...group(['VM.Config.CPU'], 'cores cpulimit cpuunits'),
  ...group(['VM.Config.Memory'], 'memory swap'),
  ...group(['VM.Config.Network'], 'nameserver searchdomain hostname'),
  ...group(
    ['VM.Config.Options'],
    'arch cmode console tty description onboot ostype protection startup tags timezone template unprivileged debug entrypoint env',
  ),
]);

function privilegesOf(type: GuestType, key: string, value: ConfigValue | undefined): readonly string[] | undefined {
  const base = key.replace(/\d+$/, '');
  const fixed = (type === 'qemu' ? QEMU : LXC).get(key);
  if (fixed) return fixed;
  if (/^net\d+$/.test(key)) return ['VM.Config.Network'];
  if (type === 'lxc') return /^(rootfs|mp\d+|unused\d+)$/.test(key) ? ['VM.Config.Disk'] : undefined;
  if (/^ipconfig\d+$/.test(key)) return ['VM.Config.Cloudinit', 'VM.Config.Network'];
  if (/^numa\d+$/.test(key)) return ['VM.Config.CPU'];
  if (/^unused\d+$/.test(key) || key === 'efidisk0' || key === 'tpmstate0') return ['VM.Config.Disk'];
  if (['ide', 'sata', 'scsi', 'virtio'].includes(base)) {
    const isCdrom = value !== undefined && /(^|,)media=cdrom|^none|^cdrom/.test(String(value));
    return isCdrom ? ['VM.Config.CDROM'] : ['VM.Config.Disk'];
  }
  if (key === 'cdrom') return ['VM.Config.CDROM'];
  return undefined;
}

/** Throws 403, or the 500 of options that are root's alone. */
export function demandOptions(
  call: Call,
  type: GuestType,
  vmid: number,
  options: Readonly<Record<string, ConfigValue | undefined>>,
  pool?: string,
): void {
  if (call.caller.isRoot) return;
  for (const [key, value] of Object.entries(options)) {
    if (type === 'lxc' && key === 'features') {
      // Nesting is harmless in an unprivileged container; every other feature reaches into the host.
      const features = value === undefined ? {} : parseOption('lxc', 'features', value);
      if (Object.keys(features).some((name) => name !== 'nesting'))
        throw fail('changing feature flags (except nesting) is only allowed for root@pam');
      demandOnGuest(call, vmid, ['VM.Allocate'], pool);
      continue;
    }
    if (type === 'qemu' && /^serial\d+$/.test(key)) {
      if (value !== undefined && value !== 'socket') throw fail(`only root can set '${key}' config for real devices`);
      demandOnGuest(call, vmid, ['VM.Config.HWType'], pool);
      continue;
    }
    if (type === 'qemu' && /^usb\d+$/.test(key) && (value === undefined || /spice|mapping=/.test(String(value)))) {
      demandOnGuest(call, vmid, ['VM.Config.HWType'], pool);
      continue;
    }
    const privileges = privilegesOf(type, key, value);
    if (!privileges) throw fail(`only root can set '${key}' config`);
    demandOnGuest(call, vmid, privileges, pool);
    if (key === 'startup') call.demand('/', ['Sys.Modify']);
    if (/^net\d+$/.test(key) && value !== undefined)
      for (const path of networkPaths(type, key, String(value), (bridge) => zoneOf(call, bridge)))
        call.demand(path, ['SDN.Use']);
  }
}

/** A vnet belongs to its SDN zone, every plain bridge to `localnetwork`. */
function zoneOf(call: Call, bridge: string): string {
  const vnet = call.lab.journal.get<{ zone?: string }>('sdn-vnet', bridge);
  return vnet?.zone ?? 'localnetwork';
}
