/** SDN zones, vnets and subnets: kept, pending until PUT /cluster/sdn applies them, and bridges for guests from then on. */
import { fail } from '../http/api-error.js';
import type { Call, Handlers } from '../http/call.js';
import { splitList } from '../schema/formats.js';

type Entry = Record<string, string | number>;

interface Kind {
  readonly collection: string;
  readonly id: string;
  readonly path: string;
  readonly label: string;
}

const ZONE: Kind = { collection: 'sdn-zone', id: 'zone', path: '/cluster/sdn/zones', label: 'sdn zone object ID' };
const VNET: Kind = { collection: 'sdn-vnet', id: 'vnet', path: '/cluster/sdn/vnets', label: 'sdn vnet object ID' };
const SUBNETS = '/cluster/sdn/vnets/{vnet}/subnets';

function given(call: Call, id: string): Entry {
  const entry: Entry = {};
  for (const [key, value] of Object.entries(call.parameters))
    if (![id, 'delete', 'digest', 'lock-token', 'pending', 'running'].includes(key) && !Array.isArray(value))
      entry[key] = value;
  return entry;
}

function existing(call: Call, kind: Kind): Entry {
  const entry = call.lab.journal.get<Entry>(kind.collection, call.need(kind.id));
  if (!entry) throw fail(`${kind.label.replace(' object ID', '')} '${call.need(kind.id)}' does not exist`);
  return entry;
}

const mayAudit = (call: Call, zone: string) =>
  call.can(`/sdn/zones/${zone}`, ['SDN.Audit', 'SDN.Use', 'SDN.Allocate'], true);

function handlersOf(kind: Kind, zoneOf: (id: string, entry: Entry) => string, check: (call: Call) => void): Handlers {
  const one = `${kind.path}/{${kind.id}}`;
  return {
    [`GET ${kind.path}`]: (call) =>
      [...call.lab.journal.entries<Entry>(kind.collection)]
        .filter(([id, entry]) => mayAudit(call, zoneOf(id, entry)))
        .map(([id, entry]) => ({ ...entry, [kind.id]: id, type: entry.type ?? 'vnet', digest: '0'.repeat(40) })),
    [`POST ${kind.path}`]: (call) => {
      const id = call.need(kind.id);
      if (call.lab.journal.get(kind.collection, id) !== undefined) throw fail(`${kind.label} '${id}' already defined`);
      check(call);
      call.lab.journal.put(kind.collection, id, given(call, kind.id));
    },
    [`GET ${one}`]: (call) => ({
      ...existing(call, kind),
      [kind.id]: call.need(kind.id),
      type: existing(call, kind).type ?? 'vnet',
      digest: '0'.repeat(40),
    }),
    [`PUT ${one}`]: (call) => {
      const entry = { ...existing(call, kind), ...given(call, kind.id) };
      for (const key of splitList(call.text('delete') ?? '')) delete entry[key];
      call.lab.journal.put(kind.collection, call.need(kind.id), entry);
    },
  };
}

const subnetId = (zone: string, cidr: string) => `${zone}-${cidr.replace('/', '-')}`;

function subnetsOf(call: Call): Array<[string, Entry]> {
  return [...call.lab.journal.entries<Entry>('sdn-subnet')].filter(([, entry]) => entry.vnet === call.need('vnet'));
}

function subnet(call: Call): Entry {
  const entry = call.lab.journal.get<Entry>('sdn-subnet', call.need('subnet'));
  if (!entry || entry.vnet !== call.need('vnet')) throw fail(`sdn subnet '${call.need('subnet')}' does not exist`);
  return entry;
}

export const sdnHandlers: Handlers = {
  ...handlersOf(
    ZONE,
    (id) => id,
    () => undefined,
  ),
  ...handlersOf(
    VNET,
    (_id, entry) => String(entry.zone ?? ''),
    (call) => {
      if (call.lab.journal.get('sdn-zone', call.need('zone')) === undefined)
        throw fail(`zone ${call.need('zone')} does not exist`);
    },
  ),
  'DELETE /cluster/sdn/zones/{zone}': (call) => {
    existing(call, ZONE);
    for (const [id, entry] of call.lab.journal.entries<Entry>('sdn-vnet'))
      if (entry.zone === call.need('zone')) throw fail(`zone ${call.need('zone')} is used by vnet ${id}`);
    call.lab.journal.delete('sdn-zone', call.need('zone'));
  },
  'DELETE /cluster/sdn/vnets/{vnet}': (call) => {
    existing(call, VNET);
    if (subnetsOf(call).length > 0) throw fail(`Can't delete vnet if subnets exists`);
    call.lab.journal.delete('sdn-vnet', call.need('vnet'));
  },
  [`GET ${SUBNETS}`]: (call) => {
    existing(call, VNET);
    return subnetsOf(call).map(([id, entry]) => ({ ...entry, subnet: id, id, type: 'subnet' }));
  },
  [`POST ${SUBNETS}`]: (call) => {
    const zone = String(existing(call, VNET).zone ?? '');
    const cidr = call.need('subnet');
    const id = subnetId(zone, cidr);
    if (call.lab.journal.get('sdn-subnet', id) !== undefined)
      throw fail(`sdn subnet object ID '${id}' already defined`);
    const [network = '', mask = ''] = cidr.split('/');
    call.lab.journal.put('sdn-subnet', id, {
      ...given(call, 'subnet'),
      vnet: call.need('vnet'),
      zone,
      cidr,
      network,
      mask,
    });
  },
  [`GET ${SUBNETS}/{subnet}`]: (call) => ({ ...subnet(call), subnet: call.need('subnet'), type: 'subnet' }),
  [`PUT ${SUBNETS}/{subnet}`]: (call) => {
    const entry = { ...subnet(call), ...given(call, 'subnet') };
    for (const key of splitList(call.text('delete') ?? '')) delete entry[key];
    call.lab.journal.put('sdn-subnet', call.need('subnet'), entry);
  },
  [`DELETE ${SUBNETS}/{subnet}`]: (call) => {
    subnet(call);
    call.lab.journal.delete('sdn-subnet', call.need('subnet'));
  },
  'GET /cluster/sdn': () => ['vnets', 'zones', 'controllers', 'ipams', 'dns'].map((id) => ({ id })),
  'PUT /cluster/sdn': (call) =>
    call.task(
      'reloadnetworkall',
      '',
      async (task) => task.log('reload network config on all nodes'),
      call.lab.nodes[0],
    ),
  'GET /cluster/sdn/controllers': () => [],
  'GET /cluster/sdn/ipams': () => [{ ipam: 'pve', type: 'pve' }],
  'GET /cluster/sdn/dns': () => [],
  'GET /nodes/{node}/sdn/zones': (call) =>
    ['localnetwork', ...[...call.lab.journal.entries('sdn-zone')].map(([id]) => id)]
      .filter((zone) => mayAudit(call, zone))
      .map((zone) => ({ zone, status: 'available' })),
  'GET /nodes/{node}/sdn/zones/{zone}/content': (call) =>
    [...call.lab.journal.entries<Entry>('sdn-vnet')]
      .filter(([, entry]) => entry.zone === call.need('zone'))
      .map(([vnet]) => ({ vnet, status: 'available' })),
};
