/** /version and /cluster: resources, status, next free id, options, tasks of all nodes. */

import { fail, parameterError } from '../http/api-error.js';
import type { Call, Handlers } from '../http/call.js';
import { splitList } from '../schema/formats.js';
import { keysOf, parsePropertyString } from '../schema/property-string.js';
import { methodOf } from '../schema/schema.js';
import type { Value } from '../schema/validate.js';
import { describeTask } from '../tasks/tasks.js';
import { haNodeState } from './ha-state.js';
import { guestExtras, guestRow, isShownOn, nodeRow, type Row, storageRow } from './resource-rows.js';

export const VERSION = { version: '9.2.11', release: '9.2', repoid: '14a22df35955d97d' } as const;
/** Says what this is; a real server has no such field. */
export const LAB_VERSION = 'bastide-lab/0.1.0';

/** Address a node has in `cluster/status`: the lab's own, all nodes are one process. */
export const nodeAddress = (index: number) => `127.0.0.${index + 1}`;

/** A pool sums up what its running members use. */
function addToPool(row: Row, guest: Row): void {
  if (!guest.uptime) return;
  const number = (value: unknown) => Number(value ?? 0);
  const before = number(row.maxcpu);
  const cpus = number(guest.maxcpu);
  row.uptime = Math.max(number(row.uptime), number(guest.uptime));
  row.mem = number(row.mem) + number(guest.mem);
  row.maxmem = number(row.maxmem) + number(guest.maxmem);
  row.cpu = (number(row.cpu) * before + number(guest.cpu) * cpus) / Math.max(1, before + cpus);
  row.maxcpu = before + cpus;
}

async function guestRows(call: Call, pools: ReadonlyMap<string, Row>): Promise<Row[]> {
  const { lab } = call;
  const rows: Row[] = [];
  for (const guest of lab.state.guests.values()) {
    const pool = lab.directory.poolOfGuest(guest.vmid);
    const poolRow = pool === undefined ? undefined : pools.get(pool);
    const visible = call.can(`/vms/${guest.vmid}`, ['VM.Audit']);
    if (!visible && !poolRow) continue;
    const row = await guestRow(lab, guest);
    if (poolRow) addToPool(poolRow, row);
    if (!visible) continue;
    const mayName = pool !== undefined && call.can(`/pool/${pool}`, ['Pool.Audit']);
    rows.push({ ...row, ...guestExtras(lab, guest), ...(mayName ? { pool } : {}) });
  }
  return rows;
}

function networkRows(call: Call): Row[] {
  const { lab } = call;
  const zones: [string, string | undefined][] = [
    ['localnetwork', undefined],
    ...[...lab.journal.entries<{ type?: string }>('sdn-running-zone')].map(
      ([id, zone]): [string, string | undefined] => [id, zone.type],
    ),
  ];
  return zones
    .filter(([zone]) => call.can(`/sdn/zones/${zone}`, ['SDN.Audit']))
    .flatMap(([zone, type]) =>
      lab.nodes.map((node) => ({
        id: `network/${node}/zone/${zone}`,
        type: 'network',
        'network-type': 'zone',
        network: zone,
        node,
        status: 'ok',
        ...(type === undefined ? {} : { 'zone-type': type }),
      })),
    );
}

async function resources(call: Call): Promise<unknown> {
  const { lab } = call;
  const type = call.text('type');
  const asked = (one: string) => type === undefined || type === one;
  const pools = new Map<string, Row>();
  if (asked('pool'))
    for (const pool of [...lab.directory.pools.keys()].sort())
      if (call.can(`/pool/${pool}`, ['Pool.Audit'])) pools.set(pool, { id: `/pool/${pool}`, type: 'pool', pool });
  const rows: Row[] = [...pools.values()];
  if (asked('vm')) rows.push(...(await guestRows(call, pools)));
  if (asked('node'))
    for (const node of lab.nodes) {
      const row = nodeRow(lab, node, call.can(`/nodes/${node}`, ['Sys.Audit']));
      const hastate = haNodeState(lab, node);
      rows.push({ ...row, 'cgroup-mode': 2, 'host-arch': 'x86_64', ...(hastate === undefined ? {} : { hastate }) });
    }
  if (asked('storage'))
    for (const storage of lab.state.storages.values())
      if (call.can(`/storage/${storage.storage}`, ['Datastore.Audit']))
        for (const node of lab.nodes) if (isShownOn(storage, node)) rows.push(storageRow(lab, storage, node));
  // Nodes of 9.x tell of their zones as networks; type `sdn` finds those of older nodes only.
  if (asked('network')) rows.push(...networkRows(call));
  return rows;
}

