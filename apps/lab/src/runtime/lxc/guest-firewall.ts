/**
 * A guest's firewall as nftables rules in the switch's namespace. Every packet of a guest interface crosses that interface's
 * own bridge; there the kernel hands it to the `inet` family with connection tracking (br_netfilter), which the `bridge`
 * family lacks on many kernels. Which way a packet goes is marked by port beforehand: 1 to the guest, 2 from it.
 */
import type { FirewallRule, GuestFirewall, GuestNic } from '../guest-runtime.port.js';
import { RuntimeError } from '../guest-runtime.port.js';
import { portNames } from './switch-network.js';

/** Loaded once; guests hang their chains into the two maps. Loading it again changes nothing. */
export const FIREWALL_BASE = `table bridge bastide {
  chain direction {
    type filter hook forward priority -200; policy accept;
  }
}
flush chain bridge bastide direction
table bridge bastide {
  chain direction {
    oifname "veth*" meta mark set 1
    iifname "veth*" meta mark set 2
  }
}
table inet bastide {
  map to_guest { type ifname : verdict; }
  map from_guest { type ifname : verdict; }
  chain passing {
    type filter hook forward priority 0; policy accept;
  }
}
flush chain inet bastide passing
table inet bastide {
  chain passing {
    meta mark 1 iifname vmap @to_guest
    meta mark 2 iifname vmap @from_guest
  }
}
`;

/**
 * The nft script that replaces all rules of one guest in a single transaction. `known`: the interfaces of the guest that
 * are in the maps now. Without rules to apply, it only clears.
 */
export function firewallScript(
  vmid: number,
  nics: readonly GuestNic[],
  firewall: GuestFirewall,
  known: readonly string[],
): string {
  const bridges = firewall.enabled
    ? nics.flatMap((nic, index) => (nic.firewall ? [portNames(vmid, index).bridge] : []))
    : [];
  const chain = { in: `guest${vmid}in`, out: `guest${vmid}out` };
  const lines: string[] = [];
  for (const bridge of known)
    lines.push(
      `delete element inet bastide to_guest { "${bridge}" }`,
      `delete element inet bastide from_guest { "${bridge}" }`,
    );
  for (const name of [chain.in, chain.out])
    lines.push(`add chain inet bastide ${name}`, `flush chain inet bastide ${name}`);
  if (bridges.length === 0) {
    for (const name of [chain.in, chain.out]) lines.push(`delete chain inet bastide ${name}`);
    return `${lines.join('\n')}\n`;
  }
  for (const direction of ['in', 'out'] as const) {
    const add = (rule: string) => lines.push(`add rule inet bastide ${chain[direction]} ${rule}`);
    add('ct state established,related accept');
    // As Proxmox does it: neighbour discovery always passes, or nothing on IPv6 works.
    add('icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert, nd-router-advert, nd-router-solicit } accept');
    for (const rule of firewall.rules) if (rule.direction === direction) for (const text of ruleTexts(rule)) add(text);
    add(VERDICT[direction === 'in' ? firewall.policyIn : firewall.policyOut]);
  }
  for (const bridge of bridges)
    lines.push(
      `add element inet bastide to_guest { "${bridge}" : jump ${chain.in} }`,
      `add element inet bastide from_guest { "${bridge}" : jump ${chain.out} }`,
    );
  return `${lines.join('\n')}\n`;
}

const VERDICT = { ACCEPT: 'accept', DROP: 'drop', REJECT: 'reject' } as const;
const PLAIN_PROTOCOL = /^[a-z0-9-]{1,20}$/;

/** One rule, in nft's words: two when addresses of both families are named. RuntimeError when a part is not understood. */
export function ruleTexts(rule: FirewallRule): string[] {
  const protocol = protocolMatch(rule);
  const source = addresses(rule.source, 'saddr');
  const destination = addresses(rule.destination, 'daddr');
  const texts: string[] = [];
  for (const family of ['ip', 'ip6'] as const) {
    const parts = [source?.[family], destination?.[family]];
    // A family that one side does not name cannot match.
    if ((source && !source[family]) || (destination && !destination[family])) continue;
    texts.push([...parts.filter(Boolean), protocol, VERDICT[rule.action]].filter(Boolean).join(' '));
    if (!source && !destination) break;
  }
  return texts;
}

function protocolMatch(rule: FirewallRule): string {
  const protocol = rule.protocol?.toLowerCase();
  const ports = rule.ports?.replaceAll(':', '-').replaceAll(/\s/g, '');
  if (protocol !== undefined && !PLAIN_PROTOCOL.test(protocol))
    throw new RuntimeError(`firewall: protocol '${rule.protocol}' is not known`);
  if (ports) {
    if (!/^\d{1,5}(-\d{1,5})?(,\d{1,5}(-\d{1,5})?)*$/.test(ports))
      throw new RuntimeError(`firewall: ports '${rule.ports}' are not understood`);
    if (protocol !== 'tcp' && protocol !== 'udp' && protocol !== 'sctp')
      throw new RuntimeError(`firewall: ports '${rule.ports}' need protocol tcp, udp or sctp`);
    return `${protocol} dport { ${ports.replaceAll(',', ', ')} }`;
  }
  return protocol ? `meta l4proto ${protocol === 'ipv6-icmp' ? 'ipv6-icmp' : protocol}` : '';
}

/** `10.0.0.1`, `10.0.0.0/24`, `10.0.0.1-10.0.0.9` or a list of those with commas, by family. */
function addresses(text: string | undefined, field: 'saddr' | 'daddr'): { ip?: string; ip6?: string } | undefined {
  if (!text) return undefined;
  const parts = text.split(',').map((part) => part.trim());
  for (const part of parts)
    if (!/^[0-9a-fA-F.:]+(\/\d{1,3})?(-[0-9a-fA-F.:]+)?$/.test(part))
      throw new RuntimeError(`firewall: address '${part}' is not understood`);
  const v4 = parts.filter((part) => !part.includes(':'));
  const v6 = parts.filter((part) => part.includes(':'));
  return {
    ...(v4.length > 0 ? { ip: `ip ${field} { ${v4.join(', ')} }` } : {}),
    ...(v6.length > 0 ? { ip6: `ip6 ${field} { ${v6.join(', ')} }` } : {}),
  };
}
