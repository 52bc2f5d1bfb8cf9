/** Named formats of the schema that are checks, not property strings. The texts are those of Proxmox (measured, 9.2). */
import { isIPv4, isIPv6 } from 'node:net';
import { ALL_PRIVILEGES } from '../access/roles.js';
import { parseCalendarEvent } from '../jobs/calendar-event.js';
import { wrongAddresses, wrongHelper, wrongIcmpType, wrongPorts, wrongProtocol } from './firewall-values.js';

export class FormatError extends Error {
  override readonly name = 'FormatError';
}

type Check = (value: string) => void;

const match =
  (pattern: RegExp, text: string | ((value: string) => string)): Check =>
  (value) => {
    if (!pattern.test(value)) throw new FormatError(typeof text === 'string' ? text : text(value));
  };
const when =
  (test: (value: string) => boolean, text: string | ((value: string) => string)): Check =>
  (value) => {
    if (!test(value)) throw new FormatError(typeof text === 'string' ? text : text(value));
  };

/** `wrong` says what is wrong, if anything. */
const says =
  (wrong: (value: string) => string | undefined): Check =>
  (value) => {
    const text = wrong(value);
    if (text !== undefined) throw new FormatError(text);
  };

const cidr4 = (value: string) => {
  const [address = '', prefix = '', ...rest] = value.split('/');
  return rest.length === 0 && isIPv4(address) && /^\d+$/.test(prefix) && Number(prefix) > 7 && Number(prefix) <= 32;
};
const cidr6 = (value: string) => {
  const [address = '', prefix = '', ...rest] = value.split('/');
  return rest.length === 0 && isIPv6(address) && /^\d+$/.test(prefix) && Number(prefix) > 7 && Number(prefix) <= 128;
};
const address = (value: string) => isIPv4(value) || isIPv6(value);
/** The firewall's own: any prefix of the address's kind. */
const addressOrNetwork = (value: string) => {
  const [host = '', prefix, ...rest] = value.split('/');
  if (!address(host) || rest.length > 0) return false;
  return prefix === undefined || (/^\d+$/.test(prefix) && Number(prefix) <= (isIPv4(host) ? 32 : 128));
};
const NAME = '[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?';
const DNS_NAME = new RegExp(`^(?:${NAME}\\.)*${NAME}$`);
const SIZE = /^(\d+(?:\.\d+)?)([KMGT](?:iB)?)?$/;
const UNITS: Readonly<Record<string, number>> = { K: 2 ** 10, M: 2 ** 20, G: 2 ** 30, T: 2 ** 40 };
export const VOLUME_ID = /^([a-z][a-z0-9\-_.]*[a-z0-9]):(.+)$/i;
const CONFIG_ID = /^[a-z][a-z0-9_-]+$/i;
const EMAIL = /^[\w+\-~]+(?:\.[\w+\-~]+)*@[a-zA-Z0-9-]+(?:\.[a-zA-Z0-9-]+)*$/;

const identifier =
  (kind: string): Check =>
  (value) => {
    if (value.length < 2) throw new FormatError(`${kind} ID '${value}' cannot be shorter than 2 characters`);
    if (!/^[a-z][a-z0-9\-_.]*[a-z0-9]$/i.test(value))
      throw new FormatError(`${kind} ID '${value}' contains illegal characters`);
  };
const volumeId: Check = match(VOLUME_ID, (value) => `unable to parse volume ID '${value}'`);
const userId: Check = (value) => {
  if (value.length < 3) throw new FormatError(`user name '${value}' is too short`);
  if (value.length > 64) throw new FormatError(`user name '${value}' is too long (${value.length} > 64)`);
  if (!/^[^\s:/]+@[A-Za-z][A-Za-z0-9.\-_]+$/.test(value))
    throw new FormatError(`value '${value}' does not look like a valid user name`);
};
const pool: Check = (value) => {
  if (value.split('/').length > 3) throw new FormatError(`pool name '${value}' nested too deeply (max levels = 3)`);
  if (!/^[A-Za-z0-9.\-_]+(?:\/[A-Za-z0-9.\-_]+)*$/.test(value))
    throw new FormatError(`pool name '${value}' contains invalid characters`);
};
const pairs =
  (inner: Check): Check =>
  (value) => {
    if (value === '1') return;
    for (const part of value.split(':')) inner(part);
  };

