/** /nodes/{node}/tasks: list with filters, status, log, abort. */
import { parameterError } from '../http/api-error.js';
import type { Call, Handlers } from '../http/call.js';
import { splitList } from '../schema/formats.js';
import { logPage } from './log-page.js';
import { describeTask, type TaskRecord } from './tasks.js';
import { parseUpid } from './upid.js';

const isOk = (status: string) => status === 'OK';
const isWarning = (status: string) => /^WARNINGS: \d+$/.test(status);

function kindOf(status: string | undefined): 'ok' | 'warning' | 'error' | 'unknown' {
  // One that runs has no status yet.
  if (status === undefined) return 'unknown';
  if (isOk(status)) return 'ok';
  if (isWarning(status)) return 'warning';
  return status === 'unexpected status' || status.startsWith('unable to read tail') ? 'unknown' : 'error';
}

/** A token sees what it started itself, a user also what his tokens did. */
const isOwn = (call: Call, task: { readonly user: string; readonly owner: string }) =>
  call.caller.id === task.user || call.caller.id === task.owner;

function list(call: Call): unknown {
  const source = call.text('source') ?? 'archive';
  const all = call.can(`/nodes/${call.node}`, ['Sys.Audit']);
  const filter = splitList((call.text('statusfilter') ?? '').toLowerCase());
  const since = call.number('since');
  const until = call.number('until');
  const vmid = call.text('vmid');
  const type = call.text('typefilter');
  const user = call.text('userfilter')?.toLowerCase();
  const rows: Record<string, unknown>[] = [];
  for (const record of call.lab.tasks.list()) {
    const task = describeTask(record);
    const running = record.status === undefined;
    if (task.node !== call.node) continue;
    const who = running ? task.user : task.owner;
    if (!all && !isOwn(call, task)) continue;
    if (source === 'active' ? !running : source === 'archive' && running) continue;
    if (vmid !== undefined && task.id !== vmid) continue;
    if (type !== undefined && task.type !== type) continue;
    if (user !== undefined && !who.toLowerCase().includes(user)) continue;
    if (since !== undefined && task.starttime < since) continue;
    if (until !== undefined && task.starttime > until) continue;
    const kind = kindOf(record.status);
    if (call.flag('errors') ? kind === 'ok' : filter.length > 0 && !filter.includes(kind)) continue;
    rows.push({
      upid: record.upid,
      node: task.node,
      pid: task.pid,
      pstart: task.pstart,
      starttime: task.starttime,
      type: task.type,
      id: task.id,
      // While a task runs its user holds the token as well.
      user: running ? task.user : task.owner,
      ...(task.tokenid ? { tokenid: task.tokenid } : {}),
      ...(running ? { status: 'RUNNING' } : { status: record.status, endtime: record.endtime }),
    });
  }
  call.extra.total = rows.length;
  const start = call.number('start') ?? 0;
  return rows.slice(start, start + (call.number('limit') ?? 50));
}

/** The task under this node's path. Somebody else's is shown only to who may audit the node. */
function existing(call: Call, privilege = 'Sys.Audit'): TaskRecord {
  const record = lookedUp(call, privilege);
  if (!record) throw parameterError({ upid: 'no such task' });
  return record;
}

function lookedUp(call: Call, privilege: string, checkFirst = false): TaskRecord | undefined {
  const text = call.need('upid');
  const upid = parseUpid(text);
  if (!upid) throw parameterError({ upid: 'unable to parse worker upid' });
  const record = upid.node === call.node ? call.lab.tasks.get(text) : undefined;
  if (!record && !checkFirst) return undefined;
  if (!isOwn(call, { user: upid.user, owner: upid.user.split('!')[0] ?? '' }))
    call.demand(`/nodes/${call.node}`, [privilege]);
  return record;
}

function status(call: Call): unknown {
  const record = existing(call);
  const task = describeTask(record);
  return {
    upid: record.upid,
    node: task.node,
    pid: task.pid,
    pstart: task.pstart,
    starttime: task.starttime,
    type: task.type,
    id: task.id,
    user: task.owner,
    ...(task.tokenid ? { tokenid: task.tokenid } : {}),
    status: record.status === undefined ? 'running' : 'stopped',
    ...(record.status === undefined ? {} : { exitstatus: record.status }),
  };
}

const log = (call: Call) => logPage(call, lookedUp(call, 'Sys.Audit', true)?.log);

export const taskHandlers: Handlers = {
  'GET /nodes/{node}/tasks': list,
  'GET /nodes/{node}/tasks/{upid}': () => [{ name: 'log' }, { name: 'status' }],
  'GET /nodes/{node}/tasks/{upid}/status': status,
  'GET /nodes/{node}/tasks/{upid}/log': log,
  'DELETE /nodes/{node}/tasks/{upid}': (call) => {
    call.lab.tasks.abort(existing(call, 'Sys.Modify').upid);
    return null;
  },
};
