/** /version and /cluster: resources, status, next free id, options, tasks of all nodes. */

import { KINDS } from '../guests/kind.js';
import { fail, parameterError } from '../http/api-error.js';
import type { Call, Handlers } from '../http/call.js';
import type { Lab } from '../lab.js';
import { nodeFigures } from '../nodes/node-figures.js';
import type { Guest, GuestFigures } from '../state/model.js';
import { isOnNode, spaceOf } from '../storage/storages.js';
import { describeTask } from '../tasks/tasks.js';
import { figuresFor } from './figures.js';

export const VERSION = { version: '9.2.11', release: '9.2', repoid: '14a22df35955d97d' } as const;
/** Says what this is; a real server has no such field. */
export const LAB_VERSION = 'bastide-lab/0.1.0';

/** Address a node has in `cluster/status`: the lab's own, all nodes are one process. */
export const nodeAddress = (index: number) => `127.0.0.${index + 1}`;

function guestRow(lab: Lab, guest: Guest, figures: GuestFigures | undefined): Record<string, unknown> {
  const pool = lab.directory.poolOfGuest(guest.vmid);
  const running = figures?.status === 'running';
  return {
    id: `${guest.type}/${guest.vmid}`,
    type: guest.type,
    vmid: guest.vmid,
    node: guest.node,
    template: figures?.template ?? 0,
    status: figures?.status ?? 'unknown',
    ...(figures
      ? {
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
        }
      : {}),
    ...(guest.config.tags === undefined ? {} : { tags: guest.config.tags }),
    ...(guest.config.lock === undefined ? {} : { lock: guest.config.lock }),
    ...(pool === undefined ? {} : { pool }),
  };
}

function storageRows(call: Call): Record<string, unknown>[] {
  const { lab } = call;
  const rows: Record<string, unknown>[] = [];
  for (const storage of lab.state.storages.values()) {
    if (!call.can(`/storage/${storage.storage}`, ['Datastore.Audit', 'Datastore.AllocateSpace'], true)) continue;
    for (const node of lab.nodes) {
      if (!isOnNode(storage, node) || storage.options.disable === 1) continue;
      const { total, used } = spaceOf(lab, storage, node);
      rows.push({
        id: `storage/${node}/${storage.storage}`,
        type: 'storage',
        storage: storage.storage,
        node,
        content: storage.content,
        plugintype: storage.type,
        shared: storage.options.shared === 1 ? 1 : 0,
        status: lab.faults.isNodeDown(node) ? 'unknown' : 'available',
        maxdisk: total,
        disk: used,
      });
    }
  }
  return rows;
}

async function resources(call: Call): Promise<unknown> {
  const { lab } = call;
  const type = call.text('type');
  const rows: Record<string, unknown>[] = [];
  if (type === undefined || type === 'vm') {
    for (const guest of lab.state.guests.values())
      if (call.can(`/vms/${guest.vmid}`, ['VM.Audit'])) rows.push(guestRow(lab, guest, await figuresFor(lab, guest)));
  }
  if (type === undefined || type === 'node') {
    for (const node of lab.nodes) {
      const online = !lab.faults.isNodeDown(node);
      const audit = call.can(`/nodes/${node}`, ['Sys.Audit']);
      rows.push({
        id: `node/${node}`,
        type: 'node',
        node,
        status: online ? 'online' : 'offline',
        ...(online && audit ? { ...nodeFigures(lab, node), 'cgroup-mode': 2, level: '' } : {}),
      });
    }
  }
  if (type === undefined || type === 'storage') rows.push(...storageRows(call));
  if (type === undefined || type === 'pool')
    for (const pool of lab.directory.pools.keys())
      if (call.can(`/pool/${pool}`, ['Pool.Audit'])) rows.push({ id: `/pool/${pool}`, type: 'pool', pool });
  if (type === undefined || type === 'sdn' || type === 'network')
    for (const node of lab.nodes)
      for (const zone of ['localnetwork', ...[...lab.journal.entries('sdn-zone')].map(([id]) => id)])
        if (call.can(`/sdn/zones/${zone}`, ['SDN.Audit', 'SDN.Use', 'SDN.Allocate'], true))
          rows.push({ id: `sdn/${node}/${zone}`, type: 'sdn', sdn: zone, node, status: 'ok' });
  return rows;
}

