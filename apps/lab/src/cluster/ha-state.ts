/** What HA keeps: the resources as configured, and of each what the manager makes of it. */
import type { Lab } from '../lab.js';
import { splitList } from '../schema/formats.js';
import type { Guest } from '../state/model.js';

export type RequestState = 'started' | 'stopped' | 'disabled' | 'ignored';

export interface Resource {
  readonly sid: string;
  readonly type: 'vm' | 'ct';
  /** Started where nothing is said. */
  state?: RequestState;
  comment?: string;
  failback?: 0 | 1;
  max_restart?: number;
  max_relocate?: number;
}

export type ServiceState =
  | 'request_start'
  | 'started'
  | 'request_stop'
  | 'stopped'
  | 'migrate'
  | 'relocate'
  | 'fence'
  | 'recovery'
  | 'error';

export interface Service {
  node: string;
  state: ServiceState;
  /** Where `migrate` and `relocate` go. */
  target?: string;
  /** Starts that failed on this node, and relocations because of it. */
  failures: number;
  relocations: number;
  failedNodes: string[];
}

export interface Rule {
  readonly type: 'node-affinity' | 'resource-affinity';
  resources: string;
  nodes?: string;
  strict?: number;
  affinity?: 'positive' | 'negative';
  disable?: number;
  comment?: string;
}

export const sidOf = (guest: Pick<Guest, 'type' | 'vmid'>) => `${guest.type === 'qemu' ? 'vm' : 'ct'}:${guest.vmid}`;
export const vmidOf = (sid: string) => Number(sid.slice(sid.indexOf(':') + 1));
export const resourceOf = (lab: Lab, sid: string) => lab.journal.get<Resource>('ha-resource', sid);
export const serviceOf = (lab: Lab, sid: string) => lab.journal.get<Service>('ha-service', sid);
export const requested = (resource: Resource): RequestState => resource.state ?? 'started';

/** Guests whose resource is to be ignored are managed by hand like all others. */
export function isManaged(lab: Lab, guest: Pick<Guest, 'type' | 'vmid'>): boolean {
  const resource = resourceOf(lab, sidOf(guest));
  return resource !== undefined && requested(resource) !== 'ignored';
}

/** `hastate` of /cluster/resources: the manager's, and before it has seen the resource the one asked for. */
export function haStateOf(lab: Lab, guest: Guest): string | undefined {
  const sid = sidOf(guest);
  return serviceOf(lab, sid)?.state ?? resourceOf(lab, sid)?.state;
}

/** `ha` of a guest's own status. */
export function haOfGuest(lab: Lab, guest: Guest): { managed: 0 | 1; state?: string | null } {
  if (!isManaged(lab, guest)) return { managed: 0 };
  return { managed: 1, state: serviceOf(lab, sidOf(guest))?.state ?? null };
}

/** `hastate` of a node, once there is something to manage. */
export const haNodeState = (lab: Lab, node: string): string | undefined =>
  lab.ha.isActive ? lab.ha.nodeState(node) : undefined;

/** A rule without resources is none. */
export function leaveRules(lab: Lab, sid: string): void {
  for (const [id, rule] of [...lab.journal.entries<Rule>('ha-rule')]) {
    const left = splitList(rule.resources).filter((one) => one !== sid);
    if (left.length === 0) lab.journal.delete('ha-rule', id);
    else lab.journal.put('ha-rule', id, { ...rule, resources: left.join(',') });
  }
}
