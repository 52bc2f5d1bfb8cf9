/** Clones, templates, moved disks, migrations, snapshots: what they leave behind, and what refuses them. */
import { guestTools, LXC, QEMU, type Values } from './guest-tools.js';
import { IMAGE, makeContainer, makeMachine, openTestLab, type TestLab } from './test-lab.js';

let test: TestLab;
beforeAll(async () => {
  test = await openTestLab();
});
afterAll(() => test.close());

const { reason, config, drop, logFor } = guestTools(() => test);

describe('clones', () => {
  it('of a machine get an identity of their own and a name', async () => {
    await makeMachine(test, 100, { ide2: 'local:cloudinit', description: 'first', scsi1: 'local:1,format=qcow2' });
    expect(await test.root.run('POST', `${QEMU}/100/clone`, { newid: 101 })).toBe('OK');
    const [source, copy] = [await config(`${QEMU}/100`), await config(`${QEMU}/101`)];
    expect(copy).toMatchObject({
      name: 'Copy-of-VM-vm100', description: 'first', scsi0: 'local-zfs:vm-101-disk-0,size=2G', meta: source.meta,
      scsi1: 'local:101/vm-101-disk-0.qcow2,size=1G', ide2: 'local:101/vm-101-cloudinit.qcow2,media=cdrom,size=4M',
    }); // biome-ignore format: one machine
    for (const key of ['smbios1', 'vmgenid', 'net0']) expect(copy[key]).not.toBe(source[key]);
    const moved = { newid: 102, name: 'b', storage: 'local', format: 'qcow2', full: 1 };
    expect(await test.root.run('POST', `${QEMU}/100/clone`, moved)).toBe('OK');
    expect((await config(`${QEMU}/102`)).scsi0).toBe('local:102/vm-102-disk-0.qcow2,size=2G');
    await drop(`${QEMU}/101`, `${QEMU}/102`);
  });

  it.each([
    [{ newid: 100 }, [500, 'unable to create VM 100: config file already exists']],
    [{ newid: 109, full: 0 }, [500, "Linked clone feature is not supported for 'local-zfs:vm-100-disk-0' (scsi0)"]],
    [{ newid: 109, full: 0, storage: 'local' }, [500, "parameter 'storage' not allowed for linked clones"]],
    [{ newid: 109, snapname: 'no' }, [500, "snapshot 'no' does not exist"]],
    [{ newid: 109, target: 'lab2' }, [500, "can't clone VM to node 'lab2' (VM uses local storage)"]],
    [{ newid: 109, target: 'lab9' }, [500, "no such cluster node 'lab9'"]],
    [{ newid: 109, target: 'lab2', storage: 'local' }, [500, "can't clone to non-shared storage 'local'"]],
    [{ newid: 109, storage: 'nope' }, [500, "storage 'nope' does not exist"]],
    [{ newid: 109, pool: 'nope' }, [403, "Permission check failed (pool 'nope' does not exist)"]],
  ])('of a machine with %j are refused', async (values, expected) => {
    expect(await reason('POST', `${QEMU}/100/clone`, values as Values)).toEqual(expected);
  });

  it('take the rules of the firewall along, the description of a snapshot, and nothing that waits for a restart', async () => {
    for (const [base, vmid, prefix] of [
      [QEMU, 115, 'vm'],
      [LXC, 117, 'ct'],
    ] as const) {
      await (base === QEMU ? makeMachine(test, vmid, { scsi0: 'local:1,format=qcow2' }) : makeContainer(test, vmid));
      await test.root.data('POST', `${base}/${vmid}/firewall/rules`, {
        type: 'in',
        action: 'ACCEPT',
        dport: 22,
        proto: 'tcp',
      });
      await test.root.data('PUT', `${base}/${vmid}/firewall/options`, { enable: 1 });
      await test.root.run('POST', `${base}/${vmid}/snapshot`, { snapname: 'good', description: `${prefix} as it was` });
      expect(await test.root.run('POST', `${base}/${vmid}/clone`, { newid: vmid + 1, snapname: 'good' })).toBe('OK');
      expect(String((await config(`${base}/${vmid + 1}`)).description).trim()).toBe(`${prefix} as it was`);
      expect((await test.root.data('GET', `${base}/${vmid + 1}/firewall/options`)).enable).toBe(1);
      // What is changed in the copy stays there.
      await test.root.data('DELETE', `${base}/${vmid + 1}/firewall/rules/0`);
      expect(await test.root.data('GET', `${base}/${vmid}/firewall/rules`)).toHaveLength(1);
      await drop(`${base}/${vmid + 1}`);
    }
    await test.root.run('POST', `${QEMU}/115/status/start`);
    await test.root.data('PUT', `${QEMU}/115/config`, { sockets: 2 });
    const log = await logFor('POST', `${QEMU}/115/clone`, { newid: 116 });
    expect(log).toContain("found pending changes for 'sockets', discarding for clone");
    expect((await config(`${QEMU}/116`)).sockets).toBeUndefined();
    await test.root.run('POST', `${QEMU}/115/status/stop`);
    await drop(`${QEMU}/115`, `${QEMU}/116`, `${LXC}/117`);
  });

  it('of a machine under the id of a container fail when the file is to get its name', async () => {
    await makeContainer(test, 118);
    expect(await test.root.run('POST', `${QEMU}/100/clone`, { newid: 118 })).toBe(
      "close (rename) atomic file '/etc/pve/nodes/lab1/qemu-server/118.conf' failed: File exists",
    );
    await drop(`${LXC}/118`);
  });

  it('of a container keep its name unless told another; on folders there are no linked ones', async () => {
    await makeContainer(test, 110, { mp0: 'local-zfs:1,mp=/srv' });
    expect(await test.root.run('POST', `${LXC}/110/clone`, { newid: 111 })).toBe('OK');
    expect(await config(`${LXC}/111`)).toMatchObject({
      hostname: 'ct110', rootfs: 'local-zfs:subvol-111-disk-0,size=1G', mp0: 'local-zfs:subvol-111-disk-1,mp=/srv,size=1G',
    }); // biome-ignore format: one container
    expect(await reason('POST', `${LXC}/110/clone`, { newid: 111 })).toEqual([
      500,
      "CT 111 already exists on node 'lab1'",
    ]);
    await test.root.run('POST', `${LXC}/110/status/start`);
    expect(await reason('POST', `${LXC}/110/clone`, { newid: 112 })).toEqual([
      500,
      'Full clone of a running container is only possible from a snapshot',
    ]);
    await test.root.run('POST', `${LXC}/110/status/stop`);
    await makeContainer(test, 113, { rootfs: 'local:1' });
    expect(await reason('POST', `${LXC}/113/clone`, { newid: 114, full: 0 })).toEqual([
      500,
      "Linked clone feature for 'local:113/vm-113-disk-0.raw' is not available",
    ]);
    await drop(`${LXC}/110`, `${LXC}/111`, `${LXC}/113`);
  });

  it('and templates: what can be asked of the disks is what they can do', async () => {
    const can = async (feature: string) => (await test.root.data('GET', `${QEMU}/100/feature`, { feature })).hasFeature;
    expect([await can('snapshot'), await can('clone'), await can('copy')]).toEqual([1, 0, 1]);
    expect(await test.root.run('POST', `${QEMU}/100/template`)).toBe('OK');
    expect([await can('snapshot'), await can('clone'), await can('copy')]).toEqual([0, 1, 1]);
    expect((await config(`${QEMU}/100`)).scsi0).toBe('local-zfs:base-100-disk-0,size=2G');
    expect(await reason('POST', `${QEMU}/100/template`)).toEqual([500, "you can't convert a template to a template"]);
    expect(await test.root.run('POST', `${QEMU}/100/status/start`)).toBe("you can't start a vm if it's a template");
    expect(await test.root.run('POST', `${QEMU}/100/snapshot`, { snapname: 'aa' })).toBe(
      "you can't take a snapshot if it's a template",
    );
    expect(await test.root.run('POST', `${QEMU}/100/clone`, { newid: 101 })).toBe('OK');
    const linked = await config(`${QEMU}/101`);
    expect([linked.scsi0, linked.scsi1]).toEqual([
      'local-zfs:base-100-disk-0/vm-101-disk-0,size=2G',
      'local:100/base-100-disk-0.qcow2/101/vm-101-disk-0.qcow2,size=1G',
    ]);
    expect(await test.root.run('DELETE', `${QEMU}/100`)).toMatch(/^base volume '.*' is still in use by linked cloned$/);
    await drop(`${QEMU}/101`, `${QEMU}/100`);
  });
});

