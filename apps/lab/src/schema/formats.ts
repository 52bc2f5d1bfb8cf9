/** Named formats of the schema that are checks, not property strings. The texts are those of Proxmox (measured, 9.2). */
import { isIPv4, isIPv6 } from 'node:net';
import { ALL_PRIVILEGES } from '../access/roles.js';
import { parseCalendarEvent } from '../jobs/calendar-event.js';

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

const cidr4 = (value: string) => {
  const [address = '', prefix = '', ...rest] = value.split('/');
  return rest.length === 0 && isIPv4(address) && /^\d+$/.test(prefix) && Number(prefix) > 7 && Number(prefix) <= 32;
};
const cidr6 = (value: string) => {
  const [address = '', prefix = '', ...rest] = value.split('/');
  return rest.length === 0 && isIPv6(address) && /^\d+$/.test(prefix) && Number(prefix) > 7 && Number(prefix) <= 128;
};
const address = (value: string) => isIPv4(value) || isIPv6(value);
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
    /^[a-f0-9][02468ace](?::[a-f0-9]{2}){0,2}:?$/i,
    'value is not a valid unicast MAC address prefix',
  ),
  ipv4: when(isIPv4, 'value does not look like a valid IPv4 address'),
  ipv6: when(isIPv6, 'value does not look like a valid IPv6 address'),
  ip: when(address, 'value does not look like a valid IP address'),
  CIDRv4: when(cidr4, 'value does not look like a valid IPv4 CIDR network'),
  CIDRv6: when(cidr6, 'value does not look like a valid IPv6 CIDR network'),
  CIDR: when((value) => cidr4(value) || cidr6(value), 'value does not look like a valid CIDR network'),
  IPorCIDR: when(
    (value) => address(value) || cidr4(value) || cidr6(value),
    'value does not look like a valid IP address or CIDR network',
  ),
  IPorCIDRorAlias: when(
    (value) =>
      address(value) || cidr4(value) || cidr6(value) || /^(?:(?:dc|guest)\/)?[A-Za-z][A-Za-z0-9\-_]+$/.test(value),
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
    (value) => address(value.replace(/%.+$/, '')),
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
  'pve-realm': match(/^[A-Za-z][A-Za-z0-9.\-_]+$/, (value) => `value does not look like a valid realm: ${value}`),
  'pve-poolid': pool,
  'pve-volume-id': volumeId,
  'pve-volume-id-or-qm-path': (value) => {
    if (value !== 'none' && value !== 'cdrom' && !value.startsWith('/')) volumeId(value);
  },
  'pve-volume-id-or-absolute-path': (value) => {
    if (!value.startsWith('/')) volumeId(value);
  },
  'pve-lxc-mp-string': when(
    (value) => !value.split('/').some((part) => part === '.' || part === '..'),
    'illegal character sequence for mount point',
  ),
  'pve-storage-path': match(/^[/][^\s;()]+/, (value) => `value does not look like a valid absolute path: ${value}`),
  'pve-storage-content': match(
    /^(images|rootdir|vztmpl|iso|backup|snippets|import|none)$/,
    (value) => `invalid content type '${value}'`,
  ),
  'pve-qm-bootdev': match(
    /^(?:(?:ide|sata|scsi|virtio|net|usb|hostpci)\d+|efidisk0)$/,
    (value) => `invalid boot device '${value}'`,
  ),
  'pve-ct-timezone': match(/^(?:host|[A-Za-z0-9_+\-/]+)$/, (value) => `invalid time zone '${value}'`),
  'pve-cpuset': match(/^\d+(?:-\d+)?(?:,\d+(?:-\d+)?)*$/, 'value does not look like a valid cpuset'),
  'pve-phys-bits': match(/^(?:host|[89]|[1-5]\d|6[0-4])$/, 'phys-bits must be between 8 and 64, or host'),
  'pve-vlan-id-or-range': match(/^\d+(?:-\d+)?$/, (value) => `invalid VLAN configuration '${value}'`),
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
  'pve-day-of-week': match(/^(mon|tue|wed|thu|fri|sat|sun)$/, 'invalid day of week'),
  'pve-fw-protocol-spec': match(/^[A-Za-z0-9-]+$/, 'invalid protocol specification'),
  'pve-fw-sport-spec': match(/^[A-Za-z0-9,:\-+]+$/, 'invalid port specification'),
  'pve-fw-dport-spec': match(/^[A-Za-z0-9,:\-+]+$/, 'invalid port specification'),
  'pve-fw-addr-spec': match(/^[A-Za-z0-9.:/,\-_+]+$/, 'invalid address specification'),
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
