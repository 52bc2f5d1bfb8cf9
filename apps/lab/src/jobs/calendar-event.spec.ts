import { CalendarError, nextEvent, parseCalendarEvent } from './calendar-event.js';

const at = (text: string) => Date.parse(`${text}Z`) / 1000;
/** The next three runs after a Thursday noon, in UTC. */
function runs(text: string, from = '2026-11-26T12:00:00'): string[] {
  const event = parseCalendarEvent(`${text} UTC`);
  const result: string[] = [];
  let last = at(from);
  for (let count = 0; count < 3; count += 1) {
    const next = nextEvent(event, last);
    if (next === undefined) break;
    result.push(new Date(next * 1000).toISOString().slice(0, 19));
    last = next;
  }
  return result;
}

describe('calendar events', () => {
  it.each([
    ['sat 02:30', ['2026-11-28T02:30:00', '2026-12-05T02:30:00', '2026-12-12T02:30:00']],
    ['*/15', ['2026-11-26T12:15:00', '2026-11-26T12:30:00', '2026-11-26T12:45:00']],
    ['mon..fri 21:00', ['2026-11-26T21:00:00', '2026-11-27T21:00:00', '2026-11-30T21:00:00']],
    ['mon,wed,fri 8..9,22:0/30', ['2026-11-27T08:00:00', '2026-11-27T08:30:00', '2026-11-27T09:00:00']],
    ['*-1..7 04:00', ['2026-12-01T04:00:00', '2026-12-02T04:00:00', '2026-12-03T04:00:00']],
    ['sat *-1..7 15:00', ['2026-12-05T15:00:00', '2027-01-02T15:00:00', '2027-02-06T15:00:00']],
    ['2027-2-29', []],
    ['*-2-29 06:00', ['2028-02-29T06:00:00', '2032-02-29T06:00:00', '2036-02-29T06:00:00']],
    ['2015-10-21', []],
    ['30', ['2026-11-26T12:30:00', '2026-11-26T13:30:00', '2026-11-26T14:30:00']],
    ['sun', ['2026-11-29T00:00:00', '2026-12-06T00:00:00', '2026-12-13T00:00:00']],
    ['fri..sun 1', ['2026-11-27T00:01:00', '2026-11-27T01:01:00', '2026-11-27T02:01:00']],
    ['23:59:58', ['2026-11-26T23:59:58', '2026-11-27T23:59:58', '2026-11-28T23:59:58']],
  ])('%s', (text, expected) => {
    expect(runs(text)).toEqual(expected);
  });

  it.each([
    ['minutely', 60],
    ['hourly', 3600],
    ['daily', 86_400],
    ['weekly', 7 * 86_400],
  ])('%s comes round', (text, seconds) => {
    const event = parseCalendarEvent(text);
    const first = nextEvent(event, at('2026-06-01T00:00:01')) ?? 0;
    expect((nextEvent(event, first) ?? 0) - first).toBe(seconds);
  });

  it('is never at the moment asked from', () => {
    expect(runs('12:00')[0]).toBe('2026-11-27T12:00:00');
  });

  it.each([
    '',
    ' ',
    'sat 25:00',
    'fri..mon',
    '61',
    '1/0',
    'x',
    'mon 1 2',
    '1..',
    '2026-13-01',
    '5..1',
    '1:2:3:4',
    'su 1',
  ])("refuses '%s'", (text) => {
    expect(() => parseCalendarEvent(text)).toThrow(CalendarError);
  });
});
