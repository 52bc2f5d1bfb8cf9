/** What the firewall refuses in addresses, ports and protocols, in its own words; undefined where nothing is wrong. */
import { readFileSync } from 'node:fs';
import { isIPv4, isIPv6 } from 'node:net';

const ICMP_TYPES = new Set(
  (
    'any echo-reply destination-unreachable network-unreachable host-unreachable protocol-unreachable port-unreachable ' +
    'fragmentation-needed source-route-failed network-unknown host-unknown network-prohibited host-prohibited ' +
    'TOS-network-unreachable TOS-host-unreachable communication-prohibited host-precedence-violation precedence-cutoff ' +
    'source-quench redirect network-redirect host-redirect TOS-network-redirect TOS-host-redirect echo-request ' +
    'router-advertisement router-solicitation time-exceeded ttl-zero-during-transit ttl-zero-during-reassembly ' +
    'parameter-problem ip-header-bad required-option-missing timestamp-request timestamp-reply address-mask-request ' +
    'address-mask-reply'
  ).split(' '),
);
const ICMPV6_TYPES = new Set(
  (
    'destination-unreachable no-route communication-prohibited beyond-scope address-unreachable port-unreachable ' +
    'failed-policy reject-route packet-too-big time-exceeded ttl-zero-during-transit ttl-zero-during-reassembly ' +
    'parameter-problem bad-header unknown-header-type unknown-option echo-request echo-reply router-solicitation ' +
    'router-advertisement neighbor-solicitation neighbour-solicitation neighbor-advertisement neighbour-advertisement redirect'
  ).split(' '),
);
const HELPERS = ['amanda', 'ftp', 'irc', 'netbios-ns', 'pptp', 'sane', 'sip', 'snmp', 'tftp'];
const ALIAS = /^(?:dc\/|guest\/)?[A-Za-z][A-Za-z0-9\-_]+$/;
const LONGEST_NAME = 64;

/** Perl forgets what is empty at the end of a list. */
const hasExtraCommas = (text: string) => text.endsWith(',');

const tables = new Map<string, ReadonlySet<string> | undefined>();

/** Names and numbers of /etc/services or /etc/protocols, as on a node; a machine without the file takes every name. */
function isListed(file: string, line: RegExp, name: string): boolean {
  if (!tables.has(file)) {
    let names: ReadonlySet<string> | undefined;
    try {
      names = new Set([...readFileSync(file, 'utf8').matchAll(line)].flatMap((found) => found.slice(1)));
    } catch {
      names = undefined;
    }
    tables.set(file, names);
  }
  return tables.get(file)?.has(name) ?? true;
}

export function wrongIcmpType(value: string, proto?: string): string | undefined {
  if (value === '') return undefined;
  if (proto === undefined)
    return ICMP_TYPES.has(value) || ICMPV6_TYPES.has(value) ? undefined : `invalid icmp-type value '${value}'`;
  return (proto === 'icmp' ? ICMP_TYPES : ICMPV6_TYPES).has(value)
    ? undefined
    : `invalid icmp-type '${value}' for proto '${proto}'`;
}

