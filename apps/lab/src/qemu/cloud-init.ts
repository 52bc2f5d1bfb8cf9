/** What cloud-init is told: its documents, and which of its options changed since the image was made. */

import { createHash } from 'node:crypto';
import { parseOption } from '../guests/disks.js';
import { checkLock, guestOf, withGuestLock } from '../guests/guests.js';
import type { Call } from '../http/call.js';
import { splitList } from '../schema/formats.js';
import type { GuestConfig } from '../state/model.js';
import { isCloudInitFile, isDriveKey, parseDrive } from './drives.js';
import { decodeSshKeys } from './machine-change.js';

const SECRET = '**********';
const OPTIONS = 'cicustom cipassword citype ciuser ciupgrade nameserver searchdomain sshkeys'.split(' ');

function netmask(prefix: number): string {
  const bits = prefix === 0 ? 0 : (0xffff_ffff << (32 - prefix)) >>> 0;
  return [24, 16, 8, 0].map((shift) => (bits >>> shift) & 0xff).join('.');
}

const words = (value: string | number | undefined) =>
  String(value ?? '')
    .split(/\s+/)
    .filter((word) => word !== '');

function userData(config: Readonly<GuestConfig>, vmid: number, mask: boolean): string {
  const full = String(config.name ?? `VM${vmid}`);
  const hostname = full.replace(/\..*$/, '');
  const search = config.searchdomain;
  const fqdn = full.includes('.') || !search ? full : `${full}.${search}`;
  const user = config.ciuser;
  const keys = decodeSshKeys(String(config.sshkeys ?? ''))
    .split('\n')
    .filter((line) => line.trim() !== '');
  return [
    '#cloud-config',
    `hostname: ${hostname}`,
    'manage_etc_hosts: true',
    `fqdn: ${fqdn}`,
    ...(user === undefined ? [] : [`user: ${user}`]),
    ...(user === 'root' ? ['disable_root: False'] : []),
    ...(config.cipassword === undefined ? [] : [`password: ${mask ? SECRET : config.cipassword}`]),
    ...(config.sshkeys === undefined ? [] : ['ssh_authorized_keys:', ...keys.map((key) => `  - ${key}`)]),
    'chpasswd:',
    '  expire: False',
    ...(user === 'root' ? [] : ['users:', '  - default']),
    ...(config.ciupgrade === 0 ? [] : ['package_upgrade: true']),
    '',
  ].join('\n');
}

function subnets(ip: Readonly<Record<string, string>>): string[] {
  const lines: string[] = [];
  if (ip.ip === 'dhcp') lines.push('      - type: dhcp4');
  else if (ip.ip !== undefined) {
    const [address, prefix] = ip.ip.split('/');
    lines.push(
      '      - type: static',
      `        address: '${address}'`,
      `        netmask: '${netmask(Number(prefix ?? 32))}'`,
      ...(ip.gw === undefined ? [] : [`        gateway: '${ip.gw}'`]),
    );
  }
  if (ip.ip6 === 'dhcp') lines.push('      - type: dhcp6');
  else if (ip.ip6 === 'auto') lines.push('      - type: ipv6_slaac');
  else if (ip.ip6 !== undefined)
    lines.push(
      '      - type: static6',
      `        address: '${ip.ip6}'`,
      ...(ip.gw6 === undefined ? [] : [`        gateway: '${ip.gw6}'`]),
    );
  return lines;
}

function networkConfig(config: Readonly<GuestConfig>): string {
  const lines = ['version: 1', 'config:'];
  for (const key of Object.keys(config)
    .filter((one) => /^net\d+$/.test(one))
    .sort()) {
    const index = key.slice(3);
    const ipconfig = config[`ipconfig${index}`];
    if (!ipconfig) continue;
    const mac = parseOption('qemu', key, config[key] ?? '').macaddr?.toLowerCase() ?? '';
    lines.push('    - type: physical', `      name: eth${index}`, `      mac_address: '${mac}'`, '      subnets:');
    lines.push(...subnets(parseOption('qemu', `ipconfig${index}`, ipconfig)));
  }
  const list = (name: string, items: readonly string[]) =>
    items.length > 0 ? [`      ${name}:`, ...items.map((item) => `      - '${item}'`)] : [];
  lines.push('    - type: nameserver');
  lines.push(...list('address', words(config.nameserver)), ...list('search', words(config.searchdomain)), '');
  return lines.join('\n');
}

export function dumpCloudInit(call: Call): string {
  const { config, vmid } = guestOf(call, 'qemu');
  const mask = !call.can(`/vms/${vmid}`, ['VM.Config.Cloudinit']);
  const type = call.text('type');
  if (type === 'user') return userData(config, vmid, mask);
  if (type === 'network') return networkConfig(config);
  const instance = createHash('sha1')
    .update(userData(config, vmid, false) + networkConfig(config))
    .digest('hex');
  return `instance-id: ${instance}\n`;
}

const masked = (key: string, value: string | number | undefined) => (key === 'cipassword' ? SECRET : value);

/** Options with the value of the image, and the one it would get if it were made now. */
export function cloudInitChanges(call: Call): unknown {
  const { config, cloudinit = {} } = guestOf(call, 'qemu');
  const { added, ...recorded } = cloudinit;
  const fresh = splitList(String(added ?? ''));
  return [
    ...fresh.map((key) => ({ key, pending: masked(key, config[key]) })),
    ...OPTIONS.filter((key) => config[key] !== undefined && !fresh.includes(key)).map((key) =>
      recorded[key] === undefined
        ? { key, value: masked(key, config[key]) }
        : { key, value: masked(key, recorded[key]), pending: masked(key, config[key]) },
    ),
    ...Object.keys(recorded)
      .filter((key) => config[key] === undefined)
      .map((key) => ({ key, delete: 1 })),
  ];
}

/** Makes the image anew: what changed is in it from now on. */
export async function renewCloudInit(call: Call): Promise<null> {
  await withGuestLock(call.lab, 'qemu', call.vmid, new AbortController().signal, async () => {
    const guest = guestOf(call, 'qemu');
    checkLock(guest);
    const attached = Object.entries(guest.config).some(
      ([key, value]) => isDriveKey(key) && isCloudInitFile(parseDrive(key, value)?.file ?? ''),
    );
    if (!attached || guest.cloudinit === undefined) return;
    delete guest.cloudinit;
    call.lab.state.saveGuest(guest);
  });
  return null;
}
