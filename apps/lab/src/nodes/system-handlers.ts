/** Of a node: services, packages, templates to download, hardware, disks, logs. Of most of these a node of the lab has none. */
import { release } from 'node:os';
import { LAB_VERSION, VERSION } from '../cluster/cluster-handlers.js';
import { fail, parameterError } from '../http/api-error.js';
import type { Call, Handlers } from '../http/call.js';
import { methodOf } from '../schema/schema.js';
import { logPage } from '../tasks/log-page.js';

const DESCRIPTIONS: Readonly<Record<string, string>> = {
  corosync: 'Corosync Cluster Engine',
  cron: 'Regular background program processing daemon',
  'pve-cluster': 'The Proxmox VE cluster filesystem',
  'pve-firewall': 'Proxmox VE firewall',
  'pve-ha-crm': 'PVE Cluster HA Resource Manager Daemon',
  'pve-ha-lrm': 'PVE Local HA Resource Manager Daemon',
  pvedaemon: 'PVE API Daemon',
  pveproxy: 'PVE API Proxy Server',
  pvescheduler: 'Proxmox VE scheduler',
  pvestatd: 'PVE Status Daemon',
  sshd: 'OpenBSD Secure Shell server',
};
/** Without these the interface would be gone. */
const ESSENTIAL = new Set(['pveproxy', 'pvedaemon', 'pve-cluster']);
const ABSENT = new Set(['syslog', 'systemd-timesyncd']);

const serviceNames = () =>
  methodOf('GET', '/nodes/{node}/services/{service}/state').parameters.get('service')?.enum ?? [];

const isAbsent = (call: Call, name: string) => ABSENT.has(name) || (name === 'corosync' && call.lab.nodes.length === 1);

function service(call: Call, name: string): Record<string, string> {
  const stopped = call.lab.journal.get<string>('service', `${call.node}/${name}`) === 'stopped';
  const absent = isAbsent(call, name);
  return {
    service: name,
    name,
    desc: DESCRIPTIONS[name] ?? name,
    state: absent || stopped ? 'dead' : 'running',
    'active-state': absent || stopped ? 'inactive' : 'active',
    'unit-state': absent ? 'not-found' : 'enabled',
  };
}

function control(verb: 'start' | 'stop' | 'restart' | 'reload') {
  return (call: Call) => {
    const name = call.need('service');
    const { lab, node } = call;
    return call.task(`srv${verb}`, name, async () => {
      if (verb === 'stop' && ESSENTIAL.has(name))
        throw new Error(`invalid service cmd '${name} stop': refusing to stop essential service!`);
      if (isAbsent(call, name)) throw new Error(`command 'systemctl ${verb} ${name}' failed: exit code 5`);
      if (verb === 'stop') lab.journal.put('service', `${node}/${name}`, 'stopped');
      else lab.journal.delete('service', `${node}/${name}`);
    });
  };
}

const PACKAGES: readonly (readonly [name: string, version: string, title: string])[] = [
  ['proxmox-ve', '9.2.0', 'Proxmox Virtual Environment'],
  ['pve-manager', VERSION.version, 'Proxmox Virtual Environment Management Tools'],
  ['qemu-server', '9.2.6', 'Qemu Server Tools'],
  ['pve-container', '6.1.10', 'Proxmox VE Container management tool'],
  ['libpve-storage-perl', '9.1.7', 'Proxmox VE storage management library'],
  ['libpve-access-control', '9.1.1', 'Proxmox VE access control library'],
];

const versions = () =>
  PACKAGES.map(([name, version, title]) => ({
    Package: name,
    Title: title,
    Description: title,
    Version: version,
    OldVersion: version,
    Origin: 'Proxmox',
    Section: 'admin',
    Priority: 'optional',
    Arch: 'all',
    CurrentState: 'Installed',
    ...(name === 'pve-manager' ? { ManagerVersion: version } : {}),
    ...(name === 'proxmox-ve' ? { RunningKernel: release() } : {}),
  }));

/** `debian-12-bastide_12.0-1_amd64.tar.zst` taken apart as Proxmox's own list does it. */
function describeTemplate(template: string): Record<string, string> {
  const [, name = template, version = '1'] = /^([^_]+)_([^_]+)_/.exec(template) ?? [];
  const os = name.split('-').slice(0, 2).join('-');
  return {
    template,
    package: name,
    version,
    os,
    type: 'lxc',
    section: 'system',
    architecture: 'amd64',
    headline: `${name} (Bastide lab)`,
    description: `${name} (Bastide lab)`,
    infopage: '',
    location: '',
    maintainer: '',
    manageurl: '',
    source: 'lab',
    sha512sum: '',
  };
}

const templateName = (image: string) => image.replace(/^([^_]+_[0-9.]+)_/, '$1-1_');

