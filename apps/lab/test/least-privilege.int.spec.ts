/** A role of an orchestrator, and not more: what it may do with guests, and the words of what it may not. */

import type { LabClient } from './lab-client.js';
import { IMAGE, openTestLab, TEMPLATE, type TestLab } from './test-lab.js';

const GUESTS =
  'VM.Allocate VM.Audit VM.Backup VM.Clone VM.Config.CDROM VM.Config.CPU VM.Config.Cloudinit VM.Config.Disk VM.Config.HWType VM.Config.Memory VM.Config.Network VM.Config.Options VM.Console VM.Migrate VM.PowerMgmt VM.Snapshot VM.Snapshot.Rollback';

let test: TestLab;
let worker: LabClient;
beforeAll(async () => {
  test = await openTestLab();
  const { root } = test;
  await root.data('POST', '/access/users', { userid: 'op@pve' });
  const grant = async (role: string, privs: string, path: string) => {
    await root.data('POST', '/access/roles', { roleid: role, privs: privs.replaceAll(' ', ',') });
    await root.data('PUT', '/access/acl', { path, roles: role, users: 'op@pve' });
  };
  await grant('Guests', GUESTS, '/vms');
  await grant('Space', 'Datastore.AllocateSpace Datastore.Audit', '/storage');
  await grant('Wire', 'SDN.Use', '/sdn/zones/localnetwork/vmbr0');
  await grant('Look', 'Sys.Audit', '/nodes');
  const { value } = await root.data('POST', '/access/users/op@pve/token/t1', { privsep: 0 });
  worker = test.client(`op@pve!t1=${value}`);
});
afterAll(() => test.close());

const QEMU = '/nodes/lab1/qemu';
const LXC = '/nodes/lab1/lxc';

it('makes, changes, copies, saves, moves and removes a machine', async () => {
  const machine = {
    scsi0: `local-zfs:0,import-from=${IMAGE}`,
    ide2: 'local-zfs:cloudinit',
    net0: 'virtio,bridge=vmbr0',
    serial0: 'socket',
    agent: 1,
    ciuser: 'me',
    tags: 'a',
    ipconfig0: 'ip=dhcp',
    start: 1,
  };
  expect(await worker.run('POST', QEMU, { vmid: 100, name: 'a', ...machine })).toBe('OK');
  await worker.run('POST', `${QEMU}/100/status/stop`);
  expect(
    await worker.data('PUT', `${QEMU}/100/config`, { memory: 512, cores: 2, description: 'x', scsi1: 'local-zfs:1' }),
  ).toBeNull();
  for (const [method, path, values] of [
    ['PUT', 'resize', { disk: 'scsi0', size: '+1G' }],
    ['POST', 'snapshot', { snapname: 'one' }],
    ['POST', 'snapshot/one/rollback', { start: 1 }],
    ['POST', 'status/stop', {}],
    ['DELETE', 'snapshot/one', {}],
    ['POST', 'clone', { newid: 101, full: 1 }],
    ['POST', 'move_disk', { disk: 'scsi1', storage: 'local', delete: 1 }],
    ['POST', 'migrate', { target: 'lab2' }],
  ] as const)
    expect([path, await worker.run(method, `${QEMU}/100/${path}`, values)]).toEqual([path, 'OK']);
  expect(await worker.run('POST', '/nodes/lab1/vzdump', { vmid: 101, storage: 'local' })).toBe('OK');
  expect(await worker.run('POST', `${QEMU}/101/template`)).toBe('OK');
  expect(await worker.run('DELETE', `${QEMU}/101`, { purge: 1, 'destroy-unreferenced-disks': 1 })).toBe('OK');
  expect(await worker.run('DELETE', '/nodes/lab2/qemu/100')).toBe('OK');
});

it('makes an unprivileged container with nesting, and changes it', async () => {
  const container = {
    ostemplate: TEMPLATE,
    rootfs: 'local-zfs:1',
    net0: 'name=eth0,bridge=vmbr0',
    features: 'nesting=1',
    tags: 'a',
    description: 'b',
    nameserver: '192.0.2.1',
  };
  expect(await worker.run('POST', LXC, { vmid: 110, ...container })).toBe('OK');
  expect(
    await worker.data('PUT', `${LXC}/110/config`, { memory: 256, mp0: 'local-zfs:1,mp=/srv', hostname: 'b' }),
  ).toBeNull();
  expect(await worker.run('PUT', `${LXC}/110/resize`, { disk: 'rootfs', size: '+1G' })).toBe('OK');
  expect(await worker.run('POST', `${LXC}/110/clone`, { newid: 111 })).toBe('OK');
  for (const vmid of [110, 111]) expect(await worker.run('DELETE', `${LXC}/${vmid}`)).toBe('OK');
});

it.each([
  [
    'POST',
    QEMU,
    { vmid: 120, net0: 'virtio,bridge=vmbr1' },
    'Permission check failed (/sdn/zones/localnetwork/vmbr1, SDN.Use)',
  ],
  ['POST', QEMU, { vmid: 120, startup: 'order=1' }, 'Permission check failed (/, Sys.Modify)'],
  [
    'POST',
    LXC,
    { vmid: 120, ostemplate: TEMPLATE, rootfs: 'local-zfs:1', unprivileged: 0 },
    'Permission check failed (/, Sys.Modify)',
  ],
  [
    'POST',
    LXC,
    { vmid: 120, ostemplate: TEMPLATE, rootfs: 'local-zfs:1', 'ha-managed': 1 },
    'Permission check failed (/, Sys.Console)',
  ],
  [
    'POST',
    '/nodes/lab1/storage/local/upload',
    {},
    'Permission check failed (/storage/local, Datastore.AllocateTemplate)',
  ],
  [
    'POST',
    '/storage',
    { storage: 'x1', type: 'dir', path: '/x' },
    'Permission check failed (/storage, Datastore.Allocate)',
  ],
] as const)('%s %s %j is a 403 that says what is missing', async (method, path, values, text) => {
  const { status, reason } = await worker.call(method, path, values as never);
  expect([status, reason]).toEqual([403, text]);
});
