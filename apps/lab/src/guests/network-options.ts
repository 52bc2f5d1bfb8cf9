/** Network interfaces in a configuration: a machine's `virtio=MAC,bridge=…`, a container's `name=eth0,…,hwaddr=…`. */
import type { PropertyValues } from '../schema/property-string.js';
import type { GuestType } from '../state/model.js';
import { parseOption, printOption } from './disks.js';
import { makeMac } from './hardware-address.js';

export function nicModel(values: PropertyValues): { model: string; mac?: string } {
  return { model: values.model ?? 'virtio', ...(values.macaddr ? { mac: values.macaddr } : {}) };
}

/** The option as Proxmox keeps it: with a MAC address, containers with sorted keys and `type=veth`. */
export function completeNic(
  lab: string,
  vmid: number,
  type: GuestType,
  key: string,
  text: string,
  fresh = false,
): string {
  const values = parseOption(type, key, text);
  if (type === 'lxc') {
    if (fresh) delete values.hwaddr;
    values.hwaddr ??= makeMac(lab, vmid, key);
    values.type ??= 'veth';
    const { name = `eth${key.slice(3)}`, ...rest } = values;
    return `name=${name},${printOption('lxc', key, rest)}`;
  }
  const { model, macaddr, ...rest } = values;
  const mac = fresh || macaddr === undefined ? makeMac(lab, vmid, key) : macaddr;
  const other = Object.keys(rest)
    .sort((a, b) => order(a) - order(b) || a.localeCompare(b))
    .map((name) => `${name}=${rest[name]}`);
  return [`${model ?? 'virtio'}=${mac}`, ...other].join(',');
}

const order = (key: string) =>
  ['bridge', 'firewall', 'link_down', 'mtu', 'queues', 'rate', 'tag', 'trunks'].indexOf(key);

/** Bridges and tags used, for the SDN.Use permission: `/sdn/zones/localnetwork/vmbr0` (`/10`). */
export function networkPaths(type: GuestType, key: string, text: string, zoneOf: (bridge: string) => string): string[] {
  const values = parseOption(type, key, text);
  if (!values.bridge) return [];
  const base = `/sdn/zones/${zoneOf(values.bridge)}/${values.bridge}`;
  return values.tag ? [`${base}/${values.tag}`] : [base];
}