function nextId(call: Call): string {
  const { lab } = call;
  const wanted = call.number('vmid');
  if (wanted !== undefined) {
    const guest = lab.state.guests.get(wanted);
    if (guest) throw parameterError({ vmid: `VM ${wanted} already exists` });
    return String(wanted);
  }
  const { lower, upper } = idRange(call);
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
  return (
    call.lab.tasks
      .list()
      // A token is not its user: without the right to audit it sees nothing here, not even its own.
      .filter((record) => all || describeTask(record).owner === call.caller.id)
      .slice(0, 25)
      .map((record) => {
        const { tokenid, ...task } = describeTask(record);
        return {
          upid: record.upid,
          node: task.node,
          type: task.type,
          id: task.id,
          user: task.owner,
          starttime: task.starttime,
          saved: record.status === undefined ? '0' : '1',
          ...(tokenid ? { tokenid } : {}),
          ...(record.status === undefined ? {} : { status: record.status, endtime: record.endtime }),
        };
      })
  );
}

/** Options that are property strings and come back taken apart. */
const TAKEN_APART = [
  'crs',
  'migration',
  'replication',
  'next-id',
  'ha',
  'notify',
  'u2f',
  'webauthn',
  'tag-style',
  'user-tag-access',
];
const LISTS = ['registered-tags'];

const optionsOf = (call: Call) => Object.fromEntries(call.lab.journal.entries<Value>('options'));

function readOptions(call: Call): unknown {
  const { parameters } = methodOf('PUT', '/cluster/options');
  // The file knows no numbers: what is one is told as text.
  const stored = Object.fromEntries(
    Object.entries(optionsOf(call)).map(([key, value]) => [
      key,
      parameters.get(key)?.type === 'integer' ? String(value) : value,
    ]),
  );
  const result: Record<string, unknown> = { mac_prefix: 'BC:24:11', description: '', ...stored };
  for (const key of TAKEN_APART) {
    const property = parameters.get(key);
    const keys = property && keysOf(property);
    const value = stored[key];
    if (typeof value !== 'string' || !keys) continue;
    const parts: Record<string, unknown> = parsePropertyString(keys, value);
    if (typeof parts['user-allow-list'] === 'string') parts['user-allow-list'] = parts['user-allow-list'].split(';');
    result[key] = parts;
  }
  for (const key of LISTS) if (typeof stored[key] === 'string') result[key] = splitList(stored[key]);
  if (stored.description !== undefined) result.description = `${String(stored.description).trimEnd()}\n`;
  const allowed = call.can('/', ['Sys.Audit'])
    ? result
    : Object.fromEntries(['console', 'tag-style'].flatMap((key) => (key in result ? [[key, result[key]]] : [])));
  return { ...allowed, 'allowed-tags': tagsInUse(call) };
}

/** Registered ones, and those on guests the caller sees. */
function tagsInUse(call: Call): string[] {
  const tags = new Set(splitList(String(optionsOf(call)['registered-tags'] ?? '')));
  for (const guest of call.lab.state.guests.values())
    if (guest.config.tags !== undefined && call.can(`/vms/${guest.vmid}`, ['VM.Audit']))
      for (const tag of splitList(String(guest.config.tags))) tags.add(tag);
  return [...tags].sort();
}

/** Where `nextid` looks. */
function idRange(call: Call): { lower: number; upper: number } {
  const stored = call.lab.journal.get<string | { lower: number; upper: number }>('options', 'next-id');
  if (stored === undefined) return { ...call.lab.idRange };
  if (typeof stored === 'object') return stored;
  const range = { ...call.lab.idRange };
  for (const part of stored.split(',')) {
    const [name, number] = part.split('=');
    if (name === 'lower' || name === 'upper') range[name] = Number(number);
  }
  return range;
}

function writeOptions(call: Call): void {
  for (const [key, value] of Object.entries(call.parameters))
    if (key !== 'delete') call.lab.journal.put('options', key, value);
  for (const key of splitList(call.text('delete') ?? '')) call.lab.journal.delete('options', key);
}

const BELOW =
  'acme backup backup-info bulk-action ceph config firewall ha jobs log mapping metrics notifications nextid options qemu ' +
  'replication resources status tasks sdn';

export const clusterHandlers: Handlers = {
  'GET /version': () => ({ ...VERSION, lab: LAB_VERSION }),
  'GET /cluster': () => BELOW.split(' ').map((name) => ({ name })),
  'GET /cluster/resources': resources,
  'GET /cluster/status': status,
  'GET /cluster/nextid': nextId,
  'GET /cluster/tasks': clusterTasks,
  'GET /cluster/options': readOptions,
  'PUT /cluster/options': writeOptions,
};
