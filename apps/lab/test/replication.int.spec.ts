import { makeContainer, makeMachine, openTestLab, type TestLab } from './test-lab.js';

const JOBS = '/cluster/replication';

describe('replication', () => {
  let test: TestLab;
  beforeAll(async () => {
    test = await openTestLab({ nodes: ['lab1', 'lab2', 'lab3'] });
    await makeMachine(test, 100);
    await makeContainer(test, 101);
    await test.root.run('POST', '/nodes/lab1/qemu', { vmid: 102, scsi0: 'local:1' });
    await test.root.run('POST', '/nodes/lab1/qemu', { vmid: 103 });
  }, 30_000);
  afterAll(() => test.close());

  const create = (id: string, target: string, more: Record<string, string | number> = {}) =>
    test.root.call('POST', JOBS, { id, type: 'local', target, ...more });
  const status = (node: string, id: string) => test.root.data('GET', `/nodes/${node}/replication/${id}/status`);
  async function until<T>(ask: () => Promise<T>, good: (value: T) => boolean): Promise<T> {
    const deadline = Date.now() + 10_000;
    for (;;) {
      const value = await ask();
      if (good(value)) return value;
      if (Date.now() > deadline) throw new Error(`never became so: ${JSON.stringify(value)}`);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }

  it('takes a job for what can be replicated, and says why not otherwise', async () => {
    const reason = async (id: string, target: string, more = {}) => (await create(id, target, more)).reason;
    expect(await reason('999-0', 'lab2')).toBe("Guest '999' does not exist.");
    expect(await reason('100-0', 'lab9')).toBe("Target 'lab9' does not exist.");
    expect(await reason('100-0', 'lab1')).toBe('Source and target must not be identical');
    expect(await reason('100-0', 'lab2', { source: 'lab3' })).toBe(
      "Source 'lab3' does not match current node of guest '100' (lab1)",
    );
    expect(await reason('102-0', 'lab2')).toBe("missing replicate feature on volume 'local:102/vm-102-disk-0.raw'");
    expect(await reason('103-0', 'lab2')).toBe('No replicatable volumes found');
    expect((await create('x', 'lab2')).body.errors).toEqual({
      id: "invalid format - invalid replication job id 'x'\n",
    });
    expect((await create('100-0', 'lab2', { schedule: '*/5', rate: 10, comment: 'x' })).status).toBe(200);
    expect(await reason('100-0', 'lab3')).toBe("replication job '100-0' already exists");
    expect(await reason('100-1', 'lab2')).toBe("replication job for guest '100' to target 'local/lab2' already exists");
    expect(await test.root.data('GET', JOBS)).toEqual([
      {
        id: '100-0', type: 'local', guest: 100, jobnum: 0, source: 'lab1', target: 'lab2', schedule: '*/5', rate: 10, comment: 'x',
      },
    ]); // biome-ignore format: a table
    const { digest } = await test.root.data('GET', `${JOBS}/100-0`);
    const change = (more: Record<string, string | number>) => test.root.call('PUT', `${JOBS}/100-0`, more);
    expect((await change({ rate: 5, digest: '0'.repeat(40) })).reason).toBe(
      'detected modified configuration - file changed by other user? Try again.',
    );
    expect((await change({ delete: 'nope' })).reason).toBe("no such option 'nope'");
    expect((await change({ delete: 'target' })).reason).toBe("unable to delete required option 'target'");
    expect((await change({ rate: 5, delete: 'comment', digest })).status).toBe(200);
    expect(await test.root.data('GET', `${JOBS}/100-0`)).toMatchObject({ rate: 5 });
    expect((await test.root.call('GET', `${JOBS}/100-9`)).reason).toBe("no such replication job '100-9'");
  });

  it('runs it, keeps log and state, and turns it round when the guest has moved', async () => {
    const done = await until(
      () => status('lab1', '100-0'),
      (job) => job.last_sync > 0,
    );
    expect(done).toMatchObject({ vmtype: 'qemu', fail_count: 0, next_sync: expect.any(Number) });
    expect(done.next_sync).toBeGreaterThan(done.last_sync);
    const log = (await test.root.data('GET', '/nodes/lab1/replication/100-0/log')) as { t: string }[];
    expect(log[0]?.t).toMatch(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d 100-0: start replication job$/);
    expect(log.at(-1)?.t).toMatch(/: end replication job$/);
    expect(await test.root.data('GET', '/nodes/lab2/replication')).toEqual([]);
    expect(await test.root.data('GET', '/nodes/lab1/replication', { guest: 101 })).toEqual([]);
    expect((await test.root.call('DELETE', '/nodes/lab1/qemu/100')).reason).toBe(
      "There is a replication job '100-0' for guest '100' - Please remove that first.",
    );
    expect(await test.root.run('POST', '/nodes/lab1/qemu/100/migrate', { target: 'lab2' })).toBe('OK');
    expect(await status('lab2', '100-0')).toMatchObject({ source: 'lab2', target: 'lab1' });
  });

  it('counts what fails, and starts again later', async () => {
    await test.fault({ effect: 'node-down', node: 'lab3' });
    expect((await create('101-0', 'lab3')).status).toBe(200);
    const failed = await until(
      () => status('lab1', '101-0'),
      (job) => job.fail_count === 1,
    );
    expect(failed.error).toMatch(/failed: exit code 255$/);
    expect(failed.next_sync).toBe(0);
    await test.clearFaults();
    const again = await status('lab1', '101-0');
    expect(again.next_sync).toBe(again.last_try + 300);
    await test.root.data('POST', '/nodes/lab1/replication/101-0/schedule_now');
    expect((await status('lab1', '101-0')).next_sync).toBe(300);
    await until(
      () => status('lab1', '101-0'),
      (job) => job.fail_count === 0 && job.error === undefined,
    );
  });

  it('takes a job away in the background, at once with force, and with the guest that is purged', async () => {
    const remove = (id: string, more = {}) => test.root.call('DELETE', `${JOBS}/${id}`, more);
    expect((await remove('100-0', { force: 1, keep: 1 })).body.errors).toEqual({
      keep: "conflicts with parameter 'force'",
    });
    expect((await remove('100-0')).status).toBe(200);
    await until(
      () => test.root.call('GET', `${JOBS}/100-0`),
      (answer) => answer.status === 500,
    );
    expect((await remove('100-0')).reason).toBe("no such job '100-0'");
    expect(await test.root.run('DELETE', '/nodes/lab1/lxc/101', { purge: 1 })).toBe('OK');
    expect(await test.root.data('GET', JOBS)).toEqual([]);
  });
});
