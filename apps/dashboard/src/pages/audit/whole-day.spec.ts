import { endOf, startOf } from './whole-day.js';

// Where the clocks do not change this says little: `TZ=Europe/Berlin` makes it the two days that matter.
describe('the days of the audit', () => {
  it.each([
    ['2026-03-29', '2026-03-30'],
    ['2026-10-25', '2026-10-26'],
    ['2026-12-31', '2027-01-01'],
  ])('%s ends where %s begins, also when the clocks change', (day, next) => {
    expect(endOf(day)).toBe(startOf(next) - 1);
  });

  it('a year half typed asks for nothing that the server refuses', () => {
    expect(startOf('0202-01-01')).toBe(0);
    expect(endOf('0202-01-01')).toBeGreaterThan(0);
  });
});
