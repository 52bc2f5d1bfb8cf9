/** /nodes: list, status, version, time, DNS, hosts and other small answers. */

import { createHash } from 'node:crypto';
import { loadavg } from 'node:os';
import { LAB_VERSION, nodeAddress, VERSION } from '../cluster/cluster-handlers.js';
import { nodeRow } from '../cluster/resource-rows.js';
import { fail, parameterError } from '../http/api-error.js';
import type { Call, Handlers } from '../http/call.js';
import { cpuInfo, nodeFigures } from './node-figures.js';

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
    cpuinfo: cpuInfo(),
    pveversion: `pve-manager/${VERSION.version}/${VERSION.repoid} (${LAB_VERSION})`,
    kversion: 'Linux (lab)',
    'current-kernel': { sysname: 'Linux', release: 'lab', version: LAB_VERSION, machine: 'x86_64' },
    'boot-info': { mode: 'efi', secureboot: 0 },
    ksm: { shared: 0 },
  };
}

/** What an administrator wrote for a node; kept by node. */
interface Settings {
  readonly timezone?: string;
  readonly dns?: Record<string, string>;
  readonly hosts?: string;
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
  return Date.UTC(year, month - 1, day, hour, minute, second) / 1000 - Math.floor(moment / 1000);
}

function time(call: Call): unknown {
  const timezone = settingsOf(call).timezone ?? 'UTC';
  const now = Math.floor(call.lab.now() / 1000);
  return { timezone, time: now, localtime: now + offsetOf(timezone, call.lab.now()) };
}

function setTime(call: Call): void {
  const timezone = call.need('timezone');
  if (!Intl.supportedValuesOf('timeZone').includes(timezone) && timezone !== 'UTC')
    throw parameterError({ timezone: 'No such timezone' });
  keep(call, { timezone });
}

function dns(call: Call): Record<string, string> {
  return settingsOf(call).dns ?? { search: 'lab.test', dns1: call.lab.networks[0]?.gateway ?? '127.0.0.1' };
}

/** The name servers are written anew each time: one that is not sent is gone, one that is sent twice stands once. */
function setDns(call: Call): void {
  const servers = ['dns1', 'dns2', 'dns3'].flatMap((key) => call.text(key) ?? []).filter((one) => one !== '0.0.0.0');
  const search = call.need('search');
  keep(call, {
    dns: {
      ...(search === '' ? {} : { search }),
      ...Object.fromEntries([...new Set(servers)].map((server, index) => [`dns${index + 1}`, server])),
    },
  });
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
};
