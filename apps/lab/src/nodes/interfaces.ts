/** A node's network interfaces: those in force, and a new file of them beside until it is applied or dropped. */
import type { Lab } from '../lab.js';
import type { Value } from '../schema/validate.js';

export type Interface = Record<string, Value> & { type: string };
export type Interfaces = Record<string, Interface>;

interface Kept {
  readonly current: Interfaces;
  readonly next?: Interfaces;
}

/** What the lab comes with: its bridges, each on a port of the same number. */
function given(lab: Lab): Interfaces {
  const result: Interfaces = {};
  for (const network of lab.networks) {
    if (result[network.bridge]) continue;
    const prefix = network.cidr.split('/')[1] ?? '24';
    result[network.bridge] = {
      type: 'bridge',
      method: 'static',
      method6: 'manual',
      families: ['inet'],
      autostart: 1,
      bridge_ports: '',
      bridge_stp: 'off',
      bridge_fd: '0',
      bridge_vlan_aware: 1,
      address: network.gateway,
      netmask: prefix,
      cidr: `${network.gateway}/${prefix}`,
    };
  }
  return result;
}

const kept = (lab: Lab, node: string): Kept => lab.journal.get<Kept>('network', node) ?? { current: {} };

export const currentInterfaces = (lab: Lab, node: string): Interfaces => ({
  ...given(lab),
  ...kept(lab, node).current,
});

/** As they will be: what lists show and changes build on. */
export function nextInterfaces(lab: Lab, node: string): Interfaces {
  const { current, next } = kept(lab, node);
  return next ?? { ...given(lab), ...current };
}

export const hasChanges = (lab: Lab, node: string): boolean => kept(lab, node).next !== undefined;

export function saveNext(lab: Lab, node: string, next: Interfaces): void {
  lab.journal.put('network', node, { ...kept(lab, node), next });
}

export function dropNext(lab: Lab, node: string): void {
  const { current } = kept(lab, node);
  lab.journal.put('network', node, { current });
}

/** Makes the new ones the present ones. */
export function applyNext(lab: Lab, node: string): void {
  const { next } = kept(lab, node);
  if (next) lab.journal.put('network', node, { current: next });
}

/** Names guests on a node can be plugged into: bridges in force and vnets that were applied. */
export function bridgesOn(lab: Lab, node: string): Set<string> {
  return new Set([
    ...lab.networks.map((network) => network.bridge),
    ...Object.entries(currentInterfaces(lab, node))
      .filter(([, { type }]) => type === 'bridge' || type === 'OVSBridge')
      .map(([name]) => name),
    ...[...lab.journal.entries('sdn-running-vnet')].map(([id]) => id),
  ]);
}
