/** vzdump by hand and by job. */

import { randomBytes } from 'node:crypto';
import { rmSync } from 'node:fs';
import { fail, parameterError } from '../http/api-error.js';
import type { Call, Handlers } from '../http/call.js';
import type { Lab } from '../lab.js';
import { splitList } from '../schema/formats.js';
import { parsePropertyString } from '../schema/property-string.js';
import { formatKeys } from '../schema/schema.js';
import { type Guest, volumeId } from '../state/model.js';
import { prune } from '../storage/prune.js';
import { contentOf, loadStorage } from '../storage/storages.js';
import type { TaskContext } from '../tasks/tasks.js';
import { backupGuest, backupPath } from './backup.js';
import { nextEvent } from './calendar-event.js';
import { disksOf } from './disks.js';
import { nameOf } from './status.js';

function selected(call: Call): Guest[] {
  const { lab } = call;
  const excluded = new Set(splitList(call.text('exclude') ?? '').map(Number));
  const all = [...lab.state.guests.values()];
  const pool = call.text('pool');
  if (pool !== undefined) return all.filter((guest) => lab.directory.poolOfGuest(guest.vmid) === pool);
  if (call.flag('all')) return all.filter((guest) => !excluded.has(guest.vmid));
  const wanted = splitList(call.text('vmid') ?? '').map(Number);
  if (wanted.length === 0) throw parameterError({ vmid: 'property is missing and it is not optional' });
  return wanted.flatMap((vmid) => all.find((guest) => guest.vmid === vmid) ?? []);
}

/** Drops what the retention policy lets go, after a good backup. */
function applyRetention(lab: Lab, storage: string, guest: Guest, policy: string, task: TaskContext): void {
  const volumes = lab.state
    .volumesOfStorage(storage, guest.node)
    .filter((volume) => volume.content === 'backup' && volume.vmid === guest.vmid);
  for (const { volume, mark } of prune(volumes, parsePropertyString(formatKeys('prune-backups') ?? {}, policy))) {
    if (mark !== 'remove') continue;
    task.log(`INFO: prune older backup '${volumeId(volume)}'`);
    lab.state.deleteVolume(volume);
    rmSync(backupPath(lab, volume), { force: true });
  }
}

function fillNotes(template: string, guest: Guest, node: string, cluster: string): string {
  const facts: Readonly<Record<string, string>> = {
    cluster,
    guestname: nameOf(guest),
    node,
    vmid: String(guest.vmid),
  };
  return template.replace(/\{\{(\w+)\}\}/g, (all, name: string) => facts[name] ?? all).replaceAll('\\n', '\n');
}

function vzdump(call: Call): string {
  const { lab, node } = call;
  const storage = call.text('storage') ?? 'local';
  if (call.text('dumpdir') !== undefined || call.text('script') !== undefined || call.text('tmpdir') !== undefined) {
    if (!call.caller.isRoot) throw parameterError({ dumpdir: 'Only root may set this option.' });
    throw fail('this lab writes backups to storages only');
  }
  const record = loadStorage(lab, storage, node);
  if (!contentOf(record).includes('backup'))
    throw fail(
      `could not get storage information for '${storage}': can't use storage type '${record.type}' for backup`,
    );
  call.demand(`/storage/${storage}`, ['Datastore.AllocateSpace']);
  const guests = selected(call);
  for (const guest of guests) call.demand(`/vms/${guest.vmid}`, ['VM.Backup']);
  const policy = call.text('prune-backups') ?? (record.options['prune-backups'] as string | undefined);
  const here = guests.filter((guest) => guest.node === node);
  const single = splitList(call.text('vmid') ?? '');
  const compress = call.text('compress') ?? '0';
  const template = call.text('notes-template');
  return call.task('vzdump', single.length === 1 ? (single[0] ?? '') : '', async (task) => {
    task.log(`INFO: starting new backup job: vzdump ${single.join(' ')} --storage ${storage}`);
    const errors: string[] = [];
    if (here.length === 0 && single.length > 0) task.log(`INFO: skip external VMs: ${single.join(', ')}`);
    for (const guest of here) {
      try {
        await backupGuest(
          lab,
          guest,
          {
            storage,
            mode: call.text('mode') ?? 'snapshot',
            compress,
            protected: call.flag('protected'),
            ...(template === undefined ? {} : { notes: fillNotes(template, guest, node, lab.name) }),
          },
          task,
        );
        if (policy !== undefined && call.number('remove') !== 0) applyRetention(lab, storage, guest, policy, task);
      } catch (error) {
        task.signal.throwIfAborted();
        const text = error instanceof Error ? error.message : String(error);
        task.log(`ERROR: Backup of VM ${guest.vmid} failed - ${text}`);
        errors.push(text);
      }
    }
    task.log('INFO: Backup job finished successfully');
    if (errors.length > 0) throw new Error('job errors');
  });
}

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
  'POST /nodes/{node}/vzdump': vzdump,
  'GET /nodes/{node}/vzdump/defaults': () => ({ mode: 'snapshot', compress: '0', storage: 'local' }),
  'GET /nodes/{node}/vzdump/extractconfig': (call) => {
    const volume = call.lab.state.volume(call.node, call.need('volume'));
    if (!volume?.backup) throw fail(`volume '${call.need('volume')}' does not exist`);
    return `${Object.entries(volume.backup.config)
      .map(([key, value]) => `${key}: ${value}`)
      .join('\n')}\n`;
  },
  'GET /cluster/backup': (call) =>
    [...call.lab.journal.entries<Job>('backup-job')].map(([id, job]) => {
      const next = job.schedule === undefined ? undefined : nextEvent(String(job.schedule), call.lab.now() / 1000);
      return { id, type: 'vzdump', ...job, ...(next === undefined ? {} : { 'next-run': next }) };
    }),
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
