/** From a guest's configuration to what the runtime boots: interfaces, volumes, keys. */
import type { Lab } from '../lab.js';
import type { GuestDefinition, GuestNic } from '../runtime/guest-runtime.port.js';
import { splitList } from '../schema/formats.js';
import type { Guest } from '../state/model.js';
import { runtimeVolume } from '../storage/volumes.js';
import { isCloudInit, ownDisks, parseOption } from './disks.js';
import { makeMac } from './hardware-address.js';
import { nicModel } from './network-options.js';

function nics(lab: Lab, guest: Guest): GuestNic[] {
  const result: GuestNic[] = [];
  for (const [key, value] of Object.entries(guest.config)) {
    const index = /^net(\d+)$/.exec(key)?.[1];
    if (index === undefined) continue;
    const values = parseOption(guest.type, key, value);
    const ip = guest.type === 'qemu' ? cloudInitAddress(guest, index) : values;
    if (!values.bridge || values.link_down === '1') continue;
    const mac = guest.type === 'qemu' ? nicModel(values).mac : values.hwaddr;
    result.push({
      name: values.name ?? `eth${index}`,
      bridge: values.bridge,
      ...(values.tag ? { vlan: Number(values.tag) } : {}),
      mac: mac ?? makeMac(lab.name, guest.vmid, key),
      address: ip.ip && ip.ip !== 'dhcp' ? ip.ip : 'manual',
      ...(ip.gw ? { gateway: ip.gw } : {}),
      firewall: values.firewall === '1',
    });
  }
  return result.sort((left, right) => left.name.localeCompare(right.name, 'en', { numeric: true }));
}

function cloudInitAddress(guest: Guest, index: string): { ip?: string; gw?: string } {
  const value = guest.config[`ipconfig${index}`];
  return value === undefined ? {} : parseOption('qemu', `ipconfig${index}`, value);
}

/** Public keys of a machine are kept URL-encoded in its configuration, those of a container were given at its making. */
function sshKeys(guest: Guest): string[] {
  const text =
    guest.type === 'qemu' ? decodeURIComponent(String(guest.config.sshkeys ?? '')) : (guest.setup?.sshKeys ?? '');
  return text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'));
}

/** The disk a machine boots from: first of `boot: order=`, else its first one. */
function rootDisk(lab: Lab, guest: Guest) {
  const disks = ownDisks(lab, guest).filter(
    (disk) => !disk.isCdrom && !isCloudInit(disk) && !/^(efidisk|tpmstate)/.test(disk.key),
  );
  if (guest.type === 'lxc') return disks.find((disk) => disk.key === 'rootfs');
  const order = /order=([^,]*)/.exec(String(guest.config.boot ?? ''))?.[1]?.split(';') ?? [];
  return order.flatMap((key) => disks.filter((disk) => disk.key === key))[0] ?? disks[0];
}

/** Undefined for a machine without anything to boot: it may run, but nobody is at home. */
export function definitionOf(lab: Lab, guest: Guest): GuestDefinition | undefined {
  const root = rootDisk(lab, guest);
  if (!root) return undefined;
  const mounts = ownDisks(lab, guest)
    .filter((disk) => disk.key !== root.key && !disk.isCdrom && !isCloudInit(disk) && disk.values.mp !== undefined)
    .map((disk) => ({ volume: runtimeVolume(disk.volume), path: disk.values.mp ?? '' }));
  const config = guest.config;
  const searchDomain = config.searchdomain === undefined ? undefined : String(config.searchdomain);
  const isMachine = guest.type === 'qemu';
  const passwordHash = isMachine ? config.cipassword : guest.setup?.passwordHash;
  const user = isMachine ? String(config.ciuser ?? 'debian') : undefined;
  return {
    vmid: guest.vmid,
    node: guest.node,
    hostname: String((isMachine ? config.name : config.hostname) ?? `${isMachine ? 'VM' : 'CT'}${guest.vmid}`),
    cpus: Number(config.cores ?? 1) * Number(config.sockets ?? 1),
    memoryBytes: Number(parseMemory(config.memory)) * 2 ** 20,
    root: runtimeVolume(root.volume),
    mounts,
    nics: nics(lab, guest),
    nameservers: splitList(String(config.nameserver ?? '')),
    ...(searchDomain ? { searchDomain } : {}),
    sshKeys: sshKeys(guest),
    ...(user ? { user } : {}),
    ...(passwordHash === undefined ? {} : { passwordHash: String(passwordHash) }),
    nesting: /nesting=1/.test(String(config.features ?? '')) || isMachine,
  };
}

/** `2048` or `current=2048` → MiB; Proxmox's default where nothing is set. */
export const parseMemory = (value: string | number | undefined) => Number(/\d+/.exec(String(value ?? 512))?.[0] ?? 512);
