import { makeContainer, openTestLab, type TestLab } from './test-lab.js';

describe('many guests at once', () => {
  let test: TestLab;
  beforeEach(async () => {
    test = await openTestLab();
    await test.root.run('POST', '/nodes/lab1/qemu', { vmid: 100, memory: 64, start: 1, scsi0: 'local-zfs:1' });
    await test.root.run('POST', '/nodes/lab1/qemu', { vmid: 101, memory: 64 });
    await makeContainer(test, 102);
  }, 30_000);
  afterEach(() => test.close());

  async function told(path: string, parameters: Record<string, string | number>): Promise<[string, string[]]> {
    const upid = await test.root.data('POST', path, parameters);
    const exit = await test.root.exitOf(upid);
    const node = upid.split(':')[1];
    const log = await test.root.data('GET', `/nodes/${node}/tasks/${encodeURIComponent(upid)}/log`);
    return [exit, (log as { t: string }[]).map(({ t }) => t)];
  }
  const homes = async () =>
    Object.fromEntries(
      ((await test.root.data('GET', '/cluster/resources', { type: 'vm' })) as { vmid: number; node: string }[]).map(
        ({ vmid, node }) => [vmid, node],
      ),
    );

  it('move to another node, and the end names those that did not', async () => {
    expect(await told('/cluster/bulk-action/guest/migrate', { target: 'lab2' })).toEqual([
      'Some guests failed to migrate 100',
      [
        'Migrating all guests to lab2',
        'Migrating VM 100',
        "WARN: can't migrate running VM without --online",
        'Migrating VM 101',
        'Migrating CT 102',
        'TASK ERROR: Some guests failed to migrate 100',
      ],
    ]);
    expect(await homes()).toEqual({ 100: 'lab1', 101: 'lab2', 102: 'lab2' });
    const again = { target: 'lab2', online: 1, 'with-local-disks': 1 };
    expect((await told('/cluster/bulk-action/guest/migrate', again))[0]).toBe('WARNINGS: 2');
    expect(await homes()).toEqual({ 100: 'lab2', 101: 'lab2', 102: 'lab2' });
  });

  it('leave their node with migrateall, which looks first whether they can', async () => {
    const reason = async (more: Record<string, string | number>) =>
      (await test.root.call('POST', '/nodes/lab1/migrateall', { target: 'lab2', ...more })).reason;
    expect(await reason({})).toBe("either 'max-workers' parameter or max_workers in datacenter.cfg must be set!");
    expect(await reason({ target: 'lab9', 'max-workers': 1 })).toBe("no such cluster node 'lab9'");
    expect(await told('/nodes/lab1/migrateall', { target: 'lab2', 'max-workers': 1 })).toEqual([
      'OK',
      [
        'Check VM 100: skip VM 100 - precondition check failed:',
        '  Has local disks: local-zfs:vm-100-disk-0',
        'Check VM 101: precondition check passed',
        'Migrating VM 101',
        'Migrating CT 102',
        'All jobs finished, used 2 workers in total.',
        'TASK OK',
      ],
    ]);
    expect(await homes()).toEqual({ 100: 'lab1', 101: 'lab2', 102: 'lab2' });
  });

  it('start, suspend and shut down, with a warning for each that is left out', async () => {
    expect(await told('/cluster/bulk-action/guest/start', { vms: '100' })).toEqual([
      'WARNINGS: 1',
      ['Starting guests: 100', 'WARN: Skipping VM 100, already running.', 'TASK WARNINGS: 1'],
    ]);
    expect((await told('/nodes/lab1/suspendall', {}))[1]).toEqual(['Suspending VM 100', 'TASK OK']);
    const [exit, log] = await told('/cluster/bulk-action/guest/shutdown', {});
    expect([exit, log.filter((line) => line.startsWith('WARN')).length]).toEqual(['WARNINGS: 3', 3]);
    const { value } = await test.root.data('POST', '/access/users/root@pam/token/none', { privsep: 1 });
    const none = test.client(`root@pam!none=${value}`);
    expect((await none.call('POST', '/nodes/lab1/suspendall')).reason).toBe(
      'Permission check failed (/, VM.PowerMgmt && VM.Config.Disk)',
    );
    expect((await none.call('POST', '/cluster/bulk-action/guest/migrate', { target: 'lab2', vms: 100 })).reason).toBe(
      'Permission check failed (/vms/100, VM.Migrate)',
    );
  });
});
