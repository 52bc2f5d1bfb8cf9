/**
 * Calendar events of Proxmox, a subset of systemd's: `daily`, `sat 02:30`, `mon..fri 8..17:0/15`, `*-1..7 04:00`.
 * Local time, unless the text ends with `UTC`.
 */
type Unit = 'year' | 'month' | 'day' | 'hour' | 'minute' | 'second';

export interface CalendarEvent {
  /** 0 is Sunday; empty: every day. */
  readonly weekdays: ReadonlySet<number>;
  /** Sorted values of each unit; empty: all of them. */
  readonly values: Readonly<Record<Unit, readonly number[]>>;
  readonly utc: boolean;
}

export class CalendarError extends Error {
  override readonly name = 'CalendarError';
}

const BOUNDS: Readonly<Record<Unit, readonly [number, number]>> = {
  year: [1970, 2200],
  month: [1, 12],
  day: [1, 31],
  hour: [0, 23],
  minute: [0, 59],
  second: [0, 59],
};
const WEEKDAYS = ['sunday', 'monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday'];
const SHORTHANDS: Readonly<Record<string, string>> = {
  minutely: '*-*-* *:*:00',
  hourly: '*-*-* *:00:00',
  daily: '*-*-* 00:00:00',
  weekly: 'mon *-*-* 00:00:00',
  monthly: '*-*-01 00:00:00',
  yearly: '*-01-01 00:00:00',
  annually: '*-01-01 00:00:00',
  quarterly: '*-01,04,07,10-01 00:00:00',
  semiannually: '*-01,07-01 00:00:00',
  'semi-annually': '*-01,07-01 00:00:00',
};

function weekday(text: string): number {
  const found = text.length < 3 ? -1 : WEEKDAYS.findIndex((day) => day.startsWith(text.toLowerCase()));
  if (found < 0) throw new CalendarError(`unable to parse weekday '${text}'`);
  return found;
}

function parseWeekdays(text: string): Set<number> {
  const days = new Set<number>();
  for (const part of text.split(',')) {
    const [from = '', to] = part.split('..');
    const first = weekday(from);
    let last = to === undefined ? first : weekday(to);
    // A week may also end with its Sunday.
    if (last === 0 && first > 0) last = 7;
    if (last < first) throw new CalendarError(`wrong order in range '${part}'`);
    for (let day = first; day <= last; day += 1) days.add(day % 7);
  }
  return days;
}

/** `*`, `5`, `1..5`, `0/15` and lists of them; empty stands for all. */
function parseValues(text: string, unit: Unit): number[] {
  const [lowest, highest] = BOUNDS[unit];
  const values = new Set<number>();
  for (const part of text.split(',')) {
    const [, star, from, to, step] = /^(?:(\*)|(\d{1,4})(?:\.\.(\d{1,4}))?)(?:\/(\d{1,4}))?$/.exec(part) ?? [];
    if (star === undefined && from === undefined) throw new CalendarError(`unable to parse ${unit} '${part}'`);
    if (star && step === undefined) return [];
    const first = star ? lowest : Number(from);
    const last = to !== undefined ? Number(to) : step === undefined ? first : highest;
    if (first < lowest || first > highest || last > highest)
      throw new CalendarError(`${unit} '${part}' is out of range (${lowest} to ${highest})`);
    if (last < first) throw new CalendarError(`wrong order in range '${part}'`);
    const by = step === undefined ? 1 : Number(step);
    if (by < 1) throw new CalendarError(`a repetition of ${unit} must be at least 1`);
    for (let value = first; value <= last; value += by) values.add(value);
  }
  return [...values].sort((left, right) => left - right);
}

