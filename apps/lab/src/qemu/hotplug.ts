/** Which changes of a running machine take effect at once: Proxmox's rules for each option, under the `hotplug` setting. */
import { parseMemory } from '../guests/definition.js';
import { parseOption } from '../guests/disks.js';
import { splitList } from '../schema/formats.js';
import type { PropertyValues } from '../schema/property-string.js';
import type { ConfigValue, Guest, GuestConfig } from '../state/model.js';
import { isDriveKey, parseDrive } from './drives.js';

/** Touch nothing in the machine, and are in force as soon as they are written. */
const FAST = new Set([
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
  'citype',
  'ciuser',
  'cipassword',
  'ciupgrade',
  'cicustom',
  'searchdomain',
  'nameserver',
  'sshkeys',
]);
export const isFastPlug = (key: string) => FAST.has(key) || /^ipconfig\d+$/.test(key);

/** Options a cloud-init image is made of; a change is remembered until the image is made anew. */
export const isCloudInitOption = (key: string) =>
  /^(?:citype|ciuser|cipassword|ciupgrade|cicustom|searchdomain|nameserver|sshkeys|name|ipconfig\d+|net\d+)$/.test(key);

const FEATURES = ['network', 'disk', 'cpu', 'memory', 'usb', 'cloudinit'];

export function hotplugFeatures(config: Readonly<GuestConfig>): ReadonlySet<string> {
  const text = String(config.hotplug ?? '1');
  if (text === '0') return new Set();
  return new Set(splitList(text === '1' ? 'network,disk,usb' : text).filter((one) => FEATURES.includes(one)));
}

const differ = (left: PropertyValues, right: PropertyValues, names: readonly string[]) =>
  names.some((name) => (left[name] ?? '') !== (right[name] ?? ''));

const usbWorks = (config: Readonly<GuestConfig>, features: ReadonlySet<string>) =>
  features.has('usb') && /^(?:l26|win8|win10|win11)$/.test(String(config.ostype ?? ''));

function diskNow(key: string, value: ConfigValue, old: ConfigValue | undefined, hotplug: boolean): boolean {
  if (key === 'efidisk0' || key === 'tpmstate0') return false;
  const drive = parseDrive(key, value) ?? {};
  const before = old === undefined ? undefined : parseDrive(key, old);
  if (before) {
    if ((drive.media ?? 'disk') !== (before.media ?? 'disk')) throw new Error('unable to change media type\n');
    if (before.media === 'cdrom') return true;
    if (drive.file === before.file)
      return !differ(drive, before, [
        'aio',
        'discard',
        'iothread',
        'queues',
        'product',
        'cache',
        'ssd',
        'vendor',
        'ro',
      ]);
    if (!hotplug) return false;
  }
  return hotplug && !/^(?:ide|sata)/.test(key);
}

function netNow(key: string, value: ConfigValue, old: ConfigValue | undefined, hotplug: boolean): boolean {
  if (old === undefined) return hotplug;
  const before = parseOption('qemu', key, old);
  const after = parseOption('qemu', key, value);
  const anew = differ(before, after, ['model', 'macaddr', 'queues', 'mtu']) || !before.bridge || !after.bridge;
  return anew ? hotplug : true;
}

function agentNow(value: ConfigValue, old: ConfigValue | undefined): boolean {
  if (old === undefined) return false;
  const [before, after] = [parseOption('qemu', 'agent', old), parseOption('qemu', 'agent', value)];
  const names = new Set([...Object.keys(before), ...Object.keys(after)]);
  names.delete('fstrim_cloned_disks');
  return !differ(before, after, [...names]);
}

/** Whether a new value is in force at once. Throws with the text of a `hotplug problem`. */
export function plugsNow(guest: Guest, key: string, value: ConfigValue): boolean {
  const { config } = guest;
  const features = hotplugFeatures(config);
  const old = config[key];
  if (isDriveKey(key)) return diskNow(key, value, old, features.has('disk'));
  if (/^net\d+$/.test(key)) return netNow(key, value, old, features.has('network'));
  if (/^usb\d+$/.test(key)) return usbWorks(config, features);
  if (key === 'agent') return agentNow(value, old);
  if (key === 'hotplug') return !/memory|cpu/.test(`${value} ${config.hotplug ?? ''}`);
  if (key === 'tablet') return features.has('usb');
  if (key === 'vcpus') {
    if (!features.has('cpu')) return false;
    const most = Number(config.sockets ?? 1) * Number(config.cores ?? 1);
    if (Number(value) > most) throw new Error(`you can't add more vcpus than maxcpus\n`);
    return true;
  }
  if (key === 'balloon') return (old === undefined || Number(old) !== 0) === (Number(value) !== 0);
  if (key === 'memory')
    return features.has('memory') && config.numa === 1 && parseMemory(value) >= parseMemory(config.memory);
  return key === 'cpuunits' || key === 'cpulimit';
}

/** Whether an option that is to go is gone at once. */
export function unplugsNow(guest: Guest, key: string): boolean {
  const { config } = guest;
  const features = hotplugFeatures(config);
  if (isFastPlug(key)) return true;
  if (isDriveKey(key)) return features.has('disk') && !/^(?:efidisk|ide|sata|tpmstate)\d+/.test(key);
  if (/^net\d+$/.test(key)) return features.has('network');
  if (/^usb\d+$/.test(key)) return usbWorks(config, features);
  if (key === 'hotplug') return !/cpu|memory/.test(String(config.hotplug ?? ''));
  if (key === 'tablet') return features.has('usb');
  if (key === 'vcpus') return features.has('cpu');
  if (key === 'balloon') return config.balloon === undefined || Number(config.balloon) !== 0;
  return key === 'cpuunits' || key === 'cpulimit';
}

/** Keeps in mind what the cloud-init image was made with, when one of its options changes while the machine runs. */
export function recordCloudInit(guest: Guest, key: string, old: ConfigValue | undefined, now?: ConfigValue): void {
  if (!isCloudInitOption(key)) return;
  const record: GuestConfig = { ...guest.cloudinit };
  const added = new Set(splitList(String(record.added ?? '')));
  delete record.added;
  const recorded = record[key];
  if (now !== undefined && recorded !== undefined) {
    if (now === recorded) {
      delete record[key];
      added.delete(key);
    }
  } else if (now !== undefined && !added.has(key)) {
    if (old === undefined) added.add(key);
    else record[key] = old;
  } else if (now === undefined && old !== undefined && recorded === undefined) {
    if (!added.delete(key)) record[key] = old;
  }
  if (added.size > 0) record.added = [...added].sort().join(',');
  guest.cloudinit = record;
}
