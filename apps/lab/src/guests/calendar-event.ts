/** Schedules as Proxmox writes them (`mon..fri 02:30`, `*-1 03:00`, `0/15`), after systemd's calendar events: when is the next one? */

const WEEKDAYS = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'];
const NAMED: Readonly<Record<string, string>> = {
  minutely: '*:*',
  hourly: '*:0',
  daily: '0:0',
  weekly: 'mon 0:0',
  monthly: '*-*-1 0:0',
  yearly: '*-1-1 0:0',
  annually: '*-1-1 0:0',
  quarterly: '*-1,4,7,10-1 0:0',
  semiannually: '*-1,7-1 0:0',
  'semi-annually': '*-1,7-1 0:0',
};
/** Years looked ahead: a 29th of February comes within eight. */
const YEARS = 9;

type Test = (value: number) => boolean;

/** `*`, `5`, `1..7`, `0/15`, `8..18/2` and lists of them. Undefined where it is none of these. */
function fieldOf(text: string): Test | undefined {
  const tests: Test[] = [];
  for (const part of text.split(',')) {
    const [, from = '', to, step] = /^(\*|\d+)(?:\.\.(\d+))?(?:\/(\d+))?$/.exec(part) ?? [];
    if (from === '' || step === '0') return undefined;
    const low = from === '*' ? 0 : Number(from);
    const high = to !== undefined ? Number(to) : from === '*' || step !== undefined ? Number.POSITIVE_INFINITY : low;
    tests.push((value) => value >= low && value <= high && (value - low) % Number(step ?? 1) === 0);
  }
  return (value) => tests.some((test) => test(value));
}

function weekdaysOf(text: string): Test | undefined {
  const days = new Set<number>();
  for (const part of text.split(',')) {
    const [from = -1, to = from] = part.split('..').map((name) => WEEKDAYS.indexOf(name.slice(0, 3)));
    if (from < 0 || to < 0) return undefined;
    for (let day = from; ; day = (day + 1) % 7) {
      days.add(day);
      if (day === to) break;
    }
  }
  return (value) => days.has(value);
}

interface Event {
  readonly weekday: Test;
  readonly year: Test;
  readonly month: Test;
  readonly day: Test;
  readonly hour: Test;
  readonly minute: Test;
}

function parse(text: string): Event | undefined {
  const lower = text.trim().toLowerCase();
  const parts = (NAMED[lower] ?? lower).split(/\s+/);
  const any: Test = () => true;
  const weekday = /^[a-z]/.test(parts[0] ?? '') ? weekdaysOf(parts.shift() ?? '') : any;
  const [day = '*', month = '*', year = '*'] = parts[0]?.includes('-')
    ? (parts.shift() ?? '').split('-').reverse()
    : [];
  // A time of one number only is minutes of every hour; seconds, where there are some, count as 0.
  const [hour = '0', minute = '0'] =
    parts.length === 0 ? [] : parts[0]?.includes(':') ? parts[0].split(':') : ['*', parts[0]];
  const event = {
    weekday,
    year: fieldOf(year),
    month: fieldOf(month),
    day: fieldOf(day),
    hour: fieldOf(hour),
    minute: fieldOf(minute),
  };
  if (parts.length > 1 || Object.values(event).some((one) => one === undefined)) return undefined;
  return event as Event;
}

/** Unix seconds of the first event after `after` (Unix seconds), in local time. Undefined for none, or what is no schedule. */
export function nextEvent(schedule: string, after: number): number | undefined {
  const event = parse(schedule);
  if (!event) return undefined;
  const at = new Date(after * 1000);
  at.setSeconds(0, 0);
  at.setMinutes(at.getMinutes() + 1);
  const last = at.getFullYear() + YEARS;
  while (at.getFullYear() <= last) {
    const isDay =
      event.weekday(at.getDay()) &&
      event.day(at.getDate()) &&
      event.month(at.getMonth() + 1) &&
      event.year(at.getFullYear());
    if (!isDay) at.setHours(24, 0, 0, 0);
    else if (!event.hour(at.getHours())) at.setHours(at.getHours() + 1, 0, 0, 0);
    else if (!event.minute(at.getMinutes())) at.setMinutes(at.getMinutes() + 1);
    else return at.getTime() / 1000;
  }
  return undefined;
}