/** Throws CalendarError. */
export function parseCalendarEvent(source: string): CalendarEvent {
  const trimmed = source.trim();
  if (trimmed === '') throw new CalendarError('unable to parse calendar event - event is empty');
  let text = SHORTHANDS[trimmed.toLowerCase()] ?? trimmed;
  const utc = /\s+UTC$/i.test(text);
  if (utc) text = text.replace(/\s+UTC$/i, '');
  const parts = text.split(/\s+/);
  const weekdays = /^[a-z]/i.test(parts[0] ?? '') ? parseWeekdays(parts.shift() ?? '') : new Set<number>();
  let date = ['*', '*', '*'];
  if (/^[\d*.,/]+-/.test(parts[0] ?? '')) {
    const fields = (parts.shift() ?? '').split('-');
    if (fields.length > 3) throw new CalendarError(`unable to parse date of '${source}'`);
    date = fields.length === 2 ? ['*', ...fields] : fields;
  }
  const time = parts.shift();
  if (parts.length > 0) throw new CalendarError(`unable to parse calendar event - trailing data '${parts.join(' ')}'`);
  // Without hours a time means minutes of every hour; a date or weekday alone means midnight.
  const fields = time === undefined ? ['0', '0', '0'] : time.split(':');
  if (fields.length > 3) throw new CalendarError(`unable to parse time '${time}'`);
  const [hour = '*', minute = '0', second = '0'] = fields.length === 1 ? ['*', ...fields] : fields;
  return {
    weekdays,
    values: {
      year: parseValues(date[0] ?? '*', 'year'),
      month: parseValues(date[1] ?? '*', 'month'),
      day: parseValues(date[2] ?? '*', 'day'),
      hour: parseValues(hour, 'hour'),
      minute: parseValues(minute, 'minute'),
      second: parseValues(second, 'second'),
    },
    utc,
  };
}

const UNITS: readonly Unit[] = ['year', 'month', 'day', 'hour', 'minute', 'second'];
type Moment = [year: number, month: number, day: number, hour: number, minute: number, second: number];

const secondsOf = ([year, month, day, hour, minute, second]: Moment, utc: boolean) =>
  Math.floor(
    (utc
      ? Date.UTC(year, month - 1, day, hour, minute, second)
      : new Date(year, month - 1, day, hour, minute, second).getTime()) / 1000,
  );

function momentOf(seconds: number, utc: boolean): Moment {
  const date = new Date(seconds * 1000);
  return utc
    ? [
        date.getUTCFullYear(),
        date.getUTCMonth() + 1,
        date.getUTCDate(),
        date.getUTCHours(),
        date.getUTCMinutes(),
        date.getUTCSeconds(),
      ]
    : [date.getFullYear(), date.getMonth() + 1, date.getDate(), date.getHours(), date.getMinutes(), date.getSeconds()];
}

/** Start of the next year, month … after the moment: everything smaller begins anew. */
function advanced(moment: Moment, index: number, value: number, utc: boolean): number {
  const next: Moment = [...moment];
  next[index] = value;
  for (let smaller = index + 1; smaller < 6; smaller += 1) next[smaller] = smaller < 3 ? 1 : 0;
  return secondsOf(next, utc);
}

/** What to try after `seconds`, or undefined where they fit. */
function later(event: CalendarEvent, seconds: number): number | undefined {
  const moment = momentOf(seconds, event.utc);
  for (const [index, unit] of UNITS.entries()) {
    const values = event.values[unit];
    const present = moment[index] ?? 0;
    if (values.length > 0 && !values.includes(present)) {
      const next = values.find((value) => value > present);
      if (next !== undefined) return advanced(moment, index, next, event.utc);
      return index === 0 ? Number.NaN : advanced(moment, index - 1, (moment[index - 1] ?? 0) + 1, event.utc);
    }
    if (unit !== 'day' || event.weekdays.size === 0) continue;
    const date = new Date(seconds * 1000);
    if (!event.weekdays.has(event.utc ? date.getUTCDay() : date.getDay()))
      return advanced(moment, index, present + 1, event.utc);
  }
  return undefined;
}

/** Unix seconds of the first event after `last`; undefined where there is none (`2012-*-*`, the 30th of February). */
export function nextEvent(event: CalendarEvent, last: number): number | undefined {
  let seconds = Math.floor(last) + 1;
  for (let attempt = 0; attempt < 1000; attempt += 1) {
    const next = later(event, seconds);
    if (next === undefined) return seconds;
    if (Number.isNaN(next)) return undefined;
    // The hour that summer time leaves out does not lead back.
    seconds = next > seconds ? next : seconds + 3600;
  }
  return undefined;
}
