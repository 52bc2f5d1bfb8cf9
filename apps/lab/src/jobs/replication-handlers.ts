/** Replication: /cluster/replication keeps the jobs, /nodes/{node}/replication tells how they do. */
import { createHash } from 'node:crypto';
import { loadGuest } from '../guests/guests.js';
import { fail, forbidden, parameterError } from '../http/api-error.js';
import type { Call, Handlers } from '../http/call.js';
import type { Lab } from '../lab.js';
import { splitList } from '../schema/formats.js';
import { logPage } from '../tasks/log-page.js';
import {
  forgetJob,
  jobsOn,
  nextSync,
  type ReplicationJob,
  replicatable,
  replicationJob,
  replicationJobs,
  runSoon,
  saveJob,
  stateOf,
} from './replication-jobs.js';

const OPTIONS = ['schedule', 'rate', 'comment', 'disable', 'remove_job', 'source'] as const;

const digestOf = (lab: Lab) =>
  createHash('sha1')
    .update(JSON.stringify(replicationJobs(lab)))
    .digest('hex');

/** `0100-01` is `100-1`. */
function idOf(call: Call): { id: string; guest: number; jobnum: number } {
  const [guest = 0, jobnum = 0] = call.need('id').split('-').map(Number);
  return { id: `${guest}-${jobnum}`, guest, jobnum };
}

const given = (call: Call): Partial<ReplicationJob> =>
  Object.fromEntries(
    OPTIONS.flatMap((key) => (call.parameters[key] === undefined ? [] : [[key, call.parameters[key]]])),
  );

function read(call: Call): unknown {
  const id = call.need('id');
  const job = replicationJob(call.lab, id);
  if (!job) throw fail(`no such replication job '${id}'`);
  call.demand(`/vms/${job.guest}`, ['VM.Audit']);
  return { ...job, id, digest: digestOf(call.lab) };
}

function create(call: Call): void {
  const { lab } = call;
  const { id, guest, jobnum } = idOf(call);
  call.demand(`/vms/${guest}`, ['VM.Replicate']);
  const target = call.need('target');
  const known = lab.state.guests.get(guest);
  if (!known) throw fail(`Guest '${guest}' does not exist.`);
  if (!lab.nodes.includes(target)) throw fail(`Target '${target}' does not exist.`);
  const source = call.text('source') ?? known.node;
  if (source !== known.node)
    throw fail(`Source '${source}' does not match current node of guest '${guest}' (${known.node})`);
  if (target === source) throw fail('Source and target must not be identical');
  if (replicatable(lab, loadGuest(lab, known.type, source, guest)).length === 0)
    throw fail('No replicatable volumes found');
  if (replicationJob(lab, id)) throw fail(`replication job '${id}' already exists`);
  saveJob(lab, id, { ...given(call), type: 'local', guest, jobnum, target, source });
}

function update(call: Call): void {
  const { id, guest } = idOf(call);
  call.demand(`/vms/${guest}`, ['VM.Replicate']);
  const digest = call.text('digest');
  if (digest && digest !== digestOf(call.lab))
    throw fail('detected modified configuration - file changed by other user? Try again.');
  const before = replicationJob(call.lab, id);
  if (!before) throw fail(`no such job '${id}'`);
  const job = { ...before, ...given(call) };
  for (const key of splitList(call.text('delete') ?? '')) {
    if (key === 'target') throw fail(`unable to delete required option '${key}'`);
    const option = OPTIONS.find((one) => one === key);
    if (!option) throw fail(`no such option '${key}'`);
    delete (job as Partial<ReplicationJob>)[option];
  }
  saveJob(call.lab, id, job);
}

function remove(call: Call): void {
  const { id, guest } = idOf(call);
  call.demand(`/vms/${guest}`, ['VM.Replicate']);
  if (call.flag('force')) {
    if (call.flag('keep')) throw parameterError({ keep: "conflicts with parameter 'force'" });
    forgetJob(call.lab, id);
    return;
  }
  const job = replicationJob(call.lab, id);
  if (!job) throw fail(`no such job '${id}'`);
  saveJob(call.lab, id, { ...job, remove_job: call.flag('keep') ? 'local' : 'full' });
}

function describe(lab: Lab, id: string, job: ReplicationJob): Record<string, unknown> {
  const { log: _, ...state } = stateOf(lab, id);
  return { ...job, id, vmtype: lab.state.guests.get(job.guest)?.type, next_sync: nextSync(lab, id, job), ...state };
}

function listOn(call: Call): unknown {
  const guest = call.number('guest');
  return jobsOn(call.lab, call.node)
    .filter(([, job]) => (guest === undefined || job.guest === guest) && call.can(`/vms/${job.guest}`, ['VM.Audit']))
    .map(([id, job]) => describe(call.lab, id, job));
}

function statusOn(call: Call): unknown {
  const id = call.need('id');
  const job = jobsOn(call.lab, call.node).find(([other]) => other === id)?.[1];
  if (!job) throw fail(`no such replication job '${id}'`);
  call.demand(`/vms/${job.guest}`, ['VM.Audit']);
  return describe(call.lab, id, job);
}

function log(call: Call): unknown {
  const id = call.need('id');
  const job = replicationJob(call.lab, id);
  if (!job) throw fail(`no such replication job '${id}'`);
  if (!call.can(`/vms/${job.guest}`, ['VM.Audit']) && !call.can(`/nodes/${call.node}`, ['Sys.Audit']))
    throw forbidden();
  const { log: lines, last_try } = stateOf(call.lab, id);
  return logPage(call, last_try === 0 && lines.length === 0 ? undefined : lines);
}

export const replicationHandlers: Handlers = {
  'GET /cluster/replication': (call) =>
    replicationJobs(call.lab)
      .filter(([, job]) => call.can(`/vms/${job.guest}`, ['VM.Audit']))
      .map(([id, job]) => ({ ...job, id })),
  'GET /cluster/replication/{id}': read,
  'POST /cluster/replication': create,
  'PUT /cluster/replication/{id}': update,
  'DELETE /cluster/replication/{id}': remove,
  'GET /nodes/{node}/replication': listOn,
  'GET /nodes/{node}/replication/{id}': () => ['schedule_now', 'log', 'status'].map((name) => ({ name })),
  'GET /nodes/{node}/replication/{id}/status': statusOn,
  'GET /nodes/{node}/replication/{id}/log': log,
  'POST /nodes/{node}/replication/{id}/schedule_now': (call) => {
    const { id, guest } = idOf(call);
    call.demand(`/vms/${guest}`, ['VM.Replicate']);
    if (!replicationJob(call.lab, id)) throw fail(`no such replication job '${id}'`);
    runSoon(call.lab, id);
  },
};
