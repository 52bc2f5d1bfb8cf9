import { RrdTable } from './rrd-table.js';

const NOON = 1_795_003_200 - (1_795_003_200 % 86_400);
const table = (rows?: number) => new RrdTable([{ name: 'cpu' }, { name: 'netin', counter: true }], rows);
const measured = (rows: readonly Record<string, number>[]) => rows.filter((row) => Object.keys(row).length > 1);

describe('figures over time', () => {
  it('are one row a minute: the average or the highest of its samples, counters as rates', () => {
    const figures = table();
    for (let second = 0; second <= 60; second += 10)
      figures.record(NOON + second, [['100', { cpu: second === 50 ? 0.75 : 0.25, netin: second * 100 }]]);
    const [row] = measured(figures.rows('100', 'hour', 'AVERAGE', NOON + 61));
    expect(row?.time).toBe(NOON);
    expect(row?.cpu).toBeCloseTo(2 / 6);
    expect(row?.netin).toBeCloseTo(100);
    expect(measured(figures.rows('100', 'hour', 'MAX', NOON + 61))[0]?.cpu).toBe(0.75);
  });

  it('cover the whole time frame, with times alone where nothing was measured', () => {
    const figures = table();
    figures.record(NOON, [['100', { cpu: 0.5 }]]);
    figures.record(NOON + 60, [['100', { cpu: 0.5 }]]);
    const rows = figures.rows('100', 'hour', 'AVERAGE', NOON + 60);
    expect(rows).toHaveLength(60);
    expect(rows[0]).toEqual({ time: NOON - 59 * 60 });
    expect(rows[59]).toEqual({ time: NOON, cpu: 0.5 });
    expect(figures.rows('999', 'day', 'AVERAGE', NOON)).toHaveLength(1439);
  });

  it('show no rate across a restart of the guest, whose counters begin anew', () => {
    const figures = table();
    figures.record(NOON, [['100', { netin: 5000 }]]);
    figures.record(NOON + 10, [['100', { netin: 10 }]]);
    figures.record(NOON + 60, [['100', { netin: 20 }]]);
    expect(measured(figures.rows('100', 'hour', 'AVERAGE', NOON + 60))).toEqual([]);
  });

  it('become half hours for the week', () => {
    const figures = table();
    for (let minute = 0; minute <= 31; minute += 1)
      figures.record(NOON + minute * 60, [['100', { cpu: minute === 3 ? 1 : 0.5 }]]);
    const [average] = measured(figures.rows('100', 'week', 'AVERAGE', NOON + 1860));
    expect(average?.time).toBe(NOON);
    expect(average?.cpu).toBeCloseTo(0.5 + 0.5 / 30);
    expect(measured(figures.rows('100', 'week', 'MAX', NOON + 1860))[0]?.cpu).toBe(1);
  });

  it('stay within their rows however many guests there are', () => {
    const figures = table(1000);
    const all = Array.from({ length: 100 }, (_, index): [string, { cpu: number }] => [String(index), { cpu: 0.1 }]);
    for (let minute = 0; minute < 50; minute += 1) figures.record(NOON + minute * 60, all);
    expect(measured(figures.rows('7', 'day', 'AVERAGE', NOON + 3000))).toHaveLength(10);
  });
});