describe('disks', () => {
  beforeAll(async () => {
    await makeMachine(test, 120, { scsi1: 'local:1', ide2: 'none,media=cdrom' });
    await makeMachine(test, 121);
    await makeContainer(test, 122, { mp0: 'local-zfs:1,mp=/srv' });
    await makeContainer(test, 123);
  });
  afterAll(() => drop(`${QEMU}/120`, `${QEMU}/121`, `${LXC}/122`, `${LXC}/123`));

  it.each([
    ['qemu/120/move_disk', { disk: 'scsi9', storage: 'local' }, [500, "disk 'scsi9' does not exist"]],
    ['qemu/120/move_disk', { disk: 'ide2', storage: 'local' }, [500, "you can't move a cdrom"]],
    [
      'qemu/120/move_disk',
      { disk: 'scsi1', storage: 'local' },
      [500, "you can't move to the same storage with same format"],
    ],
    ['qemu/120/move_disk', { disk: 'scsi1', storage: 'nope' }, [500, "storage 'nope' does not exist"]],
    [
      'qemu/120/move_disk',
      { disk: 'scsi1' },
      {
        storage: "both 'storage' and 'target-vmid' missing, either needs to be set",
        'target-vmid': "both 'storage' and 'target-vmid' missing, either needs to be set",
      },
    ],
    [
      'qemu/120/move_disk',
      { disk: 'scsi1', 'target-vmid': 120 },
      { 'target-vmid': 'must be different than source VMID to reassign disk' },
    ],
    [
      'qemu/120/move_disk',
      { disk: 'scsi0', 'target-vmid': 121 },
      [500, "Target disk key 'scsi0' is already in use for VM '121'"],
    ],
    ['qemu/120/move_disk', { disk: 'scsi0', 'target-vmid': 999 }, [500, 'could not find target VM 999']],
    ['lxc/122/move_volume', { volume: 'rootfs', 'target-vmid': 123 }, [500, "Cannot move to/from 'rootfs'"]],
    ['lxc/122/move_volume', { volume: 'mp0', 'target-vmid': 999 }, [500, 'could not find CT 999']],
  ])('%s %j is refused', async (path, values, expected) => {
    expect(await reason('POST', `/nodes/lab1/${path}`, values as Values)).toEqual(expected);
  });

  it('move to another storage, and the old one stays as unused unless it is to go', async () => {
    expect(
      await test.root.run('POST', `${QEMU}/120/move_disk`, { disk: 'scsi0', storage: 'local', format: 'qcow2' }),
    ).toBe('OK');
    expect(await config(`${QEMU}/120`)).toMatchObject({
      scsi0: 'local:120/vm-120-disk-1.qcow2,size=2G',
      unused0: 'local-zfs:vm-120-disk-0',
    });
    expect(await test.root.run('POST', `${LXC}/122/move_volume`, { volume: 'mp0', storage: 'local', delete: 1 })).toBe(
      'OK',
    );
    const container = await config(`${LXC}/122`);
    expect([container.mp0, container.unused0, container.lock]).toEqual([
      'local:122/vm-122-disk-0.raw,mp=/srv,size=1G',
      undefined,
      undefined,
    ]);
  });

  it('change hands, renamed for their new owner', async () => {
    const upid = await test.root.data('POST', `${QEMU}/120/move_disk`, {
      disk: 'scsi1',
      'target-vmid': 121,
      'target-disk': 'virtio1',
    });
    expect(upid).toContain(':qmmove:120-scsi1>121-virtio1:');
    expect(await test.root.exitOf(upid)).toBe('OK');
    expect((await config(`${QEMU}/120`)).scsi1).toBeUndefined();
    expect((await config(`${QEMU}/121`)).virtio1).toBe('local:121/vm-121-disk-0.raw,size=1G');
    // Its old number is free in the names, and must not meet the bytes that moved on.
    await test.root.data('PUT', `${QEMU}/120/config`, { scsi1: 'local:1' });
    expect((await config(`${QEMU}/120`)).scsi1).toMatch(/^local:120\/vm-120-disk-\d\.raw,size=1G$/);
  });

  it.each([
    ['qemu/120', { disk: 'scsi0', size: '1G' }, 'shrinking disks is not supported'],
    ['qemu/120', { disk: 'scsi0', size: '+1G' }, 'OK'],
    ['qemu/120', { disk: 'ide2', size: '+1G' }, "unable to parse volume ID 'none'"],
    ['lxc/122', { disk: 'rootfs', size: '+512M' }, 'OK'],
  ])('%s %j grows or says why not', async (path, values, exit) => {
    expect(await test.root.run('PUT', `/nodes/lab1/${path}/resize`, values as Values)).toBe(exit);
  });

  it('of a container are looked at before there is a task', async () => {
    expect(await reason('PUT', `${LXC}/122/resize`, { disk: 'rootfs', size: '1G' })).toEqual([
      500,
      'unable to shrink disk size',
    ]);
    expect(await reason('PUT', `${LXC}/122/resize`, { disk: 'rootfs', size: '1536M' })).toEqual([
      500,
      'disk is already at specified size',
    ]);
  });
});

