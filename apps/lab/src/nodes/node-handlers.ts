/** /nodes: list, status, version, network, time, DNS, certificates, services and other small answers. */

import { X509Certificate } from 'node:crypto';
import { loadavg } from 'node:os';
import { LAB_VERSION, nodeAddress, VERSION } from '../cluster/cluster-handlers.js';
import { fail } from '../http/api-error.js';
import type { Call, Handlers } from '../http/call.js';
import { fingerprintOf } from '../http/certificates.js';
import { cpuModel, nodeFigures } from './node-figures.js';

function listNodes(call: Call): unknown {
  const { lab } = call;
  return lab.nodes.map((node) => {
    const online = !lab.faults.isNodeDown(node);
    return {
      id: `node/${node}`,
      type: 'node',
      node,
      status: online ? 'online' : 'offline',
      ssl_fingerprint: lab.certificate.fingerprint,
      ...(online && call.can(`/nodes/${node}`, ['Sys.Audit']) ? { ...nodeFigures(lab, node), level: '' } : {}),
    };
  });
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

interface Bridge {
  readonly iface: string;
  readonly type: string;
  readonly [key: string]: string | number;
}

function networkInterfaces(call: Call): Bridge[] {
  const { lab } = call;
  const own = lab.networks
    .filter((network, index, all) => all.findIndex((one) => one.bridge === network.bridge) === index)
    .map((network, index) => ({
      iface: network.bridge,
      type: 'bridge',
      method: 'static',
      method6: 'manual',
      families: 'inet',
      active: 1,
      autostart: 1,
      priority: index + 3,
      bridge_ports: '',
      bridge_stp: 'off',
      bridge_fd: '0',
      bridge_vlan_aware: 1,
      address: network.gateway,
      netmask: network.cidr.split('/')[1] ?? '24',
      cidr: `${network.gateway}/${network.cidr.split('/')[1] ?? '24'}`,
    }));
  const made = [...lab.journal.entries<Record<string, string | number>>('bridge')].map(([iface, bridge]) => ({
    ...bridge,
    iface,
    type: String(bridge.type ?? 'bridge'),
  }));
  return [
    { iface: 'lo', type: 'loopback', method: 'loopback', active: 1, autostart: 1, priority: 1 } as Bridge,
    ...own,
    ...made,
  ];
}

function listNetwork(call: Call): unknown {
  const type = call.text('type');
  const rows = networkInterfaces(call);
  if (type === undefined) return rows;
  const match = (row: Bridge) =>
    type === 'any_bridge' || type === 'any_local_bridge'
      ? ['bridge', 'OVSBridge', 'vnet'].includes(row.type)
      : row.type === type;
  const vnets =
    type === 'any_bridge'
      ? [...call.lab.journal.entries<{ zone?: string }>('sdn-vnet')].map(([iface]) => ({
          iface,
          type: 'vnet',
          active: 1,
        }))
      : [];
  return [...rows.filter(match), ...vnets].filter(
    (row) =>
      row.type === 'vnet' ||
      call.can(`/sdn/zones/localnetwork/${row.iface}`, ['SDN.Audit', 'SDN.Use'], true) ||
      call.can(`/nodes/${call.node}`, ['Sys.Audit']),
  );
}

function interfaceOf(call: Call): Bridge {
  const found = networkInterfaces(call).find((row) => row.iface === call.need('iface'));
  if (!found) throw fail('interface does not exist');
  return found;
}

function saveInterface(call: Call): void {
  const { node: _node, iface: _iface, delete: _delete, ...options } = call.parameters;
  call.lab.journal.put('bridge', call.need('iface'), { method: 'manual', active: 1, ...options });
}

const FIXED_SERVICES = ['pveproxy', 'pvedaemon', 'pvestatd', 'pve-cluster', 'corosync', 'ssh', 'cron'];
const service = (name: string) => ({
  service: name,
  name,
  desc: name,
  state: 'running',
  'active-state': 'active',
  'unit-state': 'enabled',
});

export const nodeHandlers: Handlers = {
  'GET /nodes': listNodes,
  'GET /nodes/{node}': () =>
    [
      'qemu',
      'lxc',
      'ceph',
      'vzdump',
      'services',
      'subscription',
      'network',
      'tasks',
      'scan',
      'hardware',
      'capabilities',
      'storage',
      'disks',
      'apt',
      'firewall',
      'certificates',
      'config',
      'sdn',
      'version',
      'status',
      'netstat',
      'execute',
      'vncshell',
      'termproxy',
      'dns',
      'time',
      'hosts',
      'aplinfo',
      'report',
    ].map((name) => ({ name })),
  'GET /nodes/{node}/status': nodeStatus,
  'GET /nodes/{node}/version': () => ({ ...VERSION, lab: LAB_VERSION }),
  'GET /nodes/{node}/time': (call) => ({
    timezone: 'UTC',
    time: Math.floor(call.lab.now() / 1000),
    localtime: Math.floor(call.lab.now() / 1000),
  }),
  'GET /nodes/{node}/dns': (call) => ({ search: 'lab.test', dns1: call.lab.networks[0]?.gateway ?? '127.0.0.1' }),
  'GET /nodes/{node}/hosts': (call) => ({
    digest: '0'.repeat(40),
    data: call.lab.nodes.map((node, index) => `${nodeAddress(index)} ${node}.lab.test ${node}\n`).join(''),
  }),
  'GET /nodes/{node}/config': () => ({ digest: '0'.repeat(40) }),
  'GET /nodes/{node}/subscription': () => ({
    status: 'notfound',
    message: 'There is no subscription key',
    serverid: 'LAB',
    url: 'https://www.proxmox.com/en/proxmox-virtual-environment/pricing',
  }),
  'GET /nodes/{node}/certificates': () => [{ name: 'acme' }, { name: 'custom' }, { name: 'info' }],
  'GET /nodes/{node}/certificates/info': certificates,
  'GET /nodes/{node}/network': listNetwork,
  'GET /nodes/{node}/network/{iface}': interfaceOf,
  'POST /nodes/{node}/network': (call) => {
    if (networkInterfaces(call).some((row) => row.iface === call.need('iface'))) throw fail(`interface already exists`);
    saveInterface(call);
  },
  'PUT /nodes/{node}/network/{iface}': (call) => {
    interfaceOf(call);
    saveInterface(call);
  },
  'DELETE /nodes/{node}/network/{iface}': (call) => {
    interfaceOf(call);
    call.lab.journal.delete('bridge', call.need('iface'));
  },
  'PUT /nodes/{node}/network': (call) =>
    call.task('srvreload', 'networking', async (task) => task.log('network configuration is up to date')),
  'DELETE /nodes/{node}/network': () => null,
  'GET /nodes/{node}/services': () => FIXED_SERVICES.map(service),
  'GET /nodes/{node}/services/{service}/state': (call) => service(call.need('service')),
  'GET /nodes/{node}/capabilities': () => [{ name: 'qemu' }],
  'GET /nodes/{node}/capabilities/qemu/cpu': () =>
    ['qemu64', 'kvm64', 'host', 'max', 'x86-64-v2-AES'].map((name) => ({ name, custom: 0, vendor: 'default' })),
  'GET /nodes/{node}/capabilities/qemu/machines': () => [
    { id: 'pc-i440fx-10.0+pve1', type: 'i440fx', version: '10.0+pve1' },
    { id: 'pc-q35-10.0+pve1', type: 'q35', version: '10.0+pve1' },
  ],
  'GET /nodes/{node}/hardware/pci': () => [],
  'GET /nodes/{node}/hardware/usb': () => [],
  'GET /nodes/{node}/disks/list': () => [],
  'GET /nodes/{node}/apt/versions': () => [],
  'GET /nodes/{node}/apt/update': () => [],
  'GET /nodes/{node}/replication': () => [],
  'GET /nodes/{node}/netstat': () => [],
  'GET /nodes/{node}/syslog': (call) => {
    call.extra.total = 0;
    return [];
  },
};
