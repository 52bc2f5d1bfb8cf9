/** Figures of guests, nodes and storages, now and over time. */
import { jest } from '@jest/globals';
import { makeContainer, makeMachine, openTestLab, type TestLab } from './test-lab.js';

const BASE = '/nodes/lab1/lxc/100';
const COUNTERS = ['netin', 'netout', 'diskread', 'diskwrite'] as const;

describe('figures', () => {
  let test: TestLab;
  let ahead = 0;
  const realNow = Date.now;

  beforeAll(async () => {
    jest.spyOn(Date, 'now').mockImplementation(() => realNow() + ahead);
    test = await openTestLab();
    await makeContainer(test, 100);
    await makeMachine(test, 101);
    await test.root.run('POST', `${BASE}/status/start`);
    await test.root.run('POST', '/nodes/lab1/qemu/101/status/start');
  });
  afterAll(async () => {
    jest.restoreAllMocks();
    await test.close();
  });

  it('of a running guest say how much it uses, in its status, the list and the resources', async () => {
    ahead += 30_000;
    for (const [path, type] of [
      [BASE, 'lxc'],
      ['/nodes/lab1/qemu/101', 'qemu'],
    ] as const) {
      const now = await test.root.data('GET', `${path}/status/current`);
      const rows = await test.root.data('GET', '/cluster/resources', { type: 'vm' });
      const row = (rows as { id: string; [name: string]: unknown }[]).find(
        (one) => one.id === `${type}/${path.split('/').at(-1)}`,
      );
      for (const name of ['cpu', 'mem', 'uptime', ...COUNTERS]) {
        expect([name, now[name] > 0]).toEqual([name, true]);
        expect([name, Number(row?.[name]) > 0]).toEqual([name, true]);
      }
      expect(now.mem).toBeLessThan(now.maxmem);
    }
  });

  it('count up while the guest runs and are nothing when it is stopped', async () => {
    const before = await test.root.data('GET', `${BASE}/status/current`);
    ahead += 30_000;
    const after = await test.root.data('GET', `${BASE}/status/current`);
    for (const name of COUNTERS) expect(after[name]).toBeGreaterThan(before[name]);
    await test.root.run('POST', `${BASE}/status/stop`);
    const stopped = await test.root.data('GET', `${BASE}/status/current`);
    expect([stopped.cpu, stopped.mem, stopped.uptime, stopped.netin]).toEqual([0, 0, 0, 0]);
    await test.root.run('POST', `${BASE}/status/start`);
  });

  it('over time come as one row a minute with the fields of the real database', async () => {
    const fields: Record<string, readonly string[]> = {
      '/nodes/lab1/qemu/101': ['maxcpu', 'cpu', 'maxmem', 'mem', 'maxdisk', 'netin', 'diskwrite', 'memhost'],
      '/nodes/lab1': [
        'loadavg',
        'maxcpu',
        'cpu',
        'iowait',
        'memtotal',
        'memused',
        'memavailable',
        'roottotal',
        'netin',
      ],
      '/nodes/lab1/storage/local-zfs': ['total', 'used'],
    };
    for (let step = 0; step < 8; step += 1) {
      ahead += 15_000;
      await test.root.data('GET', '/nodes/lab1/rrddata', { timeframe: 'hour' });
    }
    for (const [path, names] of Object.entries(fields)) {
      const rows = (await test.root.data('GET', `${path}/rrddata`, { timeframe: 'hour' })) as Record<string, number>[];
      expect(rows.length).toBeGreaterThanOrEqual(59);
      expect((rows[1]?.time ?? 0) - (rows[0]?.time ?? 0)).toBe(60);
      expect(Object.keys(rows.at(-1) ?? {})).toEqual(expect.arrayContaining([...names]));
      const highest = (await test.root.data('GET', `${path}/rrddata`, { timeframe: 'hour', cf: 'MAX' })) as unknown[];
      expect(highest).toHaveLength(rows.length);
    }
  });

  it('over time are the same whenever they are asked for, in every frame, as long as the guest runs', async () => {
    const ask = async (timeframe: string) =>
      (await test.root.data('GET', `${BASE}/rrddata`, { timeframe })) as Record<string, number>[];
    const before = (await ask('hour')).at(-1);
    expect(before?.netin).toBeGreaterThan(0);
    expect(before?.disk).toBeGreaterThan(0);
    ahead += 600_000;
    expect((await ask('hour')).find((row) => row.time === before?.time)).toEqual(before);
    expect(Object.keys((await ask('hour'))[0] ?? {})).toEqual(['time']);
    for (const frame of ['day', 'week', 'month', 'year']) expect((await ask(frame)).length).toBeGreaterThan(300);
  });

  it('over time are refused for a frame or consolidation that does not exist', async () => {
    const answer = await test.root.call('GET', `${BASE}/rrddata`, { timeframe: 'century', cf: 'MEDIAN' });
    expect([answer.status, Object.keys(answer.body.errors).sort()]).toEqual([400, ['cf', 'timeframe']]);
    expect((await test.root.call('GET', `${BASE}/rrddata`)).body.errors).toHaveProperty('timeframe');
    expect((await test.root.call('GET', '/nodes/lab1/lxc/999/rrddata', { timeframe: 'hour' })).status).toBe(500);
  });
});
