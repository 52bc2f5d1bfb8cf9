/** /cluster/backup: jobs, what they cover, what nobody covers, and when a schedule would run. */
import { randomUUID } from 'node:crypto';
import { disksOf } from '../guests/disks.js';
import { nameOf } from '../guests/status.js';
import { fail, forbidden, lockedWith, parameterError } from '../http/api-error.js';
import type { Call, Handlers } from '../http/call.js';
import { splitList } from '../schema/formats.js';
import { keysOf, parsePropertyString } from '../schema/property-string.js';
import { methodOf } from '../schema/schema.js';
import type { Guest } from '../state/model.js';
import { type BackupJob, includedGuests, jobsOf } from './backup-job.js';
import { nextEvent, parseCalendarEvent } from './calendar-event.js';
import { forgetClock, restartClock } from './job-scheduler.js';

const ALL_DAYS = 'mon,tue,wed,thu,fri,sat,sun';
const NOT_KEPT = new Set(['id', 'delete', 'starttime', 'dow', 'digest']);

function jobOf(call: Call): BackupJob {
  const job = call.lab.journal.get<BackupJob>('backup-job', call.need('id'));
  if (!job) throw parameterError({ id: `No such job '${call.need('id')}'` });
  return job;
}

/** Older clients send a time of day and days of the week. */
function scheduleOf(call: Call, required: boolean): string | undefined {
  const schedule = call.text('schedule');
  const start = call.text('starttime');
  if (schedule !== undefined && start !== undefined)
    throw parameterError({ starttime: "'starttime' and 'schedule' cannot both be set" });
  if (schedule !== undefined || start === undefined) {
    if (schedule === undefined && required)
      throw parameterError({ schedule: "neither 'starttime' nor 'schedule' were set" });
    return schedule;
  }
  const days = splitList(call.text('dow') ?? '').join(',');
  return days === '' || days === ALL_DAYS ? start : `${days} ${start}`;
}

function checkRights(call: Call, given: BackupJob): void {
  if (call.caller.isRoot) return;
  for (const key of ['tmpdir', 'dumpdir', 'script', 'job-id'])
    if (given[key] !== undefined) throw parameterError({ [key]: 'Only root may set this option.' });
  if (['bwlimit', 'ionice', 'performance'].some((key) => given[key] !== undefined)) call.demand('/', ['Sys.Modify']);
}

function checkPool(call: Call): void {
  const pool = call.text('pool');
  if (pool === undefined) return;
  if (!call.lab.directory.pools.has(pool)) throw forbidden(`pool '${pool}' does not exist`);
  call.demand(`/pool/${pool}`, ['VM.Backup']);
}

function checkStorage(call: Call, storage: unknown): void {
  if (!call.caller.isRoot) call.demand(`/storage/${String(storage ?? 'local')}`, ['Datastore.Allocate']);
}

/** Throws where two ways to name guests are mixed, or none is there. */
function checkSelection(job: BackupJob, complete: boolean): void {
  for (const key of ['all', 'exclude', 'pool'])
    if (job[key] && job.vmid) throw parameterError({ [key]: "option conflicts with option 'vmid'" });
  if (job.exclude !== undefined && !job.pool) job.all = 1;
  if (complete && !job.all && !job.stop && !job.pool && !job.vmid)
    throw parameterError({ vmid: 'property is missing' });
}

function given(call: Call): BackupJob {
  const job: BackupJob = {};
  for (const [key, value] of Object.entries(call.parameters)) if (!NOT_KEPT.has(key)) job[key] = value;
  return job;
}

function create(call: Call): void {
  const entry = given(call);
  checkRights(call, entry);
  checkStorage(call, entry.storage);
  checkPool(call);
  const schedule = scheduleOf(call, true) ?? '';
  const id = call.text('id') ?? randomUUID();
  if (call.lab.journal.get('backup-job', id) !== undefined) throw fail(`Job '${id}' already exists`);
  const job: BackupJob = { ...entry, schedule, enabled: entry.enabled ?? 1 };
  lockedWith(undefined, () => checkSelection(job, true));
  call.lab.journal.put('backup-job', id, job);
  restartClock(call.lab, id);
}

function update(call: Call): void {
  const id = call.need('id');
  const entry = given(call);
  checkRights(call, entry);
  if (entry.storage !== undefined) checkStorage(call, entry.storage);
  checkPool(call);
  const schedule = scheduleOf(call, false);
  if (schedule !== undefined) entry.schedule = schedule;
  const gone = splitList(call.text('delete') ?? '');
  lockedWith(undefined, () => change(call, id, entry, gone));
}

function change(call: Call, id: string, entry: BackupJob, gone: readonly string[]): void {
  if (Object.keys(entry).length === 0 && gone.length === 0) throw fail('no options specified');
  checkSelection(entry, false);
  const before = call.lab.journal.get<BackupJob>('backup-job', id);
  if (!before) throw fail('no such vzdump job');
  checkStorage(call, before.storage);
  const known = methodOf('POST', '/nodes/{node}/vzdump').parameters;
  const unknown = gone.find((key) => !known.has(key) && key !== 'comment' && key !== 'repeat-missed');
  if (unknown !== undefined) throw parameterError({ delete: `unknown option '${unknown}'` });
  const job: BackupJob = { ...before };
  for (const key of gone) delete job[key];
  Object.assign(job, entry);
  if (job.exclude !== undefined && job.pool === undefined) job.all = 1;
  // The newest way to name guests takes the others away.
  const others =
    entry.vmid !== undefined
      ? ['all', 'exclude', 'pool']
      : entry.all
        ? ['vmid', 'pool']
        : job.pool
          ? ['vmid', 'all', 'exclude']
          : [];
  for (const key of others) delete job[key];
  checkSelection(job, true);
  call.lab.journal.put('backup-job', id, job);
  if (job.schedule !== before.schedule || job.enabled !== before.enabled) restartClock(call.lab, id);
}