const DRIVES = 'ide[0-3]|sata[0-5]|scsi(?:[12]?\\d|30)|virtio(?:\\d|1[0-5])';

/** Of the zones by country, as the node's own table has them. */
function isTimeZone(value: string): boolean {
  if (!/^[A-Z]\w+\/[\w+\-/]+$/.test(value) || value.startsWith('Etc/')) return false;
  try {
    return Boolean(new Intl.DateTimeFormat('en', { timeZone: value }));
  } catch {
    return false;
  }
}

function wrongVlans(value: string): string | undefined {
  const [, from, to] = /^(\d+)(?:-(\d+))?$/.exec(value) ?? [];
  if (from === undefined) return `invalid VLAN configuration '${value}'`;
  for (const tag of [from, to ?? from]) if (Number(tag) < 2 || Number(tag) > 4094) return `invalid VLAN tag '${tag}'`;
  return to !== undefined && Number(from) >= Number(to)
    ? `VLAN range must go from lower to higher tag '${value}'`
    : undefined;
}

function wrongBlockSize(value: string): string | undefined {
  if (value === '') return undefined;
  const [, digits, unit = ''] = /^([1-9]\d*)([km])?$/i.exec(value) ?? [];
  if (digits === undefined)
    return `invalid ZFS blocksize format '${value}'. Use a positive number (no leading zeros) with an optional 'k' or 'm' suffix.`;
  const bytes = Number(digits) * (UNITS[unit.toUpperCase()] ?? 1);
  return bytes >= 512 && bytes <= 2 ** 24 && Number.isInteger(Math.log2(bytes))
    ? undefined
    : `value '${value}' is not a valid ZFS blocksize. Must be a power of 2 between 512B and 16MiB (e.g., 4k, 8k, 16k, 64k, 1m).`;
}

/** Ones, then zeros. */
const isNetmask = (value: string) =>
  isIPv4(value) &&
  /^1*0*$/.test(
    value
      .split('.')
      .map((quad) => Number(quad).toString(2).padStart(8, '0'))
      .join(''),
  );

/** `label` stands for what the lines around the data name. */
const pem = (label: string, several = '') => {
  const one = `-----BEGIN ${label}-----\\s*(?:[0-9A-Za-z+/]+\\s*\\n)*[0-9A-Za-z+/]*={0,2}\\s*\\n-----END ${label}-----\\s*`;
  return (value: string) => {
    // What stands before the first certificate is left out.
    const begin = value.indexOf('-----BEGIN ');
    if (begin < 0 || !new RegExp(`^(?:${one})${several}$`).test(value.slice(begin)))
      throw new FormatError('not a valid PEM-formatted string.');
  };
};

