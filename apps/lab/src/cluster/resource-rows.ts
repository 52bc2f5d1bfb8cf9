/** Rows of /cluster/resources; pools show the same of their members. */
import type { Lab } from '../lab.js';
import { nodeFigures } from '../nodes/node-figures.js';
import type { Guest, GuestFigures, StorageRecord } from '../state/model.js';
import { isOnNode, spaceOf } from '../storage/storages.js';
import { figuresFor } from './figures.js';
import { haStateOf } from './ha-state.js';

export type Row = Record<string, unknown>;

function published(lab: Lab, figures: GuestFigures): Row {
  const running = figures.status === 'running';
  return {
    status: figures.status,
    template: figures.template,
    name: figures.name,
    maxcpu: figures.maxcpu,
    maxmem: figures.maxmem,
    maxdisk: figures.maxdisk,
    cpu: running ? figures.cpu : 0,
    mem: running ? figures.mem : 0,
    memhost: running ? figures.mem : 0,
    disk: figures.disk,
    uptime: running ? Math.max(1, Math.floor((lab.now() - figures.since) / 1000)) : 0,
    netin: running ? figures.netin : 0,
    netout: running ? figures.netout : 0,
    diskread: running ? figures.diskread : 0,
    diskwrite: running ? figures.diskwrite : 0,
  };
}

/** What anyone who may see the guest is shown; pool, tags, lock and HA state are for the caller to add. */
export async function guestRow(lab: Lab, guest: Guest): Promise<Row> {
  const figures = await figuresFor(lab, guest);
  return {
    id: `${guest.type}/${guest.vmid}`,
    type: guest.type,
    vmid: guest.vmid,
    node: guest.node,
    status: 'unknown',
    ...(figures ? published(lab, figures) : {}),
  };
}

export function guestExtras(lab: Lab, guest: Guest): Row {
  const hastate = haStateOf(lab, guest);
  return {
    ...(guest.config.tags === undefined ? {} : { tags: guest.config.tags }),
    ...(guest.config.lock === undefined ? {} : { lock: guest.config.lock }),
    ...(hastate === undefined ? {} : { hastate }),
  };
}

export function storageRow(lab: Lab, storage: StorageRecord, node: string): Row {
  const { total, used } = spaceOf(lab, storage, node);
  return {
    id: `storage/${node}/${storage.storage}`,
    type: 'storage',
    storage: storage.storage,
    node,
    content: storage.content,
    plugintype: storage.type,
    shared: storage.options.shared === 1 ? 1 : 0,
    ...(lab.faults.isNodeDown(node) ? { status: 'unknown' } : { status: 'available', maxdisk: total, disk: used }),
  };
}

export const isShownOn = (storage: StorageRecord, node: string): boolean =>
  isOnNode(storage, node) && storage.options.disable !== 1;

/** A dead node keeps its place, without figures of use. */
export function nodeRow(lab: Lab, node: string, mayAudit: boolean): Row {
  const online = !lab.faults.isNodeDown(node);
  return {
    id: `node/${node}`,
    type: 'node',
    node,
    status: online ? 'online' : 'offline',
    ...(online ? { level: '' } : {}),
    ...(online && mayAudit ? nodeFigures(lab, node) : {}),
  };
}
