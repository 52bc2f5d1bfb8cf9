/** The log of a node, which holds what its tasks said: as numbered lines, and as the journal with its cursors. */
import { createHash } from 'node:crypto';
import type { Call, Handlers } from '../http/call.js';
import { localTime } from '../tasks/local-time.js';
import { describeTask } from '../tasks/tasks.js';

interface Entry {
  /** Unix seconds. */
  readonly time: number;
  readonly text: string;
}

const TASKS = 500;
const PAGE = 50;
const SOURCE = 'pvedaemon';
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

/** `Nov 26 18:05:09` */
function stamp(seconds: number): string {
  const date = new Date(seconds * 1000);
  return `${MONTHS[date.getMonth()]} ${String(date.getDate()).padStart(2, '0')} ${localTime(seconds * 1000).slice(11)}`;
}

/** Oldest first. */
function entries(call: Call): Entry[] {
  const found: Entry[] = [];
  const records = call.lab.tasks.list().filter((record) => describeTask(record).node === call.node);
  for (const record of records.slice(0, TASKS)) {
    const { pid, user, starttime } = describeTask(record);
    const add = (time: number, text: string) =>
      found.push({ time, text: `${stamp(time)} ${call.node} ${SOURCE}[${pid}]: <${user}> ${text}` });
    add(starttime, `starting task ${record.upid}`);
    if (record.status !== undefined) add(record.endtime ?? starttime, `end task ${record.upid} ${record.status}`);
  }
  return found.sort((left, right) => left.time - right.time);
}

/** A date, with or without a time of day, as seconds. */
const moment = (text: string | undefined) =>
  text === undefined
    ? undefined
    : Math.floor(new Date(text.includes(' ') ? text.replace(' ', 'T') : `${text}T00:00`).getTime() / 1000);

function between(all: readonly Entry[], since: number | undefined, until: number | undefined): Entry[] {
  return all.filter(({ time }) => (since === undefined || time >= since) && (until === undefined || time <= until));
}

function syslog(call: Call): unknown {
  const service = call.text('service');
  const all =
    service && service !== SOURCE ? [] : between(entries(call), moment(call.text('since')), moment(call.text('until')));
  call.extra.total = Math.max(1, all.length);
  if (all.length === 0) return [{ n: 1, t: 'no content' }];
  const start = call.number('start') ?? 0;
  return all
    .slice(start, start + (call.number('limit') || PAGE))
    .map(({ text }, index) => ({ n: start + index + 1, t: text }));
}

const cursorOf = (call: Call, entry: Entry) =>
  `s=${createHash('md5').update(`${call.lab.name}/${call.node}`).digest('hex')};t=${entry.time.toString(16)};x=${createHash(
    'md5',
  )
    .update(entry.text)
    .digest('hex')
    .slice(0, 16)}`;

/** The first and the last line tell where to go on before and after. */
function journal(call: Call): unknown {
  call.extra.success = 1;
  let all = between(entries(call), call.number('since'), call.number('until'));
  const at = (name: string) => all.findIndex((entry) => cursorOf(call, entry) === call.text(name));
  if (call.text('startcursor') !== undefined) all = all.slice(at('startcursor') + 1);
  if (call.text('endcursor') !== undefined) all = all.slice(0, Math.max(0, at('endcursor')));
  const last = call.number('lastentries');
  if (last) all = all.slice(-last);
  const [first] = all;
  const end = all.at(-1);
  if (!first || !end) return [];
  return [cursorOf(call, first), ...all.map(({ text }) => text), cursorOf(call, end)];
}

export const nodeLogHandlers: Handlers = {
  'GET /nodes/{node}/syslog': syslog,
  'GET /nodes/{node}/journal': journal,
};
