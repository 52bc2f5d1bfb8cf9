/** /cluster/log: what pvedaemon writes there, tasks that began and ended; newest first. */
import type { Call, Handlers } from '../http/call.js';
import { describeTask } from '../tasks/tasks.js';

const INFORMATION = 6;
const ERROR = 3;

function clusterLog(call: Call): unknown {
  const all = call.can('/', ['Sys.Syslog']);
  const max = call.number('max') ?? 50;
  const rows: Record<string, unknown>[] = [];
  for (const record of call.lab.tasks.list()) {
    const task = describeTask(record);
    if (!all && task.owner !== call.caller.userid) continue;
    const { user, node, pid } = task;
    const add = (time: number, pri: number, msg: string) =>
      rows.push({ node, pid, pri, tag: 'pvedaemon', user, msg, time });
    if (record.status !== undefined)
      add(
        record.endtime ?? task.starttime,
        record.status === 'OK' ? INFORMATION : ERROR,
        `end task ${record.upid} ${record.status}`,
      );
    add(task.starttime, INFORMATION, `starting task ${record.upid}`);
    if (rows.length > 4 * max) break;
  }
  rows.sort((left, right) => Number(right.time) - Number(left.time));
  // Numbered by age, so that a client knows what it has seen.
  return rows.slice(0, max).map((row, index) => {
    const uid = rows.length - index;
    return { ...row, uid, id: `${uid}:${String(row.node)}` };
  });
}

export const logHandlers: Handlers = { 'GET /cluster/log': clusterLog };