/** Property strings come back taken apart. */
function shown(id: string, job: BackupJob): Record<string, unknown> {
  const parameters = methodOf('POST', '/cluster/backup').parameters;
  const row: Record<string, unknown> = { id, type: 'vzdump', ...job };
  for (const key of ['prune-backups', 'fleecing', 'performance']) {
    const property = parameters.get(key);
    const keys = property && keysOf(property);
    if (typeof job[key] === 'string' && keys) row[key] = parsePropertyString(keys, job[key]);
  }
  return row;
}

function list(call: Call): unknown {
  const now = Math.floor(call.lab.now() / 1000);
  return jobsOf(call.lab).map(([id, job]) => {
    const next = job.schedule ? nextEvent(parseCalendarEvent(String(job.schedule)), now) : undefined;
    return { ...shown(id, job), ...(next === undefined ? {} : { 'next-run': next }) };
  });
}

/** Of each volume, whether a backup takes it and why. */
function volumesOf(guest: Guest): Record<string, unknown>[] {
  return disksOf(guest.type, guest.config)
    .filter((disk) => !disk.key.startsWith('unused'))
    .map((disk) => {
      const [included, reason] =
        guest.type === 'qemu'
          ? disk.isCdrom
            ? [0, 'CD-ROM']
            : disk.values.backup === '0'
              ? [0, 'backup=no']
              : [1, 'enabled']
          : disk.key === 'rootfs'
            ? [1, 'rootfs']
            : disk.file.startsWith('/')
              ? [0, disk.file.startsWith('/dev/') ? 'not a volume (device)' : 'not a volume (bind mount)']
              : disk.values.backup === '1'
                ? [1, 'enabled']
                : [0, 'disabled'];
      return { id: `${guest.vmid}:${disk.key}`, name: disk.file, included, reason, leaf: 1 };
    });
}

function includedVolumes(call: Call): unknown {
  const { guests, gone } = includedGuests(call.lab, jobOf(call));
  const visible = (vmid: number) => call.can(`/vms/${vmid}`, ['VM.Audit']);
  return {
    children: [
      ...guests
        .filter((guest) => visible(guest.vmid))
        .map((guest) => {
          const children = volumesOf(guest);
          return {
            id: guest.vmid,
            type: guest.type,
            name: nameOf(guest),
            children,
            leaf: children.length === 0 ? 1 : 0,
          };
        }),
      ...gone.filter(visible).map((id) => ({ id, type: 'unknown', leaf: 1 })),
    ],
  };
}

function notBackedUp(call: Call): unknown {
  const covered = new Set(
    jobsOf(call.lab).flatMap(([, job]) => includedGuests(call.lab, job).guests.map((guest) => guest.vmid)),
  );
  return [...call.lab.state.guests.values()]
    .filter((guest) => !covered.has(guest.vmid) && call.can(`/vms/${guest.vmid}`, ['VM.Audit']))
    .map((guest) => {
      const name = guest.type === 'qemu' ? guest.config.name : guest.config.hostname;
      return { vmid: guest.vmid, type: guest.type, ...(name === undefined ? {} : { name }) };
    });
}

/** As Perl writes it: `Thu Nov 26 14:04:01 2026`. */
function gmtime(seconds: number): string {
  const [day = '', date = '', month = '', year = '', time = ''] = new Date(seconds * 1000)
    .toUTCString()
    .replace(',', '')
    .split(' ');
  return `${day} ${month} ${String(Number(date)).padStart(2)} ${time} ${year}`;
}

function analyze(call: Call): unknown {
  const event = parseCalendarEvent(call.need('schedule'));
  const result: { timestamp: number; utc: string }[] = [];
  let last = call.number('starttime') ?? Math.floor(call.lab.now() / 1000);
  while (result.length < (call.number('iterations') ?? 10)) {
    const next = nextEvent(event, last);
    if (next === undefined) break;
    result.push({ timestamp: next, utc: gmtime(next) });
    last = next;
  }
  return result;
}

export const backupJobHandlers: Handlers = {
  'GET /cluster/backup': list,
  'POST /cluster/backup': create,
  'GET /cluster/backup/{id}': (call) => shown(call.need('id'), jobOf(call)),
  'PUT /cluster/backup/{id}': update,
  'DELETE /cluster/backup/{id}': (call) => {
    lockedWith(undefined, () => jobOf(call));
    call.lab.journal.delete('backup-job', call.need('id'));
    forgetClock(call.lab, call.need('id'));
  },
  'GET /cluster/backup/{id}/included_volumes': includedVolumes,
  'GET /cluster/backup-info': () => [{ subdir: 'not-backed-up' }],
  'GET /cluster/backup-info/not-backed-up': notBackedUp,
  'GET /cluster/jobs': () => [{ subdir: 'schedule-analyze' }, { subdir: 'realm-sync' }],
  'GET /cluster/jobs/schedule-analyze': analyze,
};
