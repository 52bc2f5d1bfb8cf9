/** Corners of the API in which a fresh cluster has nothing, or what comes with the installation; what is put there is kept. */
import { createHash } from 'node:crypto';
import { ApiError, fail } from '../http/api-error.js';
import type { Call, Handlers } from '../http/call.js';
import { type Entry, type Section, sectionEntries, sectionHandlers } from './sections.js';

function mapping(kind: 'pci' | 'usb' | 'dir'): Section {
  return {
    collection: `mapping-${kind}`,
    path: `/cluster/mapping/${kind}`,
    id: 'id',
    words: {
      exists: (id) =>
        `create ${kind === 'dir' ? 'directory' : kind} mapping failed: ${kind} ID '${id}' already defined`,
      missing: (id) => `mapping '${id}' not found`,
      missingOnUpdate: (id) =>
        `update ${kind === 'dir' ? 'directory' : kind} mapping failed: ${kind} ID '${id}' does not exist`,
    },
    visible: (call, id) => call.can(`/mapping/${kind}/${id}`, ['Mapping.Modify', 'Mapping.Use', 'Mapping.Audit'], true),
  };
}

const METRICS: Section = {
  collection: 'metric-server',
  path: '/cluster/metrics/server',
  id: 'id',
  createAt: '/cluster/metrics/server/{id}',
  words: {
    exists: (id) => `Metric server '${id}' already exists`,
    missing: (id) => `status server entry '${id}' does not exist`,
    missingOnUpdate: (id) => `no such server '${id}'`,
  },
  show: (id, entry) => ({ ...entry, id, disable: entry.disable ?? 0 }),
};

const MAIL_TO_ROOT = 'mail-to-root';
const ENDPOINTS = ['gotify', 'sendmail', 'smtp', 'webhook'] as const;
const BUILT_IN_ENDPOINT: Readonly<Record<string, Entry>> = {
  [MAIL_TO_ROOT]: { comment: "Send mails to root@pam's email address", 'mailto-user': ['root@pam'] },
};
const BUILT_IN_MATCHER: Readonly<Record<string, Entry>> = {
  'default-matcher': { comment: 'Route all notifications to mail-to-root', mode: 'all', target: [MAIL_TO_ROOT] },
};

/** What nobody changed came with the installation. */
const withOrigin =
  (builtIn: Readonly<Record<string, Entry>>, changed: (id: string) => boolean) => (id: string, entry: Entry) => ({
    ...entry,
    name: id,
    origin: builtIn[id] ? (changed(id) ? 'modified-builtin' : 'builtin') : 'user-created',
  });

function endpointSection(type: (typeof ENDPOINTS)[number]): Section {
  const builtIn = type === 'sendmail' ? BUILT_IN_ENDPOINT : {};
  return {
    collection: `notify-${type}`,
    path: `/cluster/notifications/endpoints/${type}`,
    id: 'name',
    words: {
      exists: (id) => `Could not create endpoint '${id}': target or endpoint with the same name already exists`,
      missing: (id) => `endpoint '${id}' not found`,
      missingOnDelete: (id) => `endpoint '${id}' not found`,
    },
    builtIn,
    show: withOrigin(builtIn, (id) => id !== MAIL_TO_ROOT),
  };
}

const MATCHERS: Section = {
  collection: 'notify-matcher',
  path: '/cluster/notifications/matchers',
  id: 'name',
  words: {
    exists: (id) => `matcher with name '${id}' already exists`,
    missing: (id) => `matcher with name '${id}' not found`,
    missingOnDelete: (id) => `matcher with name '${id}' not found`,
  },
  builtIn: BUILT_IN_MATCHER,
  show: withOrigin(BUILT_IN_MATCHER, () => false),
};

const targets = (call: Call) =>
  ENDPOINTS.flatMap((type) =>
    sectionEntries(call.lab, endpointSection(type)).map(([name, entry]) => ({
      name,
      type,
      origin: BUILT_IN_ENDPOINT[name] ? 'builtin' : 'user-created',
      ...(entry.comment === undefined ? {} : { comment: entry.comment }),
      ...(entry.disable === undefined ? {} : { disable: entry.disable }),
    })),
  );

function joinInformation(call: Call): unknown {
  const { lab } = call;
  if (lab.nodes.length === 1) throw new ApiError(424, 'node is not in a cluster, no join info available!');
  const preferred = call.text('node') ?? lab.nodes[0] ?? '';
  if (!lab.nodes.includes(preferred)) throw fail(`unknown node '${preferred}'`);
  return {
    nodelist: lab.nodes.map((name, index) => ({
      name,
      nodeid: String(index + 1),
      pve_addr: `127.0.0.${index + 1}`,
      pve_fp: lab.certificate.fingerprint,
      quorum_votes: '1',
      ring0_addr: `127.0.0.${index + 1}`,
    })),
    preferred_node: preferred,
    totem: totem(call),
    config_digest: createHash('sha1').update(lab.nodes.join(',')).digest('hex'),
  };
}

const totem = (call: Call) =>
  call.lab.nodes.length === 1
    ? null
    : {
        cluster_name: call.lab.name,
        config_version: String(call.lab.nodes.length),
        interface: { '0': { linknumber: '0' } },
        ip_version: 'ipv4-6',
        link_mode: 'passive',
        secauth: 'on',
        version: '2',
      };

const noCeph = (binary: string) => () => {
  throw fail(`binary not installed: /usr/bin/${binary}`);
};
const CEPH_READS = [
  'cfg/db',
  'cfg/raw',
  'cfg/value',
  'cmd-safety',
  'crush',
  'fs',
  'log',
  'mds',
  'mgr',
  'mon',
  'osd',
  'pool',
  'rules',
  'status',
];

export const defaultHandlers: Handlers = {
  ...sectionHandlers(mapping('pci')),
  ...sectionHandlers(mapping('usb')),
  ...sectionHandlers(mapping('dir')),
  ...sectionHandlers(METRICS),
  ...Object.assign({}, ...ENDPOINTS.map((type) => sectionHandlers(endpointSection(type)))),
  ...sectionHandlers(MATCHERS),
  'GET /cluster/notifications/targets': targets,
  'GET /cluster/notifications/matcher-fields': () => ['type', 'hostname', 'job-id'].map((name) => ({ name })),
  'GET /cluster/notifications/matcher-field-values': (call) => [
    ...['vzdump', 'replication', 'fencing', 'package-updates', 'system-mail'].map((value) => ({
      field: 'type',
      value,
    })),
    ...call.lab.nodes.map((value) => ({ field: 'hostname', value })),
    ...[...call.lab.journal.entries('backup-job')].map(([value]) => ({ field: 'job-id', value })),
  ],
  'GET /cluster/ceph/status': noCeph('ceph-mon'),
  'GET /cluster/ceph/metadata': noCeph('ceph-mon'),
  'GET /cluster/ceph/flags': noCeph('ceph-mon'),
  ...Object.fromEntries(CEPH_READS.map((path) => [`GET /nodes/{node}/ceph/${path}`, noCeph('ceph-mon')])),
  'GET /cluster/config/join': joinInformation,
  'GET /cluster/config/totem': totem,
  'GET /cluster/config/qdevice': () => ({}),
  'GET /cluster/config/nodes': (call) =>
    call.lab.nodes.length === 1
      ? []
      : call.lab.nodes.map((node, index) => ({
          node,
          name: node,
          nodeid: String(index + 1),
          ring0_addr: `127.0.0.${index + 1}`,
          quorum_votes: '1',
        })),
  'GET /cluster/config/apiversion': () => 1,
};
