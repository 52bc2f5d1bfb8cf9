import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeContainer, makeMachine, openTestLab, type TestLab } from './test-lab.js';

const HOUR = 3_600_000;

describe('backup jobs of a lab', () => {
  const stateDir = mkdtempSync(join(tmpdir(), 'bastide-lab-'));
  /** A Thursday, five minutes to noon. */
  let clock = new Date(2026, 10, 26, 11, 55).getTime();
  let test: TestLab;
  const open = async () => {
    test = await openTestLab({ stateDir, now: () => clock });
  };
  beforeAll(async () => {
    await open();
    await makeMachine(test, 100);
    await makeContainer(test, 101);
    await makeMachine(test, 102);
    await test.root.run('POST', '/nodes/lab1/qemu/102/migrate', { target: 'lab2' });
  });
  afterEach(async () => {
    for (const { id } of await test.root.data('GET', '/cluster/backup'))
      await test.root.data('DELETE', `/cluster/backup/${id}`);
  });
  afterAll(async () => {
    await test.close();
    rmSync(stateDir, { recursive: true, force: true });
  });

  async function dumps(node: string): Promise<{ upid: string; status: string }[]> {
    return await test.root.data('GET', `/nodes/${node}/tasks`, { typefilter: 'vzdump', source: 'all', limit: 500 });
  }
  async function untilDumps(node: string, count: number): Promise<void> {
    const deadline = Date.now() + 20_000;
    while ((await dumps(node)).length < count) {
      if (Date.now() > deadline) throw new Error(`no ${count} backups on ${node} within 20 s`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    for (const { upid } of await dumps(node)) expect(await test.root.exitOf(upid)).toBe('OK');
  }
  /** Longer than the scheduler takes to look. */
  const aWhile = () => new Promise((resolve) => setTimeout(resolve, 700));

  it('run by their schedule, on every node with guests of theirs, once', async () => {
    await test.root.data('POST', '/cluster/backup', {
      id: 'noon',
      schedule: 'mon..fri 12:00',
      all: 1,
      exclude: '101',
      storage: 'local',
      'prune-backups': 'keep-last=2',
      'notes-template': '{{guestname}} on {{node}}',
    });
    const [job] = await test.root.data('GET', '/cluster/backup');
    expect(job).toMatchObject({
      id: 'noon',
      type: 'vzdump',
      enabled: 1,
      'prune-backups': { 'keep-last': '2' },
      'next-run': new Date(2026, 10, 26, 12, 0).getTime() / 1000,
    });
    await aWhile();
    expect(await dumps('lab1')).toEqual([]);
    clock += HOUR;
    await untilDumps('lab1', 1);
    await untilDumps('lab2', 1);
    await aWhile();
    expect([(await dumps('lab1')).length, (await dumps('lab2')).length]).toEqual([1, 1]);
    const archives = await test.root.data('GET', '/nodes/lab1/storage/local/content', { content: 'backup' });
    expect(archives.map(({ vmid, notes }: { vmid: number; notes: string }) => [vmid, notes])).toEqual([
      [100, 'vm100 on lab1'],
    ]);
    expect((await test.root.data('GET', '/cluster/backup'))[0]['next-run']).toBe(
      new Date(2026, 10, 27, 12, 0).getTime() / 1000,
    );
  });

  it('do not run when switched off, nor make up for it when switched on again', async () => {
    const before = (await dumps('lab1')).length;
    await test.root.data('POST', '/cluster/backup', {
      id: 'off',
      schedule: 'hourly',
      vmid: 100,
      enabled: 0,
      storage: 'local',
    });
    clock += 3 * HOUR;
    await aWhile();
    await test.root.data('PUT', '/cluster/backup/off', { enabled: 1 });
    await aWhile();
    expect((await dumps('lab1')).length).toBe(before);
    clock += HOUR;
    await untilDumps('lab1', before + 1);
  });

  it('skip what they missed while the lab was off, but for those that repeat', async () => {
    const before = (await dumps('lab1')).length;
    await test.root.data('POST', '/cluster/backup', { id: 'skips', schedule: 'hourly', vmid: 100, storage: 'local' });
    await test.root.data('POST', '/cluster/backup', {
      id: 'repeats',
      schedule: 'hourly',
      vmid: 101,
      'repeat-missed': 1,
      storage: 'local',
    });
    await test.close();
    clock += 5 * HOUR;
    await open();
    await untilDumps('lab1', before + 1);
    await aWhile();
    const all = await dumps('lab1');
    expect(all.length).toBe(before + 1);
    expect(all[0]?.upid).toContain(':vzdump:101:');
    // Cut off while it was at it: what was begun is not begun again.
    await test.fault({ effect: 'task-hang', task: 'vzdump' });
    clock += HOUR;
    while ((await dumps('lab1')).length < before + 2) await new Promise((resolve) => setTimeout(resolve, 50));
    const begun = (await dumps('lab1')).length;
    await test.close();
    await open();
    await aWhile();
    expect((await dumps('lab1')).length).toBe(begun);
  });

  it('take the older spelling of a schedule, and refuse what is none', async () => {
    await test.root.data('POST', '/cluster/backup', {
      id: 'old',
      starttime: '02:30',
      dow: 'sat',
      all: 1,
      storage: 'local',
    });
    expect((await test.root.data('GET', '/cluster/backup/old')).schedule).toBe('sat 02:30');
    const refused = async (form: Record<string, string | number>) =>
      (await test.root.call('POST', '/cluster/backup', form)).body.errors;
    expect(await refused({ all: 1 })).toEqual({ schedule: "neither 'starttime' nor 'schedule' were set" });
    // What is found under the lock on the jobs comes as text.
    const message = async (method: string, path: string, form: Record<string, string | number> = {}) => {
      const { status, body } = await test.root.call(method, `/cluster/backup${path}`, form);
      return [status, body.message];
    };
    const lost = (line: string) => [500, `400 Parameter verification failed.\n${line}\n`];
    expect(await message('POST', '', { schedule: 'daily' })).toEqual(lost('vmid: property is missing'));
    expect(await message('POST', '', { schedule: 'daily', all: 1, vmid: 100 })).toEqual(
      lost("all: option conflicts with option 'vmid'"),
    );
    expect(await message('PUT', '/old', { delete: 'nosuch' })).toEqual(lost("delete: unknown option 'nosuch'"));
    expect(await message('DELETE', '/none')).toEqual(lost("id: No such job 'none'"));
    expect((await refused({ schedule: 'sat 25:00', all: 1 })).schedule).toMatch(
      /^invalid format - invalid calendar event 'sat 25:00' - /,
    );
    expect((await test.root.call('GET', '/cluster/backup/none')).body.errors).toEqual({ id: "No such job 'none'" });
    expect((await test.root.call('PUT', '/cluster/backup/old', {})).reason).toBe('no options specified');
  });

  it('say what they cover and what nobody covers', async () => {
    await test.root.data('POST', '/pools', { poolid: 'office' });
    await test.root.data('PUT', '/pools', { poolid: 'office', vms: '101' });
    await test.root.data('POST', '/cluster/backup', {
      id: 'pool',
      schedule: 'daily',
      pool: 'office',
      storage: 'local',
    });
    const { children } = await test.root.data('GET', '/cluster/backup/pool/included_volumes');
    expect(children).toEqual([
      {
        id: 101,
        type: 'lxc',
        name: 'ct101',
        leaf: 0,
        children: [{ id: '101:rootfs', name: 'local-zfs:subvol-101-disk-0', included: 1, reason: 'rootfs', leaf: 1 }],
      },
    ]);
    expect(
      (await test.root.data('GET', '/cluster/backup-info/not-backed-up')).map((one: { vmid: number }) => one.vmid),
    ).toEqual([100, 102]);
    const runs = await test.root.data('GET', '/cluster/jobs/schedule-analyze', {
      schedule: '*/30 UTC',
      starttime: 0,
      iterations: 2,
    });
    expect(runs).toEqual([
      { timestamp: 1800, utc: 'Thu Jan  1 00:30:00 1970' },
      { timestamp: 3600, utc: 'Thu Jan  1 01:00:00 1970' },
    ]);
  });
});
