/** SDN zones, vnets and subnets: configured first, in force (and bridges for guests) from `PUT /cluster/sdn` on. */

import { randomUUID } from 'node:crypto';
import { fail, lockedWith, parameterError } from '../http/api-error.js';
import type { Call, Handlers } from '../http/call.js';
import { splitList } from '../schema/formats.js';
import { parsePropertyString } from '../schema/property-string.js';
import { checkRequired, checkSubnet, checkVnet, checkZone } from './sdn-checks.js';
import {
  checkLock,
  commit,
  configured,
  hasPending,
  type Kind,
  rollback,
  running,
  sdnDigest,
  view,
} from './sdn-config.js';
import { checkDigest, type Entry, givenEntry, sectionHandlers } from './sections.js';

const SUBNETS = '/cluster/sdn/vnets/{vnet}/subnets';
const READ = ['SDN.Audit', 'SDN.Allocate'];

const missing = (kind: Kind, id: string) =>
  kind === 'zone' || kind === 'controller' ? `sdn '${id}' does not exist` : `sdn ${kind} '${id}' does not exist`;

function find(call: Call, kind: Kind, id: string, entries = configured(call.lab, kind)): Entry {
  const entry = entries.get(id);
  if (!entry) throw fail(missing(kind, id));
  return entry;
}

/** Takes a change in: `build` makes the new entry from the old one, and throws what is wrong with it. */
function save(call: Call, kind: Kind, id: string, create: boolean, build: (before: Entry) => Entry): void {
  const doing = `${create ? 'create' : 'update'} sdn ${kind} object failed`;
  checkLock(call, doing);
  const before = configured(call.lab, kind).get(id);
  if (create && before) throw fail(`${doing}: sdn ${kind} object ID '${id}' already defined`);
  if (!create && !before) throw fail(`${doing}: ${missing(kind, id)}`);
  if (!create) checkDigest(call, sdnDigest(call.lab, kind));
  const gone = call.list('delete').flatMap(splitList);
  const left = Object.fromEntries(Object.entries(before ?? {}).filter(([key]) => !gone.includes(key)));
  const entry = lockedWith(doing, () => build(left));
  call.lab.journal.put(`sdn-${kind}`, id, entry);
}

function remove(call: Call, kind: Kind, id: string, check: () => void): void {
  const doing = `delete sdn ${kind} object failed`;
  checkLock(call, doing);
  if (!configured(call.lab, kind).has(id)) throw fail(`${doing}: ${missing(kind, id)}`);
  lockedWith(doing, check);
  call.lab.journal.delete(`sdn-${kind}`, id);
}

function zoneOfVnet(call: Call, vnet: string): string {
  const entry = configured(call.lab, 'vnet').get(vnet) ?? running(call.lab, 'vnet').get(vnet);
  return String(entry?.zone ?? '');
}

/** Rights on a vnet hang below its zone. */
function demandVnet(call: Call, privileges: readonly string[]): void {
  const vnet = call.need('vnet');
  call.demand(`/sdn/zones/${zoneOfVnet(call, vnet) || 'localnetwork'}/${vnet}`, privileges, true);
}

const subnetsOf = (call: Call, vnet: string, entries = configured(call.lab, 'subnet')) =>
  [...entries].filter(([, entry]) => entry.vnet === vnet);

const DHCP_RANGE = { 'start-address': { type: 'string' }, 'end-address': { type: 'string' } } as const;

/** Ranges are given as property strings and told as objects, also of what is pending. */
function withRanges(entry: object): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(entry).map(([key, value]) => {
      if (key === 'pending' && typeof value === 'object' && value !== null) return [key, withRanges(value)];
      if (key !== 'dhcp-range') return [key, value];
      return [key, [value].flat().map((range) => parsePropertyString(DHCP_RANGE, String(range)))];
    }),
  );
}

/** The network of a subnet stands in its name: `z1-192.0.2.0-24`. */
function subnetRow(call: Call, id: string, entry: Entry): Record<string, unknown> {
  const [, zone = '', network = '', mask = ''] = /^([^-]+)-(.+)-(\d+)$/.exec(id) ?? [];
  return {
    ...withRanges(entry),
    id,
    subnet: id,
    zone,
    network,
    mask,
    cidr: `${network}/${mask}`,
    digest: sdnDigest(call.lab, 'subnet'),
  };
}

function createSubnet(call: Call): void {
  demandVnet(call, ['SDN.Allocate']);
  const vnet = call.need('vnet');
  const cidr = call.need('subnet');
  const id = `${zoneOfVnet(call, vnet)}-${cidr.replace('/', '-')}`;
  save(call, 'subnet', id, true, () => {
    find(call, 'vnet', vnet);
    const entry: Entry = { ...givenEntry(call, 'subnet'), type: 'subnet', vnet };
    checkSubnet(call.lab, cidr, entry);
    return entry;
  });
}

