import { IMAGE, makeContainer, makeMachine, openTestLab, type TestLab } from './test-lab.js';

describe('guests of a lab', () => {
  let test: TestLab;
  beforeAll(async () => {
    test = await openTestLab();
  });
  afterAll(() => test.close());

  it('creates, starts, shuts down and destroys a container, and leaves nothing', async () => {
    expect(await makeContainer(test, 100)).toBe('OK');
    expect(await test.root.run('POST', '/nodes/lab1/lxc/100/status/start')).toBe('OK');
    expect((await test.root.data('GET', '/nodes/lab1/lxc/100/status/current')).status).toBe('running');
    expect((await test.root.call('DELETE', '/nodes/lab1/lxc/100')).reason).toBe(
      'unable to destroy CT 100 - container is running',
    );
    expect(await test.root.run('POST', '/nodes/lab1/lxc/100/status/shutdown')).toBe('OK');
    expect(await test.root.run('DELETE', '/nodes/lab1/lxc/100', { purge: 1 })).toBe('OK');
    expect(await test.root.data('GET', '/nodes/lab1/storage/local-zfs/content')).toEqual([]);
    expect(await test.root.data('GET', '/cluster/resources', { type: 'vm' })).toEqual([]);
  });

  it('destroyed, leaves no right, pool, backup job or HA rule; a storage that goes leaves none either', async () => {
    const { root } = test;
    await makeContainer(test, 105);
    await root.data('POST', '/pools', { poolid: 'five' });
    await root.data('POST', '/storage', { storage: 'extra', type: 'dir', path: '/mnt/extra' });
    await root.data('PUT', '/pools', { poolid: 'five', vms: '105', storage: 'extra' });
    for (const path of ['/vms/105', '/storage/extra'])
      await root.data('PUT', '/access/acl', { path, roles: 'PVEAuditor', users: 'root@pam' });
    const job = { schedule: '02:30', storage: 'local', mode: 'snapshot' };
    await root.data('POST', '/cluster/backup', { ...job, id: 'all-but', all: 1, exclude: '105' });
    await root.data('POST', '/cluster/ha/resources', { sid: 'ct:105', state: 'stopped' });
    const rule = { rule: 'five', type: 'node-affinity', resources: 'ct:105', nodes: 'lab1' };
    await root.data('POST', '/cluster/ha/rules', rule);
    expect(await root.run('DELETE', '/nodes/lab1/lxc/105', { purge: 1 })).toBe('OK');
    await root.data('DELETE', '/storage/extra');
    expect((await root.data('GET', '/pools/five')).members).toEqual([]);
    expect(await root.data('GET', '/access/acl')).toEqual([]);
    expect(await root.data('GET', '/cluster/ha/rules')).toEqual([]);
    expect((await root.data('GET', '/cluster/backup/all-but')).exclude).toBeUndefined();
    await root.data('DELETE', '/cluster/backup/all-but');
    await root.data('DELETE', '/pools/five');
  });

  it('warns about a container without nesting, which is a success with WARNINGS: 1', async () => {
    expect(await makeContainer(test, 101, { features: 'nesting=0' })).toBe('WARNINGS: 1');
    await test.root.run('DELETE', '/nodes/lab1/lxc/101');
  });

  it('gives an id to one of several creates at the same time', async () => {
    const answers = await Promise.all(
      [1, 2, 3, 4].map(() => test.root.call('POST', '/nodes/lab1/qemu', { vmid: 110, memory: 64 })),
    );
    const good = answers.filter((answer) => answer.status === 200);
    expect(good).toHaveLength(1);
    const bad = answers.filter((answer) => answer.status === 500).map((answer) => answer.reason);
    expect(bad).toEqual(Array(3).fill("unable to create VM 110 - VM 110 already exists on node 'lab1'"));
    await test.root.exitOf(good[0]?.body.data);
    expect(
      (await test.root.call('POST', '/nodes/lab1/lxc', { vmid: 110, ostemplate: 'local:vztmpl/x.tar.zst' })).status,
    ).toBe(500);
    await test.root.run('DELETE', '/nodes/lab1/qemu/110');
  });

  it('clones a template as a linked clone that keeps the template from being destroyed', async () => {
    await makeContainer(test, 120);
    expect(await test.root.data('POST', '/nodes/lab1/lxc/120/template')).toBeNull();
    await waitFor(async () => (await test.root.data('GET', '/nodes/lab1/lxc/120/config')).template === 1);
    expect(await test.root.run('POST', '/nodes/lab1/lxc/120/clone', { newid: 121, hostname: 'copy' })).toBe('OK');
    const config = await test.root.data('GET', '/nodes/lab1/lxc/121/config');
    expect(config.rootfs).toBe('local-zfs:basevol-120-disk-0/subvol-121-disk-0,size=1G');
    expect(config.hostname).toBe('copy');
    expect(await test.root.run('DELETE', '/nodes/lab1/lxc/120')).toBe(
      "base volume 'local-zfs:basevol-120-disk-0' is still in use by linked cloned",
    );
    expect(await test.root.run('DELETE', '/nodes/lab1/lxc/121')).toBe('OK');
    expect(await test.root.run('DELETE', '/nodes/lab1/lxc/120')).toBe('OK');
  });

  it('rolls back to a snapshot, keeping the tree and the configuration of that moment', async () => {
    await makeMachine(test, 130, { memory: 256, scsi0: `local:0,import-from=${IMAGE},format=qcow2` });
    const base = '/nodes/lab1/qemu/130';
    await test.root.run('POST', `${base}/snapshot`, { snapname: 'one' });
    await test.root.data('PUT', `${base}/config`, { memory: 512 });
    await test.root.run('POST', `${base}/snapshot`, { snapname: 'two' });
    expect(await test.root.run('POST', `${base}/snapshot/one/rollback`)).toBe('OK');
    expect((await test.root.data('GET', `${base}/config`)).memory).toBe('256');
    const list = (await test.root.data('GET', `${base}/snapshot`)) as { name: string; parent?: string }[];
    expect(list.map((one) => [one.name, one.parent])).toEqual([
      ['one', undefined],
      ['two', 'one'],
      ['current', 'one'],
    ]);
    expect(await test.root.run('POST', `${base}/snapshot/nope/rollback`)).toBe("snapshot 'nope' does not exist");
    await test.root.run('DELETE', base);
  });

  it('holds changes of a running machine back until it starts anew, and says so', async () => {
    await makeMachine(test, 140, { memory: 256 });
    const base = '/nodes/lab1/qemu/140';
    await test.root.run('POST', `${base}/status/start`);
    await test.root.data('PUT', `${base}/config`, { memory: 512, description: 'now' });
    expect((await test.root.data('GET', `${base}/config`)).memory).toBe('512');
    const current = await test.root.data('GET', `${base}/config`, { current: 1 });
    expect([current.memory, current.description]).toEqual(['256', 'now']);
    const pending = (await test.root.data('GET', `${base}/pending`)) as { key: string }[];
    expect(pending.find((one) => one.key === 'memory')).toEqual({ key: 'memory', value: '256', pending: '512' });
    await test.root.run('POST', `${base}/status/stop`);
    await test.root.run('POST', `${base}/status/start`);
    expect((await test.root.data('GET', `${base}/config`, { current: 1 })).memory).toBe('512');
    await test.root.run('POST', `${base}/status/stop`);
    await test.root.run('DELETE', base);
  });

  it('grows a disk and refuses to shrink it', async () => {
    await makeMachine(test, 150);
    const base = '/nodes/lab1/qemu/150';
    expect(await test.root.run('PUT', `${base}/resize`, { disk: 'scsi0', size: '+1G' })).toBe('OK');
    expect((await test.root.data('GET', `${base}/config`)).scsi0).toContain('size=3G');
    expect(await test.root.run('PUT', `${base}/resize`, { disk: 'scsi0', size: '1G' })).toBe(
      'shrinking disks is not supported',
    );
    await test.root.run('DELETE', base);
  });

  it('detaches a disk to unusedN and destroys it only when that is deleted', async () => {
    await makeMachine(test, 160, { scsi1: 'local-zfs:1' });
    const base = '/nodes/lab1/qemu/160';
    await test.root.data('PUT', `${base}/config`, { delete: 'scsi1' });
    expect((await test.root.data('GET', `${base}/config`)).unused0).toBe('local-zfs:vm-160-disk-1');
    await test.root.data('PUT', `${base}/config`, { delete: 'unused0' });
    const volumes = (await test.root.data('GET', '/nodes/lab1/storage/local-zfs/content')) as { volid: string }[];
    expect(volumes.map((one) => one.volid)).toEqual(['local-zfs:vm-160-disk-0']);
    await test.root.run('DELETE', base);
  });

  it('backs a guest up with notes and brings it back under another id', async () => {
    await makeMachine(test, 170, { tags: 'keep' });
    expect(
      await test.root.run('POST', '/nodes/lab1/vzdump', {
        vmid: 170,
        storage: 'local',
        compress: 'zstd',
        'notes-template': '{{guestname}}',
      }),
    ).toBe('OK');
    const [backup] = await test.root.data('GET', '/nodes/lab1/storage/local/content', { content: 'backup' });
    expect(backup.volid).toMatch(/^local:backup\/vzdump-qemu-170-\d{4}_\d\d_\d\d-\d\d_\d\d_\d\d\.vma\.zst$/);
    expect(backup.notes).toBe('vm170');
    expect(await test.root.run('POST', '/nodes/lab1/qemu', { vmid: 171, archive: backup.volid })).toBe('OK');
    const config = await test.root.data('GET', '/nodes/lab1/qemu/171/config');
    expect([config.tags, config.scsi0]).toEqual(['keep', 'local-zfs:vm-171-disk-0,size=2G']);
    const path = `/nodes/lab1/storage/local/content/${encodeURIComponent(backup.volid)}`;
    await test.root.data('PUT', path, { protected: 1 });
    expect(await test.root.run('DELETE', path)).toBe(
      `cannot remove protected volume '${backup.volid.replace('local:', '')}' on 'local'`,
    );
    await test.root.data('PUT', path, { protected: 0 });
    expect(await test.root.run('DELETE', path)).toBe('OK');
    for (const vmid of [170, 171]) await test.root.run('DELETE', `/nodes/lab1/qemu/${vmid}`);
  });

  it('restores a container with an interface and a storage of the request, without the snapshots of the old one', async () => {
    await makeContainer(test, 175);
    await test.root.run('POST', '/nodes/lab1/lxc/175/snapshot', { snapname: 'old' });
    expect(await test.root.run('POST', '/nodes/lab1/vzdump', { vmid: 175, storage: 'local' })).toBe('OK');
    const [backup] = await test.root.data('GET', '/nodes/lab1/storage/local/content', { content: 'backup' });
    const request = {
      vmid: 176,
      restore: 1,
      ostemplate: backup.volid,
      rootfs: 'local:4',
      net0: 'name=eth0,bridge=vmbr0',
    };
    expect(await test.root.run('POST', '/nodes/lab1/lxc', request)).toBe('OK');
    const config = await test.root.data('GET', '/nodes/lab1/lxc/176/config');
    expect(config.rootfs).toBe('local:176/vm-176-disk-0.raw,size=4G');
    expect(config.net0).toMatch(/^name=eth0,bridge=vmbr0,hwaddr=BC:24:11:[0-9A-F:]{8},type=veth$/);
    expect(config.parent).toBeUndefined();
    for (const vmid of [175, 176]) await test.root.run('DELETE', `/nodes/lab1/lxc/${vmid}`);
    await test.root.run('DELETE', `/nodes/lab1/storage/local/content/${encodeURIComponent(backup.volid)}`);
  });

  it('migrates between nodes; the old node no longer knows the guest', async () => {
    await makeMachine(test, 180);
    await test.root.run('POST', '/nodes/lab1/qemu/180/status/start');
    expect((await test.root.call('POST', '/nodes/lab1/qemu/180/migrate', { target: 'lab2' })).reason).toBe(
      "can't migrate running VM without --online",
    );
    expect(await test.root.run('POST', '/nodes/lab1/qemu/180/migrate', { target: 'lab2', online: 1 })).toBe(
      'migration aborted',
    );
    expect(
      await test.root.run('POST', '/nodes/lab1/qemu/180/migrate', { target: 'lab2', online: 1, 'with-local-disks': 1 }),
    ).toBe('OK');
    expect((await test.root.call('GET', '/nodes/lab1/qemu/180/config')).reason).toBe(
      "Configuration file 'nodes/lab1/qemu-server/180.conf' does not exist",
    );
    expect((await test.root.data('GET', '/nodes/lab2/qemu/180/status/current')).status).toBe('running');
    await test.root.run('POST', '/nodes/lab2/qemu/180/status/stop');
    await test.root.run('DELETE', '/nodes/lab2/qemu/180');
  });

  it('leaves neither guest nor volume when a create is aborted', async () => {
    await test.fault({ effect: 'task-hang', task: 'qmcreate' });
    const upid = await test.root.data('POST', '/nodes/lab1/qemu', {
      vmid: 190,
      scsi0: `local-zfs:0,import-from=${IMAGE}`,
    });
    expect((await test.root.call('DELETE', `/nodes/lab1/tasks/${encodeURIComponent(upid)}`)).body.data).toBeNull();
    expect(await test.root.exitOf(upid)).toBe('received interrupt');
    expect((await test.root.data('GET', '/nodes/lab1/storage/local-zfs/content')) as unknown[]).toEqual([]);
  });
});

async function waitFor(test: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 10_000;
  while (!(await test())) {
    if (Date.now() > deadline) throw new Error('did not come true within 10 s');
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
