/** /nodes: list, status, version, network, time, DNS, certificates, services and other small answers. */

import { createHash, X509Certificate } from 'node:crypto';
import { loadavg } from 'node:os';
import { LAB_VERSION, nodeAddress, VERSION } from '../cluster/cluster-handlers.js';
import { nodeRow } from '../cluster/resource-rows.js';
import { fail } from '../http/api-error.js';
import type { Call, Handlers } from '../http/call.js';
import { fingerprintOf } from '../http/certificates.js';
import type { Value } from '../schema/validate.js';
import { cpuModel, nodeFigures } from './node-figures.js';

function listNodes(call: Call): unknown {
  const { lab } = call;
  return lab.nodes.map((node) => ({
    ...nodeRow(lab, node, call.can(`/nodes/${node}`, ['Sys.Audit'])),
    ssl_fingerprint: lab.certificate.fingerprint,
  }));
}

function nodeStatus(call: Call): unknown {
  const figures = nodeFigures(call.lab, call.node);
  return {
    uptime: figures.uptime,
    cpu: figures.cpu,
    wait: 0,
    idle: 0,
    loadavg: loadavg().map((value) => value.toFixed(2)),
    memory: {
      total: figures.maxmem,
      used: figures.mem,
      free: figures.maxmem - figures.mem,
      available: figures.maxmem - figures.mem,
    },
    swap: { total: 0, used: 0, free: 0 },
    rootfs: {
      total: figures.maxdisk,
      used: figures.disk,
      free: figures.maxdisk - figures.disk,
      avail: figures.maxdisk - figures.disk,
    },
    cpuinfo: {
      cpus: figures.maxcpu,
      cores: figures.maxcpu,
      sockets: 1,
      model: cpuModel(),
      flags: '',
      hvm: '0',
      mhz: '0',
      user_hz: 100,
    },
    pveversion: `pve-manager/${VERSION.version}/${VERSION.repoid} (${LAB_VERSION})`,
    kversion: 'Linux (lab)',
    'current-kernel': { sysname: 'Linux', release: 'lab', version: LAB_VERSION, machine: 'x86_64' },
    'boot-info': { mode: 'efi', secureboot: 0 },
    ksm: { shared: 0 },
  };
}

function certificates(call: Call): unknown {
  const describe = (pem: string, filename: string) => {
    const parsed = new X509Certificate(pem);
    const name = (text: string) => `/${text.split('\n').join('/')}`;
    return {
      filename,
      pem,
      fingerprint: fingerprintOf(pem),
      subject: name(parsed.subject),
      issuer: name(parsed.issuer),
      notbefore: Math.floor(new Date(parsed.validFrom).getTime() / 1000),
      notafter: Math.floor(new Date(parsed.validTo).getTime() / 1000),
      san: (parsed.subjectAltName ?? '')
        .split(', ')
        .filter((one) => one !== '')
        .map((one) => one.replace(/^(DNS|IP Address):/, '')),
      'public-key-type': 'id-ecPublicKey',
      'public-key-bits': 256,
    };
  };
  return [
    describe(call.lab.certificate.caCertificate, 'pve-root-ca.pem'),
    describe(call.lab.certificate.certificate, 'pve-ssl.pem'),
  ];
}

/** What an administrator wrote for a node; kept by node. */
interface Settings {
  readonly timezone?: string;
  readonly dns?: Record<string, string>;
  readonly hosts?: string;
  readonly config?: Record<string, Value>;
}
const settingsOf = (call: Call): Settings => call.lab.journal.get<Settings>('node-settings', call.node) ?? {};
const keep = (call: Call, settings: Settings) =>
  call.lab.journal.put('node-settings', call.node, { ...settingsOf(call), ...settings });
const sha1 = (text: string) => createHash('sha1').update(text).digest('hex');

/** Seconds a time zone is ahead of UTC at a moment. */
function offsetOf(timezone: string, moment: number): number {
  const parts = Object.fromEntries(
    new Intl.DateTimeFormat('en-US', {
      timeZone: timezone,
      hourCycle: 'h23',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
      second: 'numeric',
    })
      .formatToParts(moment)
      .map(({ type, value }) => [type, Number(value)]),
  ) as Record<string, number>;
  const { year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0 } = parts;
  return Math.round((Date.UTC(year, month - 1, day, hour, minute, second) - moment) / 1000);
}