describe('migrations', () => {
  it('are refused for the own node, an unknown one, and by what only this node has', async () => {
    await makeMachine(test, 130);
    expect(await reason('POST', `${QEMU}/130/migrate`, { target: 'lab1' })).toEqual({
      target: 'target is local node.',
    });
    expect(await reason('POST', `${QEMU}/130/migrate`, { target: 'lab9' })).toEqual([
      500,
      "no such cluster node 'lab9'",
    ]);
    expect(await test.root.data('GET', `${QEMU}/130/migrate`)).toEqual({
      running: 0, allowed_nodes: ['lab2'], not_allowed_nodes: { lab2: {} }, local_resources: [], 'mapped-resources': [],
      'mapped-resource-info': {}, 'has-dbus-vmstate': 1, local_disks: [expect.objectContaining({ volid: 'local-zfs:vm-130-disk-0', drivename: 'scsi0', cdrom: 0, is_attached: 1, size: 2 ** 31 })],
    }); // biome-ignore format: one answer
    await test.root.data('POST', '/nodes/lab1/storage/local/content', {
      vmid: 131,
      filename: 'vm-131-disk-0.raw',
      size: '1G',
    });
    await test.root.data('PUT', `${QEMU}/130/config`, { serial0: 'socket' });
    expect(await test.root.run('POST', `${QEMU}/130/migrate`, { target: 'lab2', targetstorage: 'local' })).toBe('OK');
    expect((await config('/nodes/lab2/qemu/130')).scsi0).toBe('local:130/vm-130-disk-0.raw,size=2G');
    await drop('/nodes/lab2/qemu/130');
  });

  it('of a running container shut it down and start it over there', async () => {
    await makeContainer(test, 132);
    await test.root.run('POST', `${LXC}/132/status/start`);
    expect(await reason('POST', `${LXC}/132/migrate`, { target: 'lab2' })).toEqual([
      500,
      "can't migrate running container without --online or --restart",
    ]);
    expect(await test.root.run('POST', `${LXC}/132/migrate`, { target: 'lab2', online: 1 })).toBe('migration aborted');
    expect(await test.root.run('POST', `${LXC}/132/migrate`, { target: 'lab2', restart: 1 })).toBe('OK');
    expect((await test.root.data('GET', '/nodes/lab2/lxc/132/status/current')).status).toBe('running');
    expect(await test.root.run('DELETE', '/nodes/lab2/lxc/132?force=1')).toBe('OK');
  });
});

