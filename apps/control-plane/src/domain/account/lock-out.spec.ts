import { waitMs } from './lock-out.js';

const MINUTE = 60_000;
const NOW = 1_800_000_000_000;

describe('waiting after failed log-ins', () => {
  it('doubles with every failure, up to a quarter of an hour', () => {
    expect(waitMs('pair', { count: 4, lastAt: NOW }, NOW)).toBe(0);
    expect(waitMs('pair', { count: 5, lastAt: NOW }, NOW)).toBe(10_000);
    expect(waitMs('pair', { count: 6, lastAt: NOW }, NOW + 5_000)).toBe(15_000);
    expect(waitMs('pair', { count: 500, lastAt: NOW }, NOW)).toBe(15 * MINUTE);
  });

  it.each([1, 400])('is never longer than that after a clock that was %s days ahead has been set right', (days) => {
    const wait = waitMs('name', { count: 500, lastAt: NOW + days * 24 * 60 * MINUTE }, NOW);
    expect(wait).toBeLessThanOrEqual(30 * MINUTE);
  });
});
