/** Directory listings of the API: a path says what lies below it. */
import type { Handlers } from './call.js';

/** Path, the field that names an entry, and the entries. */
const INDEXES: readonly (readonly [path: string, key: string, entries: string])[] = [
  ['/', 'subdir', 'version cluster nodes storage access pools'],
  ['/cluster/acme', 'name', 'account tos directories plugins challenge-schema meta'],
  ['/cluster/bulk-action', 'name', 'guest'],
  ['/cluster/bulk-action/guest', 'name', 'start shutdown suspend migrate'],
  ['/cluster/ceph', 'name', 'metadata status flags'],
  ['/cluster/config', 'name', 'nodes totem join qdevice apiversion'],
  ['/cluster/firewall', 'name', 'aliases rules options groups ipset macros refs'],
  ['/cluster/mapping', 'name', 'pci usb dir'],
  ['/cluster/metrics', 'name', 'server export'],
  ['/cluster/notifications', 'name', 'endpoints matchers targets matcher-fields matcher-field-values'],
  ['/cluster/notifications/endpoints', 'name', 'gotify sendmail smtp webhook'],
  ['/cluster/qemu', 'name', 'cpu-flags custom-cpu-models'],
  ['/cluster/sdn/fabrics', 'subdir', 'fabric node all'],
  ['/cluster/sdn/vnets/{vnet}/firewall', 'name', 'options rules'],
  ['/nodes/{node}/apt', 'id', 'changelog repositories update versions'],
  ['/nodes/{node}/capabilities', 'name', 'qemu'],
  ['/nodes/{node}/capabilities/qemu', 'name', 'cpu cpu-flags machines migration'],
  [
    '/nodes/{node}/ceph',
    'name',
    'cmd-safety cfg crush fs log mds mgr mon osd pool releases restart rules start status stop',
  ],
  ['/nodes/{node}/ceph/cfg', 'name', 'db raw value'],
  ['/nodes/{node}/certificates', 'name', 'acme custom info'],
  ['/nodes/{node}/certificates/acme', 'name', 'certificate'],
  ['/nodes/{node}/disks', 'name', 'directory initgpt list lvm lvmthin smart wipedisk zfs'],
  ['/nodes/{node}/firewall', 'name', 'rules options log'],
  ['/nodes/{node}/hardware', 'type', 'pci usb'],
  ['/nodes/{node}/lxc/{vmid}/firewall', 'name', 'rules aliases ipset options log refs'],
  ['/nodes/{node}/qemu/{vmid}/firewall', 'name', 'rules aliases ipset options log refs'],
  ['/nodes/{node}/scan', 'method', 'cifs iscsi lvm lvmthin nfs pbs zfs'],
  ['/nodes/{node}/sdn', 'name', 'fabrics vnets zones'],
  ['/nodes/{node}/sdn/vnets/{vnet}', 'subdir', 'mac-vrf'],
  ['/nodes/{node}/sdn/zones/{zone}', 'subdir', 'content bridges ip-vrf'],
  ['/nodes/{node}/services/{service}', 'subdir', 'state start stop restart reload'],
];

export const indexHandlers: Handlers = Object.fromEntries(
  INDEXES.map(([path, key, entries]) => [`GET ${path}`, () => entries.split(' ').map((entry) => ({ [key]: entry }))]),
);