describe('snapshots', () => {
  it('of a container on folders are refused, ZFS goes back to the newest only, and names are checked', async () => {
    await makeContainer(test, 140, { rootfs: 'local:1' });
    expect(await test.root.run('POST', `${LXC}/140/snapshot`, { snapname: 'aa' })).toBe(
      'snapshot feature is not available',
    );
    await makeContainer(test, 141);
    const base = `${LXC}/141/snapshot`;
    expect(await reason('POST', base, { snapname: 'current' })).toEqual([
      500,
      "unable to use snapshot name 'current' (reserved name)",
    ]);
    expect(await reason('POST', base, { snapname: '1bad' })).toEqual({
      snapname: "invalid format - invalid configuration ID '1bad'\n",
    });
    for (const snapname of ['aa', 'bb']) expect(await test.root.run('POST', base, { snapname })).toBe('OK');
    expect(await test.root.run('POST', base, { snapname: 'aa' })).toBe("snapshot name 'aa' already used");
    expect(await test.root.run('POST', `${base}/aa/rollback`)).toBe(
      "can't rollback, 'aa' is not most recent snapshot on 'local-zfs:subvol-141-disk-0'",
    );
    expect(await reason('GET', `${base}/no/config`)).toEqual([500, "snapshot 'no' does not exist"]);
    expect(await reason('POST', `${LXC}/141/template`)).toEqual([
      500,
      'unable to create template, because CT contains snapshots',
    ]);
    await drop(`${LXC}/140`, `${LXC}/141`);
  });

  it('keep the configuration, drop their parent’s place when deleted, and detach what came later', async () => {
    await makeMachine(test, 142, { memory: 256, scsi0: `local:0,import-from=${IMAGE},format=qcow2` });
    const base = `${QEMU}/142`;
    await test.root.run('POST', `${base}/status/start`);
    await test.root.run('POST', `${base}/snapshot`, { snapname: 'one', description: 'first', vmstate: 1 });
    const saved = await test.root.data('GET', `${base}/snapshot/one/config`);
    expect(saved).toMatchObject({
      memory: '256',
      description: 'first',
      vmstate: 'local:142/vm-142-state-one.raw',
      runningmachine: expect.any(String),
    });
    await test.root.run('POST', `${base}/snapshot`, { snapname: 'two' });
    await test.root.data('PUT', `${base}/config`, { scsi1: 'local:1,format=qcow2', description: 'now' });
    expect(await test.root.run('POST', `${base}/snapshot/one/rollback`)).toBe('OK');
    const after = await config(base);
    expect([after.scsi1, after.unused0, after.description, after.parent]).toEqual([
      undefined,
      'local:142/vm-142-disk-1.qcow2',
      'now',
      'one',
    ]);
    expect((await test.root.data('GET', `${base}/status/current`)).status).toBe('running');
    await test.root.data('PUT', `${base}/snapshot/one/config`, { description: 'changed' });
    expect(await test.root.run('DELETE', `${base}/snapshot/one`)).toBe('OK');
    const list = (await test.root.data('GET', `${base}/snapshot`)) as Values[];
    expect(list.map((row) => [row.name, row.parent])).toEqual([
      ['two', undefined],
      ['current', undefined],
    ]);
    await test.root.run('POST', `${base}/status/stop`);
    await drop(base);
    const left = (await test.root.data('GET', '/nodes/lab1/storage/local/content', { content: 'images' })) as Values[];
    expect(left.filter((row) => row.vmid === 142)).toEqual([]);
  });
});
