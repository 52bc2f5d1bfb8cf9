/** Backup jobs: kept, listed and purged. */

import { randomBytes } from 'node:crypto';
import { fail, parameterError } from '../http/api-error.js';
import type { Call, Handlers } from '../http/call.js';
import { splitList } from '../schema/formats.js';
import { disksOf } from './disks.js';
import { nameOf } from './status.js';

type Job = Record<string, string | number>;

function jobOf(call: Call): Job {
  const job = call.lab.journal.get<Job>('backup-job', call.need('id'));
  if (!job) throw parameterError({ id: `No such job '${call.need('id')}'` });
  return job;
}

function givenJob(call: Call): Job {
  const job: Job = {};
  for (const [key, value] of Object.entries(call.parameters))
    if (!['id', 'delete', 'node'].includes(key) && !Array.isArray(value)) job[key] = value;
  return job;
}

export const backupHandlers: Handlers = {
  'GET /cluster/backup': (call) =>
    [...call.lab.journal.entries<Job>('backup-job')].map(([id, job]) => ({ id, type: 'vzdump', ...job })),
  'POST /cluster/backup': (call) => {
    const id = call.text('id') ?? `backup-${randomBytes(4).toString('hex')}-${randomBytes(2).toString('hex')}`;
    if (call.lab.journal.get('backup-job', id) !== undefined) throw fail(`Job '${id}' already exists`);
    const job = givenJob(call);
    if (job.all === undefined && job.vmid === undefined && job.pool === undefined)
      throw parameterError({ vmid: 'property is missing and it is not optional' });
    call.lab.journal.put('backup-job', id, { enabled: 1, ...job });
  },
  'GET /cluster/backup/{id}': (call) => ({ id: call.need('id'), type: 'vzdump', ...jobOf(call) }),
  'PUT /cluster/backup/{id}': (call) => {
    const job = { ...jobOf(call), ...givenJob(call) };
    for (const key of splitList(call.text('delete') ?? '')) delete job[key];
    call.lab.journal.put('backup-job', call.need('id'), job);
  },
  'DELETE /cluster/backup/{id}': (call) => {
    jobOf(call);
    call.lab.journal.delete('backup-job', call.need('id'));
  },
  'GET /cluster/backup/{id}/included_volumes': (call) => {
    const job = jobOf(call);
    const wanted = splitList(String(job.vmid ?? '')).map(Number);
    const guests = [...call.lab.state.guests.values()].filter((guest) => job.all === 1 || wanted.includes(guest.vmid));
    return {
      children: guests.map((guest) => ({
        id: guest.vmid,
        name: nameOf(guest),
        type: guest.type,
        children: disksOf(guest.type, guest.config).map((disk) => ({
          id: disk.key,
          name: disk.file,
          included: disk.isCdrom || disk.values.backup === '0' ? 0 : 1,
          reason: disk.isCdrom ? 'CD-ROM' : 'enabled',
        })),
      })),
    };
  },
  'GET /cluster/backup-info/not-backed-up': (call) => {
    const jobs = [...call.lab.journal.entries<Job>('backup-job')].map(([, job]) => job);
    if (jobs.some((job) => job.all === 1)) return [];
    const covered = new Set(jobs.flatMap((job) => splitList(String(job.vmid ?? '')).map(Number)));
    return [...call.lab.state.guests.values()]
      .filter((guest) => !covered.has(guest.vmid))
      .map((guest) => ({ vmid: guest.vmid, name: nameOf(guest), type: guest.type }));
  },
};
