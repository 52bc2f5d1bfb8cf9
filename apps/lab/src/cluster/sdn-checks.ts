/** What the kinds of SDN zones ask of themselves, of their vnets and of the subnets in these. */
import { BlockList, isIPv4, isIPv6 } from 'node:net';
import { fail, parameterError } from '../http/api-error.js';
import type { Lab } from '../lab.js';
import { configured } from './sdn-config.js';
import type { Entry } from './sections.js';

const REQUIRED: Readonly<Record<string, readonly string[]>> = {
  'zone/vlan': ['bridge'],
  'zone/qinq': ['tag', 'bridge'],
  'zone/evpn': ['vrf-vxlan', 'controller'],
  'controller/evpn': ['asn'],
  'controller/bgp': ['node', 'asn', 'peers'],
  'controller/isis': ['isis-domain', 'isis-net', 'isis-ifaces', 'node'],
};
const MAX_VLAN = 4096;
const MAX_VXLAN = 16_777_216;
const OVERLAYS = new Set(['vxlan', 'evpn']);

export function checkRequired(kind: 'zone' | 'controller', entry: Entry): void {
  const missing = REQUIRED[`${kind}/${String(entry.type)}`]?.find((key) => entry[key] === undefined);
  if (missing !== undefined) throw fail(`missing value for required option '${missing}'`);
}

function checkServices(lab: Lab, entry: Entry): void {
  const servers = [...lab.journal.entries('sdn-dns')].map(([id]) => id);
  const ipams = ['pve', ...[...lab.journal.entries('sdn-ipam')].map(([id]) => id)];
  for (const key of ['dns', 'reversedns'] as const)
    if (entry[key] && !servers.includes(String(entry[key])))
      throw parameterError({ [key]: `${String(entry[key])} don't exist` });
  if (entry.dnszone && !entry.dns) throw parameterError({ dnszone: 'missing dns server' });
  if (entry.ipam && !ipams.includes(String(entry.ipam)))
    throw parameterError({ ipam: `${String(entry.ipam)} not existing` });
}

function checkEvpn(lab: Lab, id: string, entry: Entry): void {
  const at = 'at /usr/share/perl5/PVE/Network/SDN/Zones/EvpnPlugin.pm line';
  const name = String(entry.controller);
  const controller = configured(lab, 'controller').get(name);
  if (!controller) throw fail(`controller ${name} don't exist ${at} 354.`);
  if (controller.type !== 'evpn') throw fail(`${name} is not a evpn controller type ${at} 356.`);
  for (const [other, zone] of configured(lab, 'zone'))
    if (other !== id && zone['vrf-vxlan'] !== undefined && zone['vrf-vxlan'] === entry['vrf-vxlan'])
      throw fail(`vrf-vxlan ${String(entry['vrf-vxlan'])} is already declared in ${other} ${at} 366.`);
}

export function checkZone(lab: Lab, id: string, entry: Entry): void {
  checkServices(lab, entry);
  if (entry.type === 'evpn') checkEvpn(lab, id, entry);
  if (entry.type !== 'vxlan' || Boolean(entry.peers) !== Boolean(entry.fabric)) return;
  const text = 'must have exactly one of peers / fabric defined';
  throw parameterError({ peers: text, fabric: text });
}

/** The other vnets, each with its zone. */
const others = (lab: Lab, id: string) =>
  [...configured(lab, 'vnet')]
    .filter(([other]) => other !== id)
    .map(([other, vnet]) => ({ other, vnet, zone: String(vnet.zone) }));

function checkOverlayTag(lab: Lab, id: string, { tag, vlanaware }: Entry, type: string): void {
  if (tag === undefined) throw parameterError({ tag: 'missing vxlan tag' });
  if (Number(tag) > MAX_VXLAN) throw parameterError({ tag: `vxlan tag max value is ${MAX_VXLAN}` });
  if (type === 'evpn' && vlanaware)
    throw parameterError({ 'vlan-aware': "vlan-aware option can't be enabled with evpn" });
  for (const { other, vnet, zone } of others(lab, id))
    if (OVERLAYS.has(String(configured(lab, 'zone').get(zone)?.type)) && vnet.tag === tag)
      throw parameterError({ tag: `vxlan tag ${String(tag)} already exist in vnet ${other} in zone ${zone} ` });
}

function checkTag(lab: Lab, id: string, { tag, zone }: Entry, type: string): void {
  if (type === 'vlan' && tag === undefined) throw parameterError({ tag: 'missing vlan tag' });
  if (Number(tag ?? 0) > MAX_VLAN)
    throw parameterError({
      tag: `${type === 'vlan' ? 'vlan tag max value' : 'VLAN tag maximal value'} is ${MAX_VLAN}`,
    });
  for (const { other, vnet } of others(lab, id).filter((one) => one.zone === String(zone))) {
    if (vnet.tag !== tag) continue;
    if (type === 'vlan') throw parameterError({ tag: `tag ${String(tag)} already exist in vnet ${other}` });
    throw parameterError({
      tag: `${tag === undefined ? 'tag-less vnet already exists' : `tag ${String(tag)} already exist`} in zone ${String(zone)} vnet ${other}`,
    });
  }
}

export function checkVnet(lab: Lab, id: string, entry: Entry): void {
  const zone = configured(lab, 'zone').get(String(entry.zone));
  if (!zone) throw fail(`zone ${String(entry.zone)} does not exist`);
  const type = String(zone.type);
  if (type === 'simple' && entry.tag !== undefined)
    throw parameterError({ tag: 'vlan tag is not allowed on simple zone' });
  if (type === 'vlan' || type === 'qinq') checkTag(lab, id, entry, type);
  if (OVERLAYS.has(type)) checkOverlayTag(lab, id, entry, type);
  const hasSubnets = [...configured(lab, 'subnet').values()].some((subnet) => subnet.vnet === id);
  if (entry.vlanaware && hasSubnets)
    throw parameterError({ vlanaware: 'vlanaware vnet is not compatible with subnets' });
}

export function checkSubnet(lab: Lab, cidr: string, entry: Entry): void {
  const vnet = configured(lab, 'vnet').get(String(entry.vnet));
  if (vnet?.vlanaware) throw parameterError({ vnet: "you can't add a subnet on a vlanaware vnet" });
  const gateway = String(entry.gateway ?? '');
  const [network = '', mask = ''] = cidr.split('/');
  if (gateway === '' || (isIPv4(gateway) && mask === '32')) return;
  const inside = new BlockList();
  inside.addSubnet(network, Number(mask), isIPv6(network) ? 'ipv6' : 'ipv4');
  if (!inside.check(gateway, isIPv6(gateway) ? 'ipv6' : 'ipv4'))
    throw parameterError({ gateway: `${gateway} is not in subnet ${cidr}` });
}
