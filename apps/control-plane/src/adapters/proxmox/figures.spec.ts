import { toFigures } from './figures.js';

describe('history of a guest', () => {
  it('has times in milliseconds and leaves out what was not measured', () => {
    const row = {
      time: 1_700_000_040,
      cpu: 0.25,
      maxcpu: 2,
      mem: 100,
      maxmem: 400,
      disk: 7,
      maxdisk: 9,
      netin: 1.5,
      netout: 2,
    };
    expect(toFigures([{ time: 1_699_999_980 }, { time: 1_700_000_000, cpu: null }, row])).toEqual([
      {
        at: 1_700_000_040_000,
        cpu: 0.25,
        memoryBytes: 100,
        memoryMaxBytes: 400,
        diskBytes: 7,
        diskMaxBytes: 9,
        netIn: 1.5,
        netOut: 2,
      },
    ]);
  });
});
