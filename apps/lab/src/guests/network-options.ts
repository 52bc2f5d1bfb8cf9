/** Network interfaces in a configuration: a machine's `virtio=MAC,bridge=…`, a container's `name=eth0,…,hwaddr=…`. */
import type { PropertyValues } from '../schema/property-string.js';
import type { GuestType } from '../state/model.js';
import { parseOption, printOption } from './disks.js';
import { makeMac } from './hardware-address.js';

export function nicModel(values: PropertyValues): { model: string; mac?: string } {
  return { model: values.model ?? 'virtio', ...(values.macaddr ? { mac: values.macaddr } : {}) };
}

/** The option as Proxmox keeps it: with a MAC address, and containers with `type=veth`. */
export function completeNic(
  lab: string,
  vmid: number,
  type: GuestType,
  key: string,
  text: string,
  fresh = false,
): string {
  const values = parseOption(type, key, text);
  const name = type === 'lxc' ? 'hwaddr' : 'macaddr';
  if (fresh || values[name] === undefined) values[name] = makeMac(lab, vmid, key);
  if (type === 'lxc') values.type = 'veth';
  return printOption(type, key, values);
}

/** What SDN.Use is asked on: each tag (`/sdn/zones/localnetwork/vmbr0/10`), the whole bridge where there is none. */
export function networkPaths(type: GuestType, key: string, text: string, zoneOf: (bridge: string) => string): string[] {
  const values = parseOption(type, key, text);
  if (!values.bridge) return [];
  const base = `/sdn/zones/${zoneOf(values.bridge)}/${values.bridge}`;
  const trunks = (values.trunks ?? '').split(';').filter((part) => part !== '');
  const tags = [...(values.tag ? [values.tag] : []), ...trunks.flatMap(expand)];
  return tags.length > 0 ? tags.map((tag) => `${base}/${tag}`) : [base];
}

/** `2-4` → 2, 3, 4. */
function expand(range: string): string[] {
  const [first = 0, last = first] = range.split('-').map(Number);
  return Array.from({ length: Math.min(4094, Math.max(0, last - first) + 1) }, (_, index) => String(first + index));
}