async function templates(call: Call): Promise<unknown> {
  return (await call.lab.runtime.images()).map((image) => describeTemplate(templateName(image.name)));
}

/** Only what the runtime can unpack is offered; it costs no download. */
async function downloadTemplate(call: Call): Promise<string> {
  const { lab, node } = call;
  const template = call.need('template');
  const storage = lab.state.storages.get(call.need('storage'));
  const image = (await lab.runtime.images()).find((one) => templateName(one.name) === template);
  if (!image) throw parameterError({ template: 'no such template' });
  if (!storage) throw fail(`storage '${call.need('storage')}' does not exist`);
  if (!storage.content.split(',').includes('vztmpl')) throw fail(`can't download to storage type '${storage.type}'`);
  return call.task('download', '', async (task) => {
    task.log(`downloading ${template} to /var/lib/vz/template/cache/${template}`);
    const at = storage.options.shared === 1 ? '*' : node;
    if (lab.state.volume(node, `${storage.storage}:vztmpl/${template}`)) return;
    lab.state.saveVolume({
      storage: storage.storage,
      node: at,
      name: `vztmpl/${template}`,
      content: 'vztmpl',
      format: 'tzst',
      size: image.sizeBytes,
      used: image.sizeBytes,
      ctime: Math.floor(lab.now() / 1000),
      image: image.name,
    });
  });
}

function netstat(call: Call): unknown {
  return [...call.lab.state.guests.values()]
    .filter((guest) => guest.node === call.node && guest.running)
    .flatMap((guest) => {
      const figures = call.lab.state.figures.get(guest.vmid);
      return Object.keys(guest.config)
        .filter((key) => /^net\d+$/.test(key))
        .map((dev, index) => ({
          vmid: String(guest.vmid),
          dev,
          in: String(index === 0 ? (figures?.netin ?? 0) : 0),
          out: String(index === 0 ? (figures?.netout ?? 0) : 0),
        }));
    });
}

const report = (call: Call) =>
  [
    `==== general system info ====`,
    '',
    `# hostname`,
    call.node,
    '',
    `# pveversion --verbose`,
    ...PACKAGES.map(([name, version]) => `${name}: ${version}`),
    LAB_VERSION,
    '',
    '==== info about storage ====',
    '',
    '# cat /etc/pve/storage.cfg',
    ...[...call.lab.state.storages.values()].map((storage) => `${storage.type}: ${storage.storage}`),
    '',
    '==== info about virtual guests ====',
    '',
    '# qm list',
    ...[...call.lab.state.guests.values()]
      .filter((guest) => guest.node === call.node)
      .map((guest) => `${guest.vmid} ${guest.type} ${guest.running ? 'running' : 'stopped'}`),
    '',
  ].join('\n');

export const systemHandlers: Handlers = {
  'GET /nodes/{node}/services': (call) => serviceNames().map((name) => service(call, name)),
  'GET /nodes/{node}/services/{service}/state': (call) => service(call, call.need('service')),
  'POST /nodes/{node}/services/{service}/start': control('start'),
  'POST /nodes/{node}/services/{service}/stop': control('stop'),
  'POST /nodes/{node}/services/{service}/restart': control('restart'),
  'POST /nodes/{node}/services/{service}/reload': control('reload'),
  'GET /nodes/{node}/capabilities/qemu/migration': () => ({ 'has-dbus-vmstate': 1 }),
  'GET /nodes/{node}/capabilities/qemu/machines': () =>
    ['10.1', '10.0', '9.2'].flatMap((version) =>
      ['i440fx', 'q35'].map((type) => ({ id: `pc-${type}-${version}`, type, version })),
    ),
  'GET /nodes/{node}/hardware/pci': () => [],
  'GET /nodes/{node}/hardware/usb': () => [],
  'GET /nodes/{node}/disks/list': () => [],
  'GET /nodes/{node}/disks/directory': () => [],
  'GET /nodes/{node}/disks/lvm': () => ({ leaf: 0, children: [] }),
  'GET /nodes/{node}/disks/lvmthin': () => [],
  'GET /nodes/{node}/disks/zfs': () => [],
  'GET /nodes/{node}/scan/zfs': () => [],
  'GET /nodes/{node}/scan/lvm': () => [],
  'GET /nodes/{node}/apt/versions': versions,
  'GET /nodes/{node}/apt/update': () => [],
  'POST /nodes/{node}/apt/update': (call) =>
    call.task('aptupdate', '', async (task) => task.log('starting apt-get update')),
  'GET /nodes/{node}/aplinfo': templates,
  'POST /nodes/{node}/aplinfo': downloadTemplate,
  'GET /nodes/{node}/netstat': netstat,
  'GET /nodes/{node}/firewall/log': (call) => logPage(call, []),
  'GET /nodes/{node}/report': report,
};
