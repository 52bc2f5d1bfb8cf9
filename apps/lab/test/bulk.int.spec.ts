/** Many guests at once: of a node, and of the cluster. */
import { guestTools, LXC, QEMU } from './guest-tools.js';
import { makeContainer, openTestLab, type TestLab } from './test-lab.js';

let test: TestLab;
beforeAll(async () => {
  test = await openTestLab();
});
afterAll(() => test.close());
const { reason, drop, logOf, logFor } = guestTools(() => test);

const ids = { vms: '170,171,172' };
const running = async () =>
  ((await test.root.data('GET', '/cluster/resources', { type: 'vm' })) as { vmid: number; status: string }[])
    .filter((row) => row.status === 'running')
    .map((row) => row.vmid)
    .sort((left, right) => left - right);
const exitOf = (upid: string) => test.root.exitOf(upid);

beforeEach(async () => {
  await test.root.run('POST', QEMU, { vmid: 170, memory: 64, startup: 'order=2', onboot: 1 });
  await makeContainer(test, 171, { startup: 'order=1', onboot: 1 });
  await test.root.run('POST', QEMU, { vmid: 172, memory: 64, scsi0: 'local-zfs:1' });
});
afterEach(async () => {
  const { root } = test;
  for (const row of (await root.data('GET', '/cluster/resources', { type: 'vm' })) as { id: string; node: string }[]) {
    const path = `/nodes/${row.node}/${row.id}`;
    if ((await root.data('GET', `${path}/status/current`)).status === 'running')
      await root.run('POST', `${path}/status/stop`);
    await drop(path);
  }
});

describe('guests of a node', () => {
  it('start in the order of their startup, those that start with it, or by force; and end the other way round', async () => {
    expect(await logFor('POST', '/nodes/lab1/startall', ids)).toEqual([
      'Starting CT 171',
      'Starting VM 170',
      'TASK OK',
    ]);
    expect(await running()).toEqual([170, 171]);
    expect(await logFor('POST', '/nodes/lab1/startall', { force: 1 })).toEqual(['Starting VM 172', 'TASK OK']);
    const stop = { timeout: 1, 'max-workers': 1 };
    expect(await logFor('POST', '/nodes/lab1/stopall', stop)).toEqual([
      'Stopping VM 172 (timeout = 1 seconds)',
      'Stopping VM 170 (timeout = 1 seconds)',
      'Stopping CT 171 (timeout = 1 seconds)',
      'TASK OK',
    ]);
    expect(await running()).toEqual([]);
  });

  it('are suspended where they are machines that run', async () => {
    await test.root.run('POST', `${QEMU}/172/status/start`);
    const log = await logFor('POST', '/nodes/lab1/suspendall', { 'max-workers': 1 });
    expect(log).toEqual([
      'Suspending VM 172',
      'VM 170 not running, skipping suspension',
      'WARN: skipping 171, only VMs can be suspended',
      'TASK WARNINGS: 1',
    ]);
    expect((await test.root.data('GET', `${QEMU}/172/status/current`)).lock).toBe('suspended');
    await test.root.run('POST', `${QEMU}/172/status/start`);
  });

  it('leave it together; a machine whose disks cannot travel alive stays', async () => {
    expect(await reason('POST', '/nodes/lab1/migrateall', { target: 'lab1' })).toEqual({
      target: 'target is local node.',
    });
    expect(await reason('POST', '/nodes/lab1/migrateall', { target: 'lab2' })).toEqual([
      500,
      "either 'max-workers' parameter or max_workers in datacenter.cfg must be set!",
    ]);
    for (const path of [`${LXC}/171`, `${QEMU}/172`]) await test.root.run('POST', `${path}/status/start`);
    const all = { target: 'lab2', 'max-workers': 1 };
    expect(await logFor('POST', '/nodes/lab1/migrateall', all)).toEqual([
      'Check VM 170: precondition check passed',
      'Migrating VM 170',
      'Migrating CT 171',
      'Check VM 172: skip VM 172 - precondition check failed:',
      '  Has local disks: local-zfs:vm-172-disk-0',
      'All jobs finished, used 2 workers in total.',
      'TASK OK',
    ]);
    expect(await running()).toEqual([171, 172]);
    expect(await logFor('POST', '/nodes/lab1/migrateall', { ...all, vms: '171' })).toEqual([
      'no virtual guests matched, nothing to do..',
      'TASK OK',
    ]);
    const forced = await test.root.data('POST', '/nodes/lab1/migrateall', { ...all, 'with-local-disks': 1 });
    expect([await exitOf(forced), (await test.root.data('GET', '/nodes/lab2/qemu/172/status/current')).status]).toEqual(
      ['OK', 'running'],
    );
  });
});

describe('guests of the cluster', () => {
  const base = '/cluster/bulk-action/guest';

  it('start and end where they are; what needs nothing is a warning', async () => {
    await test.root.run('POST', `${QEMU}/172/status/start`);
    expect(await logFor('POST', `${base}/start`)).toEqual([
      'Starting all guests',
      'Starting CT 171',
      'Starting VM 170',
      'WARN: Skipping VM 172, already running.',
      'TASK WARNINGS: 1',
    ]);
    const some = await test.root.send('POST', `/api2/json${base}/shutdown`, 'vms=171&vms=172&timeout=1');
    expect(await logOf(some.body.data)).toEqual([
      'Shutting down guests: 171, 172',
      'Shutting down VM 172 (Timeout = 1 seconds)',
      'Shutting down CT 171 (Timeout = 1 seconds)',
      'TASK OK',
    ]);
    expect(await running()).toEqual([170]);
  });

  it('travel to a node; one that cannot is told, and fails the whole', async () => {
    await test.root.run('POST', `${QEMU}/172/status/start`);
    const upid = await test.root.data('POST', `${base}/migrate`, { target: 'lab2' });
    expect(await exitOf(upid)).toBe('Some guests failed to migrate 172');
    expect(await logOf(upid)).toEqual([
      'Migrating all guests to lab2',
      'Migrating VM 170',
      'Migrating CT 171',
      'Migrating VM 172',
      "WARN: can't migrate running VM without --online",
      'TASK ERROR: Some guests failed to migrate 172',
    ]);
    expect(await logFor('POST', `${base}/migrate`, { target: 'lab2', vms: 171 })).toContain(
      'WARN: CT 171 already on lab2, skipping.',
    );
  });

  it('that fail to start are named in the end', async () => {
    await test.fault({ effect: 'task-fail', task: 'vzstart', message: 'no luck' });
    const upid = await test.root.data('POST', `${base}/start`, { vms: 171 });
    expect(await exitOf(upid)).toBe('Some guests failed to start: 171');
    expect(await logOf(upid)).toContain('WARN: Starting CT 171 failed: no luck');
  });
});