const CHECKS: Readonly<Record<string, Check>> = {
  string: () => undefined,
  'pem-certificate': pem('CERTIFICATE'),
  'pem-certificate-chain': pem('CERTIFICATE', '+'),
  'pem-string': pem('[^-]*'),
  urlencoded: match(/^[-%a-zA-Z0-9_.!~*'()]*$/, (value) => `invalid urlencoded string: ${value}`),
  'pve-configid': match(CONFIG_ID, (value) => `invalid configuration ID '${value}'`),
  'pve-storage-id': identifier('storage'),
  'storage-pair': pairs(identifier('storage')),
  'bridge-pair': pairs(match(/^[-_.\w\d]+$/, (value) => `invalid bridge ID '${value}'`)),
  'pve-bridge-id': match(/^[-_.\w\d]+$/, (value) => `invalid bridge ID '${value}'`),
  'pve-vmid': match(/^[1-9][0-9]{2,8}$/, 'value does not look like a valid VM ID'),
  'pve-node': match(new RegExp(`^${NAME}$`), 'value does not look like a valid node name'),
  'mac-addr': match(/^[a-f0-9][02468ace](?::[a-f0-9]{2}){5}$/i, 'value does not look like a valid unicast MAC address'),
  'mac-prefix': match(
    /^[a-f0-9][02468ace](?::[a-f0-9]{2}){0,2}(?::[a-f0-9]?)?$/i,
    'value is not a valid unicast MAC address prefix',
  ),
  ipv4: when(isIPv4, 'value does not look like a valid IPv4 address'),
  ipv6: when(isIPv6, 'value does not look like a valid IPv6 address'),
  ip: when(address, 'value does not look like a valid IP address'),
  CIDRv4: when(cidr4, 'value does not look like a valid IPv4 CIDR network'),
  CIDRv6: when(cidr6, 'value does not look like a valid IPv6 CIDR network'),
  CIDR: when((value) => cidr4(value) || cidr6(value), 'value does not look like a valid CIDR network'),
  IPorCIDR: when(addressOrNetwork, 'value does not look like a valid IP address or CIDR network'),
  IPorCIDRorAlias: when(
    (value) => addressOrNetwork(value) || /^(?:(?:dc|guest)\/)?[A-Za-z][A-Za-z0-9\-_]+$/.test(value),
    'value does not look like a valid IP address or CIDR network',
  ),
  'pve-ipv4-config': when(
    (value) => value === 'dhcp' || value === 'manual' || cidr4(value),
    'value does not look like a valid ipv4 network configuration',
  ),
  'pve-ipv6-config': when(
    (value) => ['auto', 'dhcp', 'manual'].includes(value) || cidr6(value),
    'value does not look like a valid ipv6 network configuration',
  ),
  email: match(EMAIL, 'value does not look like a valid email address'),
  'email-or-username': when(
    (value) => EMAIL.test(value) || /^[\w+\-~]+(?:\.[\w+\-~]+)*$/.test(value),
    'value does not look like a valid email address or user name',
  ),
  'dns-name': match(DNS_NAME, 'value does not look like a valid DNS name'),
  'lxc-ip-with-ll-iface': when(
    (value) => address(value.replace(/^(fe80:[^%]+)%[a-z][a-z0-9_]{1,20}(?:[:.]\d+)?$/i, '$1')),
    'value does not look like a valid IP address',
  ),
  address: when(
    (value) => address(value) || DNS_NAME.test(value),
    (value) => `value does not look like a valid address: ${value}`,
  ),
  'pve-iface': match(/^[a-z][a-z0-9_]{1,20}([:.]\d+)?$/i, (value) => `invalid network interface name '${value}'`),
  'disk-size': match(SIZE, (value) => `value does not look like a valid disk size: ${value}`),
  'pve-startup-order': when(
    (value) =>
      value !== '' &&
      value !== '0' &&
      value.split(',').every((part) => part.trim() === '' || /^(?:(?:order=)?\d+|up=\d+|down=\d+)$/.test(part)),
    'unable to parse startup options',
  ),
  'pve-tag': match(/^[a-z0-9_][a-z0-9_\-+.]*$/i, 'invalid characters in tag'),
  'pve-task-status-type': match(/^(ok|error|warning|unknown)$/i, (value) => `invalid status '${value}'`),
  'pve-groupid': match(/^[A-Za-z0-9.\-_]+$/, (value) => `group name '${value}' contains invalid characters`),
  'pve-roleid': match(/^[A-Za-z0-9.\-_]+$/, (value) => `role name '${value}' contains invalid characters`),
  'pve-priv': when(
    (value) => ALL_PRIVILEGES.has(value),
    (value) => `invalid privilege '${value}'`,
  ),
  'pve-userid': userId,
  'pve-tokenid': match(
    /^[^\s:/]+@[A-Za-z][A-Za-z0-9.\-_]+![A-Za-z][A-Za-z0-9.\-_]+$/,
    (value) => `value '${value}' does not look like a valid token ID`,
  ),
  'pve-realm': match(/^[A-Za-z][A-Za-z0-9.\-_]+$/, 'value does not look like a valid realm'),
  'pve-poolid': pool,
  'pve-volume-id': volumeId,
  'pve-volume-id-or-qm-path': (value) => {
    if (value !== 'none' && value !== 'cdrom' && !value.startsWith('/')) volumeId(value);
  },
  'pve-volume-id-or-absolute-path': (value) => {
    if (!value.startsWith('/')) volumeId(value);
  },
  'pve-lxc-mp-string': when(
    (value) => !/\/\.\.?(?:\/|$)|^\.\.\//.test(value),
    (value) => `${value} contains illegal character sequences`,
  ),
  'pve-lxc-dev-string': when(
    (value) => value.startsWith('/dev/') && !/\/\.\.?(?:\/|$)/.test(value),
    (value) => `${value} is not a valid device path`,
  ),
  'pve-storage-path': match(/^\/[^;()]+/, 'value does not look like a valid absolute path'),
  'pve-storage-path-in-property-string': match(
    /^\/[^;,=()]+/,
    'Value does not look like a valid absolute path. These symbols are currently not allowed in path: ;,=()',
  ),
  'pve-storage-server': when(
    (value) => address(value) || DNS_NAME.test(value),
    'value does not look like a valid server name or IP address',
  ),
  'pve-storage-vgname': match(
    /^[a-z0-9][a-z0-9\-_.]*[a-z0-9]$/i,
    (value) => `lvm name '${value}' contains illegal characters`,
  ),
  'pve-storage-portal-dns': match(
    /^(?:[A-Za-z0-9\-.]+(?::\d+)?|\[[A-Fa-f0-9:.\-A-Za-z]+\](?::\d+)?|[A-Fa-f0-9:]*:[A-Fa-f0-9:]+(?:\.\d+)?)$/,
    'value does not look like a valid portal address',
  ),
  'pve-storage-options': match(/^\S+$/, (value) => `invalid options '${value}'`),
  'pve-dir-override': match(
    /^(?:images|rootdir|vztmpl|iso|backup|snippets|import|none)=[^.]*(?:\.?[^.]+)+$/,
    (value) => `invalid override '${value}'`,
  ),
  'pve-storage-zfs-blocksize': says(wrongBlockSize),
  'pve-storage-content': match(
    /^(images|rootdir|vztmpl|iso|backup|snippets|import|none)$/,
    (value) => `invalid content type '${value}'`,
  ),
  'pve-qm-bootdev': match(
    new RegExp(`^(?:${DRIVES}|net(?:[12]?\\d|3[01])|usb(?:\\d|1[0-3])|hostpci(?:\\d|1[0-5]))$`),
    (value) => `invalid boot device '${value}'`,
  ),
  'pve-qm-bootdisk': match(new RegExp(`^(?:${DRIVES}|efidisk0|tpmstate0)$`), (value) => `invalid boot disk '${value}'`),
  'pve-hotplug-features': (value) => {
    if (value === '0' || value === '1') return;
    const unknown = splitList(value).find((one) => !/^(?:network|disk|cpu|memory|usb|cloudinit)$/.test(one));
    if (unknown !== undefined) throw new FormatError(`invalid hotplug feature '${unknown}'`);
  },
  'pve-ct-timezone': when(
    (value) => value === 'host' || value === 'UTC' || isTimeZone(value),
    (value) => `invalid time zone '${value}'`,
  ),
  'pve-cpuset': when(
    (value) =>
      value.split(',').every((part) => {
        const [, from, to] = /^\s*(\d+)(?:-(\d+))?\s*$/.exec(part) ?? [];
        return from !== undefined && Number(to ?? from) >= Number(from);
      }),
    'unable to parse cpuset option',
  ),
  'pve-phys-bits': match(/^(?:host|0?[89]|[1-5]\d|6[0-4])$/, "value must be an integer between 8 and 64 or 'host'"),
  'pve-vlan-id-or-range': says(wrongVlans),
  'pve-calendar-event': (value) => {
    try {
      parseCalendarEvent(value);
    } catch (error) {
      throw new FormatError(
        `invalid calendar event '${value}' - ${error instanceof Error ? error.message : String(error)}`,
        { cause: error },
      );
    }
  },
  'pve-day-of-week': match(/^(mon|tue|wed|thu|fri|sat|sun)$/, (value) => `invalid day '${value}'`),
  'pve-fw-protocol-spec': says(wrongProtocol),
  'pve-fw-sport-spec': says((value) => wrongPorts(value, false)),
  'pve-fw-dport-spec': says((value) => wrongPorts(value, true)),
  'pve-fw-addr-spec': says(wrongAddresses),
  'pve-fw-icmp-type-spec': says((value) => wrongIcmpType(value)),
  'pve-fw-conntrack-helper': says(wrongHelper),
  'pve-ha-resource-id': match(/^[a-z]+:\S+$/, 'value does not look like a valid ha resource id'),
  'pve-ha-resource-or-vm-id': match(/^(?:[a-z]+:\S+|\d+)$/, 'value does not look like a valid ha resource id'),
  'pve-ha-node': match(new RegExp(`^${NAME}(?::\\d+)?$`), 'value does not look like a valid ha node'),
  'pve-replication-job-id': (value) => {
    const guest = /^(\d+)-\d+$/.exec(value)?.[1];
    if (guest === undefined) throw new FormatError(`invalid replication job id '${value}'`);
    if (Number(guest) < 100)
      throw new FormatError(`invalid replication job id '${value}' (guest IDs < 100 are reserved)`);
  },
  'pve-sdn-fabric-id': match(
    /^[a-z0-9][a-z0-9-]{0,6}[a-z0-9]?$/i,
    (value) => `Fabric ID '${value}' contains illegal characters`,
  ),
  'pve-sdn-isis-net': match(
    /^[a-f0-9]{2}(?:\.[a-f0-9]{4}){3,9}\.[a-f0-9]{2}$/i,
    'value does not look like a valid isis net',
  ),
  'pve-sdn-bgp-rt': when(
    (value) => /^\d+:\d+$/.test(value) && value.split(':').every((part) => Number(part) < 2 ** 32),
    'value does not look like a valid bgp route-target',
  ),
  'pve-sdn-subnet-id': when((value) => {
    const [, ip, mask] = value.split('-');
    const cidr = value.includes('/') ? value : `${ip ?? ''}/${mask ?? ''}`;
    return cidr4(cidr) || cidr6(cidr);
  }, 'value does not look like a valid CIDR network'),
  'pve-acme-domain': match(
    /^[a-z0-9][a-z0-9_-]*(?:\.[a-z0-9][a-z0-9_-]*)+$/i,
    (value) => `value '${value}' does not look like a valid domain name!`,
  ),
  'pve-acme-alias': match(
    /^[a-z0-9_][a-z0-9_-]*(?:\.[a-z0-9_][a-z0-9_-]*)+$/i,
    (value) => `value '${value}' does not look like a valid alias name!`,
  ),
  'graphite-path': match(DNS_NAME, 'value does not look like a valid graphite path'),
  'ldap-simple-attr': match(
    /^[a-zA-Z0-9]+$/,
    (value) => `value '${value}' does not look like a simple ldap attribute name`,
  ),
  ipv4mask: when(isNetmask, 'value does not look like a valid IP netmask'),
};

/** Lists of Proxmox separate by comma, semicolon, white space or NUL; empty entries do not count. */
export function splitList(text: string): string[] {
  return text.split(/[,;\s\0]+/).filter((part) => part !== '');
}

/** Throws FormatError (without the final newline Proxmox adds) when the value is not of that format. */
export function checkFormat(format: string, value: string): void {
  const exact = CHECKS[format];
  if (exact) {
    exact(value);
    return;
  }
  const [, name = '', kind] = /^(.*?)(?:-(list|opt))?$/.exec(format) ?? [];
  const check = CHECKS[name];
  if (!check) return;
  if (kind === 'list') for (const part of splitList(value)) check(part);
  else if (kind !== 'opt' || value !== '') check(value);
}

/** `32M` → bytes; undefined when it is no size. */
export function parseSize(text: string): number | undefined {
  const found = SIZE.exec(text);
  if (!found) return undefined;
  return Math.floor(Number(found[1]) * (UNITS[found[2]?.[0] ?? ''] ?? 1));
}

/** Bytes → the shortest exact Proxmox size: `1G`, `32M`, `1500`. */
export function formatSize(bytes: number): string {
  let value = Math.floor(bytes);
  for (const unit of ['', 'K', 'M', 'G']) {
    if (value % 1024 !== 0 || value === 0) return `${value}${unit}`;
    value /= 1024;
  }
  return `${value}T`;
}