export function wrongProtocol(value: string): string | undefined {
  if (value === '' || value === '0' || value === 'icmpv6') return undefined;
  return isListed('/etc/protocols', /^([^\s#]\S*)\s+(\d+)/gm, value) ? undefined : `unknown protocol '${value}'`;
}

export function wrongHelper(value: string): string | undefined {
  if (hasExtraCommas(value)) return 'extraneous commas in list';
  const unknown = value.split(',').find((one) => !HELPERS.includes(one));
  return unknown === undefined ? undefined : `unknown helper ${unknown}`;
}

/** `withIcmp`: kinds of ICMP messages stood in `dport` once, and still may. */
export function wrongPorts(value: string, withIcmp: boolean): string | undefined {
  if (hasExtraCommas(value)) return 'extraneous commas in list';
  let count = 0;
  let hasIcmp = false;
  for (const part of value === '' ? [] : value.split(',')) {
    const [, from, to] = /^(\d+)(?::(\d+))?$/.exec(part) ?? [];
    if (from === undefined) {
      if (withIcmp && (ICMP_TYPES.has(part) || ICMPV6_TYPES.has(part))) hasIcmp = true;
      else if (!isListed('/etc/services', /^([^\s#]\S*)\s+\d+\/(?:tcp|udp|sctp)/gm, part))
        return `invalid port '${part}'`;
      continue;
    }
    for (const port of [from, to ?? from]) if (Number(port) > 65_535) return `invalid port '${port}'`;
    count += to === undefined ? 1 : 2;
    if (to !== undefined && Number(from) > Number(to))
      return `backwards range '${from}:${to}' not allowed, did you mean '${to}:${from}'?`;
  }
  if (hasIcmp && count > 0) return 'ICMP ports not allowed in port range';
  return count > 15 ? 'too many entries in port list (> 15 numbers)' : undefined;
}

function wrongIPv4(text: string): string | undefined {
  if (!/^[\d.]+$/.test(text)) return `Invalid chars in IP ${text}`;
  if (text.startsWith('.')) return `Invalid IP ${text} - starts with a dot`;
  if (text.endsWith('.')) return `Invalid IP ${text} - ends with a dot`;
  const quads = text.split('.');
  if (quads.length > 4) return `Invalid IP address ${text}`;
  if (quads.includes('')) return `Empty quad in IP address ${text}`;
  const wrong = quads.find((quad) => Number(quad) > 255);
  return wrong === undefined ? undefined : `Invalid quad in IP address ${text} - ${wrong}`;
}

/** The bits of an address; quads that are left out are zero. */
function bitsOf(address: string): string {
  const hex = (groups: readonly string[]) =>
    groups.map((group) => Number.parseInt(group, 16).toString(2).padStart(16, '0')).join('');
  if (!address.includes(':')) {
    const quads = address.split('.');
    return [...quads, '0', '0', '0']
      .slice(0, 4)
      .map((quad) => Number(quad).toString(2).padStart(8, '0'))
      .join('');
  }
  const plain = address.replace(/(\d+)\.(\d+)\.(\d+)\.(\d+)$/, (_, ...quads: string[]) => {
    const [a = 0, b = 0, c = 0, d = 0] = quads.slice(0, 4).map(Number);
    return `${(a * 256 + b).toString(16)}:${(c * 256 + d).toString(16)}`;
  });
  const [head = [], tail] = plain.split('::').map((half) => half.split(':').filter((group) => group !== ''));
  if (tail === undefined) return hex(head);
  return hex([...head, ...Array.from({ length: 8 - head.length - tail.length }, () => '0'), ...tail]);
}

function wrongAddress(text: string): string | undefined {
  const range = /^([^\s-]+)\s*-\s*(\S+)$/.exec(text);
  if (range) {
    const [, begin = '', end = ''] = range;
    const wrong = wrongAddress(begin) ?? wrongAddress(end);
    if (wrong !== undefined) return wrong;
    return bitsOf(begin) > bitsOf(end) ? `Begin address is greater than End address ${begin} - ${end}` : undefined;
  }
  const [address = '', prefix, ...rest] = text.split('/');
  if (!isIPv6(address)) {
    const wrong = wrongIPv4(address);
    if (wrong !== undefined) return wrong;
  }
  if (prefix === undefined) return undefined;
  const bits = bitsOf(address);
  if (rest.length > 0 || !/^\d+$/.test(prefix) || Number(prefix) > bits.length)
    return `Invalid prefix length /${[prefix, ...rest].join('/')}`;
  // Nothing may stand behind the prefix.
  return bits.slice(Number(prefix)).includes('1') ? `Invalid prefix ${bits}/${prefix}` : undefined;
}

export const addressVersion = (address: string): 4 | 6 => (address.includes(':') ? 6 : 4);

export function wrongAddresses(value: string): string | undefined {
  if (/^\+\S+$/.test(value)) return value.length > LONGEST_NAME + 1 ? 'ipset name too long' : undefined;
  if (ALIAS.test(value)) return value.length > LONGEST_NAME ? 'alias name too long' : undefined;
  if (hasExtraCommas(value)) return 'extraneous commas in list';
  const parts = value === '' ? [] : value.split(',');
  const versions = new Set<number>();
  for (const part of parts) {
    const wrong = wrongAddress(part);
    if (wrong !== undefined) return `invalid IP address: ${wrong}`;
    versions.add(addressVersion(part));
    if (versions.size > 1) return `detected mixed ipv4/ipv6 addresses in address list '${value}'`;
  }
  return parts.length > 1 && parts.some((part) => part.includes('-')) ? "you can't use a range in a list" : undefined;
}

/** An address or network as firewall files keep it: nothing behind the prefix, and none where it says nothing. */
export function plainNetwork(cidr: string): string {
  const [address = '', prefix] = cidr.split('/');
  if (prefix === undefined || prefix === '0') return cidr;
  const length = Number(prefix);
  const bits = bitsOf(address)
    .slice(0, length)
    .padEnd(isIPv4(address) ? 32 : 128, '0');
  const step = isIPv4(address) ? 8 : 16;
  const groups = Array.from({ length: bits.length / step }, (_, index) =>
    Number.parseInt(bits.slice(index * step, (index + 1) * step), 2).toString(step === 8 ? 10 : 16),
  );
  // The language's own address parser writes the longest run of zeros as `::`.
  const network = step === 8 ? groups.join('.') : new URL(`http://[${groups.join(':')}]`).hostname.slice(1, -1);
  return length === bits.length ? network : `${network}/${length}`;
}