function nextId(call: Call): string {
  const { lab } = call;
  const wanted = call.number('vmid');
  if (wanted !== undefined) {
    const guest = lab.state.guests.get(wanted);
    if (guest) throw parameterError({ vmid: `${KINDS[guest.type].label} ${wanted} already exists` });
    return String(wanted);
  }
  const { lower, upper } = lab.journal.get<{ lower: number; upper: number }>('options', 'next-id') ?? lab.idRange;
  for (let id = lower; id < upper; id += 1) if (!lab.state.guests.has(id)) return String(id);
  throw fail(`unable to get any free VMID in range [${lower}, ${upper}]`);
}

function status(call: Call): unknown {
  const { lab } = call;
  const nodes = lab.nodes.map((name, index) => ({
    id: `node/${name}`,
    type: 'node',
    name,
    nodeid: lab.nodes.length > 1 ? index + 1 : 0,
    ip: nodeAddress(index),
    online: lab.faults.isNodeDown(name) ? 0 : 1,
    local: index === 0 ? 1 : 0,
    level: '',
  }));
  if (lab.nodes.length === 1) return nodes;
  const quorate = lab.faults.isQuorumLost() ? 0 : 1;
  return [
    { id: 'cluster', type: 'cluster', name: lab.name, version: lab.nodes.length, nodes: lab.nodes.length, quorate },
    ...nodes,
  ];
}

function clusterTasks(call: Call): unknown {
  const all = call.can('/', ['Sys.Audit']);
  return call.lab.tasks
    .list()
    .filter((record) => all || describeTask(record).owner === call.caller.userid)
    .slice(0, 25)
    .map((record) => {
      const { upid: _u, owner: _o, tokenid, ...task } = { ...describeTask(record), upid: record.upid };
      return {
        upid: record.upid,
        node: task.node,
        type: task.type,
        id: task.id,
        user: task.user,
        starttime: task.starttime,
        saved: record.status === undefined ? '0' : '1',
        ...(tokenid ? { tokenid } : {}),
        ...(record.status === undefined ? {} : { status: record.status, endtime: record.endtime }),
      };
    });
}

function readOptions(call: Call): unknown {
  const stored = Object.fromEntries(call.lab.journal.entries<unknown>('options'));
  return { keyboard: 'en-us', mac_prefix: 'BC:24:11', ...stored };
}

function writeOptions(call: Call): void {
  for (const key of (call.text('delete') ?? '').split(/[,;\s]+/).filter((one) => one !== ''))
    call.lab.journal.delete('options', key);
  for (const [key, value] of Object.entries(call.parameters)) {
    if (key === 'delete') continue;
    if (key === 'next-id') {
      const range = { ...call.lab.idRange };
      for (const part of String(value).split(',')) {
        const [name, number] = part.split('=');
        if (name === 'lower' || name === 'upper') range[name] = Number(number);
      }
      if (range.lower >= range.upper) throw parameterError({ 'next-id': 'upper must be greater than lower' });
      call.lab.journal.put('options', key, range);
    } else call.lab.journal.put('options', key, value);
  }
}

export const clusterHandlers: Handlers = {
  'GET /version': () => ({ ...VERSION, lab: LAB_VERSION }),
  'GET /cluster': () =>
    [
      'replication',
      'metrics',
      'config',
      'firewall',
      'backup',
      'backup-info',
      'ha',
      'acme',
      'ceph',
      'jobs',
      'mapping',
      'sdn',
      'log',
      'resources',
      'tasks',
      'options',
      'status',
      'nextid',
    ].map((name) => ({ name })),
  'GET /cluster/resources': resources,
  'GET /cluster/status': status,
  'GET /cluster/nextid': nextId,
  'GET /cluster/tasks': clusterTasks,
  'GET /cluster/options': readOptions,
  'PUT /cluster/options': writeOptions,
  'GET /cluster/log': () => [],
  'GET /cluster/replication': () => [],
  'GET /cluster/config/nodes': (call) =>
    call.lab.nodes.map((node, index) => ({
      node,
      name: node,
      nodeid: String(index + 1),
      ring0_addr: nodeAddress(index),
      quorum_votes: '1',
    })),
  'GET /cluster/config/apiversion': () => 1,
  'GET /cluster/mapping/pci': () => [],
  'GET /cluster/mapping/usb': () => [],
  'GET /cluster/mapping/dir': () => [],
};