function time(call: Call): unknown {
  const timezone = settingsOf(call).timezone ?? 'UTC';
  const now = Math.floor(call.lab.now() / 1000);
  return { timezone, time: now, localtime: now + offsetOf(timezone, call.lab.now()) };
}

function setTime(call: Call): void {
  const timezone = call.need('timezone');
  if (!Intl.supportedValuesOf('timeZone').includes(timezone) && timezone !== 'UTC') throw fail(`No such timezone.`);
  keep(call, { timezone });
}

function dns(call: Call): Record<string, string> {
  return settingsOf(call).dns ?? { search: 'lab.test', dns1: call.lab.networks[0]?.gateway ?? '127.0.0.1' };
}

function setDns(call: Call): void {
  const next: Record<string, string> = { ...dns(call), search: call.need('search') };
  for (const key of ['dns1', 'dns2', 'dns3'] as const) {
    const value = call.text(key);
    if (value !== undefined) next[key] = value;
  }
  keep(call, { dns: next });
}

function hosts(call: Call): { data: string; digest: string } {
  const data =
    settingsOf(call).hosts ??
    call.lab.nodes.map((node, index) => `${nodeAddress(index)} ${node}.lab.test ${node}\n`).join('');
  return { data, digest: sha1(data) };
}

function setHosts(call: Call): void {
  const digest = call.text('digest');
  if (digest && digest !== hosts(call).digest)
    throw fail('detected modified configuration - file changed by other user? Try again.');
  keep(call, { hosts: call.need('data') });
}

function readConfig(call: Call): unknown {
  const config = settingsOf(call).config ?? {};
  const digest = sha1(JSON.stringify(config));
  const property = call.text('property');
  const shown =
    property === undefined || property === 'all'
      ? config
      : Object.fromEntries(Object.entries(config).filter(([key]) => key === property));
  return { ...shown, digest };
}

function writeConfig(call: Call): void {
  const before = settingsOf(call).config ?? {};
  const given = call.text('digest');
  if (given && given !== sha1(JSON.stringify(before)))
    throw fail('detected modified configuration - file changed by other user? Try again.');
  const config = { ...before };
  for (const [key, value] of Object.entries(call.parameters))
    if (!['node', 'delete', 'digest'].includes(key)) config[key] = value;
  for (const key of (call.text('delete') ?? '').split(/[,;\s]+/)) delete config[key];
  keep(call, { config });
}

const BELOW =
  'aplinfo apt capabilities ceph certificates config disks dns firewall hardware hosts journal lxc migrateall netstat network qemu ' +
  'query-oci-repo-tags query-url-metadata replication report rrd rrddata scan sdn services spiceshell startall status stopall storage ' +
  'subscription suspendall syslog tasks termproxy time version vncshell vzdump wakeonlan';

export const nodeHandlers: Handlers = {
  'GET /nodes': listNodes,
  'GET /nodes/{node}': () => BELOW.split(' ').map((name) => ({ name })),
  'GET /nodes/{node}/status': nodeStatus,
  'GET /nodes/{node}/version': () => ({ ...VERSION, lab: LAB_VERSION }),
  'GET /nodes/{node}/time': time,
  'PUT /nodes/{node}/time': setTime,
  'GET /nodes/{node}/dns': dns,
  'PUT /nodes/{node}/dns': setDns,
  'GET /nodes/{node}/hosts': hosts,
  'POST /nodes/{node}/hosts': setHosts,
  'GET /nodes/{node}/config': readConfig,
  'PUT /nodes/{node}/config': writeConfig,
  'GET /nodes/{node}/subscription': (call) => ({
    status: 'notfound',
    message: 'There is no subscription key',
    ...(call.can(`/nodes/${call.node}`, ['Sys.Audit'])
      ? { serverid: sha1(call.lab.name).toUpperCase().slice(0, 32) }
      : {}),
    url: 'https://www.proxmox.com/en/proxmox-virtual-environment/pricing',
  }),
  'GET /nodes/{node}/certificates/info': certificates,
};
