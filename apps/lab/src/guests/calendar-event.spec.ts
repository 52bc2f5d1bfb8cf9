import { nextEvent } from './calendar-event.js';

describe('the next time of a schedule', () => {
  /** A Thursday. */
  const now = new Date(2026, 0, 15, 10, 7, 30);
  const next = (schedule: string) => {
    const seconds = nextEvent(schedule, now.getTime() / 1000);
    if (seconds === undefined) return undefined;
    const at = new Date(seconds * 1000);
    const two = (value: number) => String(value).padStart(2, '0');
    return `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())} ${two(at.getHours())}:${two(at.getMinutes())}`;
  };

  it.each([
    ['02:30', '2026-01-16 02:30'],
    ['22:5', '2026-01-15 22:05'],
    ['*/15', '2026-01-15 10:15'],
    ['*', '2026-01-15 10:08'],
    ['hourly', '2026-01-15 11:00'],
    ['daily', '2026-01-16 00:00'],
    ['sat,sun', '2026-01-17 00:00'],
    ['mon..wed 30/10', '2026-01-19 00:30'],
    ['fri..mon 8..17,22:0/15', '2026-01-16 08:00'],
    ['sat *-1..7 15:00', '2026-02-07 15:00'],
    ['*-05', '2026-02-05 00:00'],
    ['2028-02-29 12:00:00', '2028-02-29 12:00'],
    ['monthly', '2026-02-01 00:00'],
    ['quarterly', '2026-04-01 00:00'],
  ])('%s comes at %s', (schedule, expected) => {
    expect(next(schedule)).toBe(expected);
  });

  it.each(['2015-10-21', '*-02-30', 'someday', '1:2 3:4', '1/0', ''])('never for %j', (schedule) => {
    expect(next(schedule)).toBe(undefined);
  });
});