function apply(call: Call): string {
  checkLock(call, 'could not commit SDN config');
  commit(call.lab);
  if (call.text('lock-token') !== undefined && call.number('release-lock') !== 0)
    call.lab.journal.delete('sdn-lock', 'token');
  const { lab } = call;
  return call.task(
    'reloadnetworkall',
    '',
    async (task) => {
      for (const node of lab.nodes.filter((one) => !lab.faults.isNodeDown(one))) {
        task.log(`${node}: reloading network config`);
        lab.tasks.start({ node, type: 'srvreload', id: 'networking', user: call.caller.id }, async () => undefined);
      }
    },
    lab.nodes[0],
  );
}

const zonesInForce = (call: Call) =>
  ['localnetwork', ...running(call.lab, 'zone').keys()].filter((zone) => call.can(`/sdn/zones/${zone}`, READ, true));

const dnsAndIpams: Handlers = {
  ...sectionHandlers({
    collection: 'sdn-dns',
    path: '/cluster/sdn/dns',
    id: 'dns',
    words: {
      exists: (id) => `create sdn dns object failed: sdn dns object ID '${id}' already defined`,
      missing: (id) => `sdn '${id}' does not exist`,
      missingOnDelete: (id) => `delete sdn dns object failed: sdn '${id}' does not exist`,
    },
  }),
  ...sectionHandlers({
    collection: 'sdn-ipam',
    path: '/cluster/sdn/ipams',
    id: 'ipam',
    words: {
      exists: (id) => `create sdn ipam object failed: sdn ipam object ID '${id}' already defined`,
      missing: (id) => `sdn '${id}' does not exist`,
      missingOnDelete: (id) => `delete sdn ipam object failed: sdn '${id}' does not exist`,
    },
    builtIn: { pve: { type: 'pve' } },
  }),
};

function checkedVnet(call: Call, id: string, given: Entry): Entry {
  const entry = { ...given, type: 'vnet' };
  checkVnet(call.lab, id, entry);
  return entry;
}

function checkedZone(call: Call, entry: Entry): Entry {
  checkZone(call.lab, call.need('zone'), entry);
  return entry;
}

function objectHandlers(kind: 'zone' | 'controller', checked: (call: Call, entry: Entry) => Entry): Handlers {
  const path = `/cluster/sdn/${kind}s`;
  const show = (call: Call, id: string, entry: Entry) => ({ ...entry, [kind]: id, digest: sdnDigest(call.lab, kind) });
  return {
    [`GET ${path}`]: (call) =>
      [...view(call, kind)]
        .filter(
          ([id, entry]) =>
            call.can(`/sdn/${kind}s/${id}`, READ, true) && (!call.text('type') || entry.type === call.text('type')),
        )
        .map(([id, entry]) => show(call, id, entry)),
    [`GET ${path}/{${kind}}`]: (call) =>
      show(call, call.need(kind), find(call, kind, call.need(kind), view(call, kind))),
    [`POST ${path}`]: (call) => {
      checkRequired(kind, givenEntry(call, kind));
      save(call, kind, call.need(kind), true, () => checked(call, givenEntry(call, kind)));
    },
    [`PUT ${path}/{${kind}}`]: (call) =>
      save(call, kind, call.need(kind), false, (before) => checked(call, { ...before, ...givenEntry(call, kind) })),
  };
}

