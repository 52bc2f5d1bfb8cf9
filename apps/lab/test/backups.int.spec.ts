/** vzdump, restore and retention: what is logged, what comes back, and what is refused. */
import { guestTools, LXC, QEMU, type Values } from './guest-tools.js';
import { makeContainer, makeMachine, openTestLab, type TestLab } from './test-lab.js';

let test: TestLab;
beforeAll(async () => {
  test = await openTestLab();
});
afterAll(() => test.close());

const { reason, config, drop, logOf } = guestTools(() => test);

describe('backups', () => {
  const archives = async (vmid: number): Promise<Values[]> =>
    ((await test.root.data('GET', '/nodes/lab1/storage/local/content', { content: 'backup' })) as Values[]).filter(
      (row) => row.vmid === vmid,
    );

  it('log what they take, skip guests of other nodes without a task, and fail visibly for unknown ones', async () => {
    await makeMachine(test, 150, { scsi1: 'local:1,backup=0' });
    const upid = await test.root.data('POST', '/nodes/lab1/vzdump', {
      vmid: 150,
      storage: 'local',
      mode: 'stop',
      protected: 1,
      'notes-template': '{{guestname}} on {{node}}\\nend',
    });
    const log = await logOf(upid);
    for (const line of [
      'INFO: Starting Backup of VM 150 (qemu)',
      'INFO: status = stopped',
      'INFO: backup mode: stop',
      'INFO: VM Name: vm150',
      "INFO: include disk 'scsi0' 'local-zfs:vm-150-disk-0' 2G",
      "INFO: exclude disk 'scsi1' 'local:150/vm-150-disk-0.raw' (backup=no)",
      'INFO: Backup job finished successfully',
      'TASK OK',
    ])
      expect(log).toContain(line);
    const [archive] = await archives(150);
    expect([archive?.notes, archive?.protected, archive?.format]).toEqual(['vm150 on lab1', 1, 'vma']);
    expect(await test.root.data('POST', '/nodes/lab2/vzdump', { vmid: 150, storage: 'local' })).toBe('OK');
    const unknown = await test.root.data('POST', '/nodes/lab1/vzdump', { vmid: 998, storage: 'local' });
    expect(await logOf(unknown)).toContain("ERROR: Backup of VM 998 failed - unable to find VM '998'");
    expect(await test.root.exitOf(unknown)).toBe('job errors');
    expect(await test.root.run('POST', '/nodes/lab1/vzdump', { vmid: 150, storage: 'local-zfs' })).toBe(
      "could not get storage information for 'local-zfs': can't use storage 'local-zfs' for backups - wrong content type",
    );
    expect(await reason('POST', '/nodes/lab1/vzdump', { storage: 'local' })).toEqual({ vmid: 'property is missing' });
    expect(await reason('POST', '/nodes/lab1/vzdump', { vmid: 150, all: 1 })).toEqual({
      all: "option conflicts with option 'vmid'",
    });
    expect(
      await reason('POST', '/nodes/lab1/vzdump', { vmid: 150, storage: 'local', 'notes-template': '{{nope}}' }),
    ).toEqual({
      'notes-template': "found unknown: variable 'nope' at char 4\n",
    });
  });

  it('come back: not over a running guest, over a stopped one with force, and without the disks left out', async () => {
    const [archive] = await archives(150);
    const volid = String(archive?.volid);
    const text = await test.root.data('GET', '/nodes/lab1/vzdump/extractconfig', { volume: volid });
    expect(text).toMatch(
      /^agent: 1\nboot: .*\nmeta: .*\nname: vm150\nnet0: (?:.|\n)*#qmdump#map:scsi0:drive-scsi0:local-zfs:raw:\n$/,
    );
    expect(await reason('POST', QEMU, { vmid: 150, archive: volid })).toEqual([
      500,
      "unable to restore VM 150 - VM 150 already exists on node 'lab1'",
    ]);
    expect(await reason('POST', QEMU, { vmid: 151, archive: volid, scsi0: 'local:1' })).toEqual({
      scsi0: "option conflicts with option 'archive'",
    });
    expect(
      await test.root.run('POST', QEMU, { vmid: 151, archive: volid, unique: 1, storage: 'local', name: 'new' }),
    ).toBe('OK');
    const [old, copy] = [await config(`${QEMU}/150`), await config(`${QEMU}/151`)];
    expect([copy.scsi0, copy.scsi1, copy.name]).toEqual(['local:151/vm-151-disk-0.raw,size=2G', undefined, 'new']);
    for (const key of ['net0', 'smbios1', 'vmgenid']) expect(copy[key]).not.toBe(old[key]);
    await test.root.run('POST', `${QEMU}/150/status/start`);
    expect(await test.root.run('POST', QEMU, { vmid: 150, archive: volid, force: 1 })).toBe(
      'unable to restore VM 150 - vm is running',
    );
    await test.root.run('POST', `${QEMU}/150/status/stop`);
    expect(await test.root.run('POST', QEMU, { vmid: 150, archive: volid, force: 1 })).toBe('OK');
    expect((await config(`${QEMU}/150`)).scsi0).toBe('local-zfs:vm-150-disk-0,size=2G');
    await drop(`${QEMU}/150`, `${QEMU}/151`);
  });

  it('of a container come back onto local unless another storage is named', async () => {
    await makeContainer(test, 160, { mp0: 'local-zfs:1,mp=/srv', description: 'x' });
    expect(await test.root.run('POST', '/nodes/lab1/vzdump', { vmid: 160, storage: 'local', compress: 'zstd' })).toBe(
      'OK',
    );
    const volid = String((await archives(160))[0]?.volid);
    const restore = (values: Values) => test.root.run('POST', LXC, { restore: 1, ostemplate: volid, ...values });
    expect(await restore({ vmid: 161 })).toBe('OK');
    expect(await config(`${LXC}/161`)).toMatchObject({
      rootfs: 'local:161/vm-161-disk-0.raw,size=1G',
      hostname: 'ct160',
      unprivileged: 1,
      description: 'x\n',
    });
    expect(await restore({ vmid: 161, storage: 'local-zfs', force: 1 })).toBe('OK');
    expect((await config(`${LXC}/161`)).rootfs).toBe('local-zfs:subvol-161-disk-0,size=1G');
    await test.root.run('POST', `${LXC}/161/status/start`);
    expect(await reason('POST', LXC, { vmid: 161, restore: 1, force: 1, ostemplate: volid })).toEqual([
      500,
      "can't overwrite running container",
    ]);
    await test.root.run('POST', `${LXC}/161/status/stop`);
    await drop(`${LXC}/160`, `${LXC}/161`);
  });

  it('are pruned by a policy, shown first and then done, the protected ones spared', async () => {
    const path = '/nodes/lab1/storage/local/prunebackups';
    expect(await reason('GET', path)).toEqual([500, "no prune-backups options configured for storage 'local'"]);
    await makeMachine(test, 170);
    for (let index = 0; index < 2; index += 1) {
      await test.root.run('POST', '/nodes/lab1/vzdump', { vmid: 170, storage: 'local' });
      await new Promise((resolve) => setTimeout(resolve, 1010));
    }
    const marks = (await test.root.data('GET', path, { 'prune-backups': 'keep-last=1', vmid: 170 })) as Values[];
    expect(new Set(marks.map((row) => row.mark))).toEqual(new Set(['keep', 'remove']));
    const upid = await test.root.data('DELETE', `${path}?prune-backups=keep-last%3D1&vmid=170`);
    expect(upid).toContain(':prunebackups:170@local:');
    expect(await test.root.exitOf(upid)).toBe('OK');
    expect(await archives(170)).toHaveLength(1);
    const all = (await test.root.data('GET', path, { 'prune-backups': 'keep-last=1' })) as Values[];
    expect(all.find((row) => row.vmid === 150)?.mark).toBe('protected');
    await drop(`${QEMU}/170`);
  });

  it('bring the rules of the firewall back to who may set them, and a template as a template', async () => {
    const rule = { type: 'in', action: 'ACCEPT', dport: '22', proto: 'tcp' };
    const newest = async (vmid: number) => String((await archives(vmid)).at(-1)?.volid);
    for (const [base, vmid] of [
      [QEMU, 180],
      [LXC, 181],
    ] as const) {
      await (base === QEMU ? makeMachine(test, vmid) : makeContainer(test, vmid));
      await test.root.data('POST', `${base}/${vmid}/firewall/rules`, rule);
      await test.root.run('POST', '/nodes/lab1/vzdump', { vmid, storage: 'local' });
      await drop(`${base}/${vmid}`);
    }
    expect(await test.root.run('POST', QEMU, { vmid: 182, archive: await newest(180), storage: 'local-zfs' })).toBe(
      'OK',
    );
    const back = { vmid: 181, restore: 1, ostemplate: await newest(181), storage: 'local-zfs' };
    expect(await test.root.run('POST', LXC, back)).toBe('OK');
    expect(await test.root.data('GET', `${QEMU}/182/firewall/rules`)).toMatchObject([rule]);
    expect(await test.root.data('GET', `${LXC}/181/firewall/rules`)).toMatchObject([rule]);

    // Who may only bring back what was there finds the rules as they are now.
    await test.root.data('DELETE', `${LXC}/181/firewall/rules/0`);
    await test.root.data('POST', '/access/roles', { roleid: 'Keeper', privs: 'VM.Backup,VM.Audit' });
    await test.root.data('POST', '/access/roles', {
      roleid: 'Space',
      privs: 'Datastore.AllocateSpace,Datastore.Audit',
    });
    await test.root.data('POST', '/access/users', { userid: 'eve@pve' });
    const { value } = await test.root.data('POST', '/access/users/eve@pve/token/t1', { privsep: 0 });
    await test.root.data('PUT', '/access/acl', { path: '/vms/181', roles: 'Keeper', users: 'eve@pve' });
    await test.root.data('PUT', '/access/acl', { path: '/storage', roles: 'Space', users: 'eve@pve' });
    await test.root.data('PUT', '/access/acl', {
      path: '/sdn/zones/localnetwork',
      roles: 'PVESDNUser',
      users: 'eve@pve',
    });
    await test.root.data('PUT', '/access/acl', { path: '/nodes', roles: 'PVEAuditor', users: 'eve@pve' });
    const eve = test.client(`eve@pve!t1=${value}`);
    const upid = await eve.data('POST', LXC, { ...back, force: 1 });
    expect(await test.root.exitOf(upid)).toBe('OK');
    expect(await logOf(upid)).toContain(
      "ignoring firewall config from backup archive's '/var/lib/lxc/181/rootfs/etc/vzdump/pct.fw', lacking API permission to modify firewall.",
    );
    expect(await test.root.data('GET', `${LXC}/181/firewall/rules`)).toEqual([]);

    expect(await test.root.data('POST', `${LXC}/181/template`)).toBeNull();
    await test.root.run('POST', '/nodes/lab1/vzdump', { vmid: 181, storage: 'local' });
    const restored = await test.root.data('POST', LXC, { ...back, vmid: 183, ostemplate: await newest(181) });
    expect(await logOf(restored)).toContain('Convert restored container to template...');
    expect(await config(`${LXC}/183`)).toMatchObject({ template: 1, rootfs: 'local-zfs:basevol-183-disk-0,size=1G' });
    await drop(`${QEMU}/182`, `${LXC}/181`, `${LXC}/183`);
  });

  it('take what a fresh node takes where nothing is said; a storage’s own retention counts', async () => {
    const told = await test.root.data('GET', '/nodes/lab1/vzdump/defaults', { storage: 'local' });
    expect(told).toMatchObject({ mode: 'snapshot', compress: '0', zstd: 1, ionice: 7, remove: 1, storage: 'local' });
    expect([told.performance['max-workers'], told.fleecing, told.dumpdir, told['prune-backups']]).toEqual([
      16,
      { enabled: 0 },
      '/var/lib/vz/dump',
      'keep-all=1',
    ]);
    expect(told).not.toHaveProperty('notes-template');
    await test.root.data('PUT', '/storage/local', { 'prune-backups': 'keep-last=3,keep-daily=2' });
    const kept = (await test.root.data('GET', '/nodes/lab1/vzdump/defaults'))['prune-backups'];
    await test.root.data('PUT', '/storage/local', { delete: 'prune-backups' });
    expect(kept).toBe('keep-daily=2,keep-last=3');
  });

  it('that run are ended when asked', async () => {
    await makeContainer(test, 190);
    await test.fault({ effect: 'task-hang', task: 'vzdump' });
    const upid = await test.root.data('POST', '/nodes/lab1/vzdump', { vmid: 190, storage: 'local' });
    expect(await test.root.data('POST', '/nodes/lab1/vzdump', { stop: 1 })).toBe('OK');
    expect(await test.root.exitOf(upid)).toBe('received interrupt');
    await drop(`${LXC}/190`);
  });
});