export const sdnHandlers: Handlers = {
  ...dnsAndIpams,
  ...objectHandlers('zone', checkedZone),
  ...objectHandlers('controller', (_call, entry) => entry),
  'DELETE /cluster/sdn/zones/{zone}': (call) =>
    remove(call, 'zone', call.need('zone'), () => {
      for (const [id, vnet] of configured(call.lab, 'vnet'))
        if (vnet.zone === call.need('zone')) throw fail(`zone ${call.need('zone')} is used by vnet ${id}`);
    }),
  'DELETE /cluster/sdn/controllers/{controller}': (call) =>
    remove(call, 'controller', call.need('controller'), () => undefined),
  'GET /cluster/sdn/vnets': (call) =>
    [...view(call, 'vnet')]
      .filter(([id]) => call.can(`/sdn/zones/${zoneOfVnet(call, id)}/${id}`, READ, true))
      .map(([id, entry]) => ({ ...entry, vnet: id, digest: sdnDigest(call.lab, 'vnet') })),
  'POST /cluster/sdn/vnets': (call) =>
    save(call, 'vnet', call.need('vnet'), true, () => checkedVnet(call, call.need('vnet'), givenEntry(call, 'vnet'))),
  'GET /cluster/sdn/vnets/{vnet}': (call) => {
    demandVnet(call, READ);
    const id = call.need('vnet');
    return { ...find(call, 'vnet', id, view(call, 'vnet')), vnet: id, digest: sdnDigest(call.lab, 'vnet') };
  },
  'PUT /cluster/sdn/vnets/{vnet}': (call) => {
    demandVnet(call, ['SDN.Allocate']);
    const id = call.need('vnet');
    save(call, 'vnet', id, false, (before) => {
      const next = { ...before, ...givenEntry(call, 'vnet') };
      if (next.zone !== before.zone && subnetsOf(call, id).length > 0)
        throw parameterError({ zone: "can't change zone if subnets exist" });
      return checkedVnet(call, id, next);
    });
  },
  'DELETE /cluster/sdn/vnets/{vnet}': (call) => {
    demandVnet(call, ['SDN.Allocate']);
    remove(call, 'vnet', call.need('vnet'), () => {
      if (subnetsOf(call, call.need('vnet')).length > 0)
        throw parameterError({ vnet: "Can't delete vnet if subnets exists" });
    });
  },
  [`GET ${SUBNETS}`]: (call) => {
    demandVnet(call, READ);
    return subnetsOf(call, call.need('vnet'), view(call, 'subnet')).map(([id, entry]) => subnetRow(call, id, entry));
  },
  [`POST ${SUBNETS}`]: createSubnet,
  [`GET ${SUBNETS}/{subnet}`]: (call) => {
    demandVnet(call, READ);
    const entry = find(call, 'subnet', call.need('subnet'), view(call, 'subnet'));
    if (entry.vnet !== call.need('vnet')) throw parameterError({ vnet: 'wrong vnet' });
    return subnetRow(call, call.need('subnet'), entry);
  },
  [`PUT ${SUBNETS}/{subnet}`]: (call) => {
    demandVnet(call, ['SDN.Allocate']);
    const id = call.need('subnet');
    save(call, 'subnet', id, false, (before) => {
      const entry = { ...before, ...givenEntry(call, 'subnet') };
      checkSubnet(call.lab, id.replace(/^[^-]+-(.+)-(\d+)$/, '$1/$2'), entry);
      return entry;
    });
  },
  [`DELETE ${SUBNETS}/{subnet}`]: (call) => {
    demandVnet(call, ['SDN.Allocate']);
    remove(call, 'subnet', call.need('subnet'), () => undefined);
  },
  'GET /cluster/sdn': () => ['vnets', 'zones', 'controllers', 'ipams', 'dns', 'fabrics'].map((id) => ({ id })),
  'PUT /cluster/sdn': apply,
  'POST /cluster/sdn/lock': (call) => {
    checkLock(call, 'could not acquire lock for SDN config');
    if (!call.flag('allow-pending') && hasPending(call.lab))
      throw fail('could not acquire lock for SDN config: configuration has pending changes');
    const token = randomUUID();
    call.lab.journal.put('sdn-lock', 'token', token);
    return token;
  },
  'DELETE /cluster/sdn/lock': (call) => {
    if (!call.flag('force')) checkLock(call, 'could not release lock');
    call.lab.journal.delete('sdn-lock', 'token');
  },
  'POST /cluster/sdn/rollback': (call) => {
    checkLock(call, 'could not rollback SDN configuration');
    rollback(call.lab);
    if (call.text('lock-token') !== undefined && call.number('release-lock') !== 0)
      call.lab.journal.delete('sdn-lock', 'token');
  },
  'GET /cluster/sdn/ipams/{ipam}/status': (call) => {
    if (call.need('ipam') !== 'pve')
      throw fail('Currently only PVE IPAM is supported! at /usr/share/perl5/PVE/API2/Network/SDN/Ipams.pm line 319.');
    return [];
  },
  'GET /cluster/sdn/fabrics/all': () => ({ fabrics: [], nodes: [] }),
  'GET /cluster/sdn/fabrics/fabric': () => [],
  'GET /cluster/sdn/fabrics/node': () => [],
  'GET /nodes/{node}/sdn/zones': (call) => zonesInForce(call).map((zone) => ({ zone, status: 'available' })),
  'GET /nodes/{node}/sdn/zones/{zone}/content': (call) =>
    [...running(call.lab, 'vnet')]
      .filter(([, entry]) => entry.zone === call.need('zone'))
      .map(([vnet]) => ({ vnet, status: 'available' })),
};
