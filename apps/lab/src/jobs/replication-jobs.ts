/**
 * Replication jobs as they are kept, what a run of one needs and leaves behind. All nodes of the lab share one machine, so a run
 * checks what a real one would fail for, and keeps its state and its log; no second copy is made.
 */
import { disksOf } from '../guests/disks.js';
import { loadGuest } from '../guests/guests.js';
import { KINDS } from '../guests/kind.js';
import { fail } from '../http/api-error.js';
import type { Lab } from '../lab.js';
import type { Guest } from '../state/model.js';
import { volumeId } from '../state/model.js';
import { loadStorage, storageConfig } from '../storage/storages.js';
import { localTime } from '../tasks/local-time.js';
import { nextEvent, parseCalendarEvent } from './calendar-event.js';

export interface ReplicationJob {
  readonly type: 'local';
  readonly guest: number;
  readonly jobnum: number;
  target: string;
  source: string;
  schedule?: string;
  rate?: number;
  comment?: string;
  disable?: number;
  remove_job?: string;
}

export interface ReplicationState {
  last_sync: number;
  last_try: number;
  fail_count: number;
  duration?: number;
  error?: string;
  log: string[];
}

const JOBS = 'replication-job';
const STATES = 'replication-state';
const NEVER: ReplicationState = { last_sync: 0, last_try: 0, fail_count: 0, log: [] };
/** When none is given. */
const EVERY_QUARTER = '*/15';

/** By id, `100-0`. */
export const replicationJobs = (lab: Lab): [string, ReplicationJob][] =>
  [...lab.journal.entries<ReplicationJob>(JOBS)].sort(([left], [right]) => (left < right ? -1 : 1));
export const replicationJob = (lab: Lab, id: string) => lab.journal.get<ReplicationJob>(JOBS, id);
export const stateOf = (lab: Lab, id: string): ReplicationState =>
  lab.journal.get<ReplicationState>(STATES, id) ?? NEVER;

export function saveJob(lab: Lab, id: string, job: ReplicationJob): void {
  const twin = replicationJobs(lab).find(
    ([other, { guest, target }]) => other !== id && guest === job.guest && target === job.target,
  );
  if (twin) throw fail(`replication job for guest '${job.guest}' to target 'local/${job.target}' already exists`);
  lab.journal.put(JOBS, id, job);
}

export function forgetJob(lab: Lab, id: string): void {
  lab.journal.delete(JOBS, id);
  lab.journal.delete(STATES, id);
}

/** As soon as possible, if it ever ran. */
export function runSoon(lab: Lab, id: string): void {
  const state = lab.journal.get<ReplicationState>(STATES, id);
  if (state) lab.journal.put(STATES, id, { ...state, last_try: 0 });
}

/** A guest that is replicated is not thrown away. */
export function checkNotReplicated(lab: Lab, vmid: number): void {
  const found = replicationJobs(lab).find(([, job]) => job.guest === vmid);
  if (found) throw fail(`There is a replication job '${found[0]}' for guest '${vmid}' - Please remove that first.`);
}

export function forgetJobsOf(lab: Lab, vmid: number): void {
  for (const [id, job] of replicationJobs(lab)) if (job.guest === vmid) forgetJob(lab, id);
}

/** Jobs of the guests on a node. Where the guest has moved, they turn round: what was the target replicates to what was the source. */
export function jobsOn(lab: Lab, node: string): [string, ReplicationJob][] {
  const found: [string, ReplicationJob][] = [];
  for (const [id, job] of replicationJobs(lab)) {
    if (lab.state.guests.get(job.guest)?.node !== node) continue;
    if (job.source !== node) {
      if (job.target === node) job.target = job.source;
      job.source = node;
      lab.journal.put(JOBS, id, job);
    }
    if (job.remove_job !== undefined || job.target !== node) found.push([id, job]);
  }
  return found;
}

/** Unix seconds; 0 is never. */
export function nextSync(lab: Lab, id: string, job: ReplicationJob): number {
  const state = stateOf(lab, id);
  if (job.remove_job !== undefined) return 1;
  if (state.fail_count > 0)
    return lab.faults.isNodeDown(job.target)
      ? 0
      : state.last_try + 60 * (state.fail_count <= 3 ? 5 * state.fail_count : 30);
  return nextEvent(parseCalendarEvent(job.schedule || EVERY_QUARTER), state.last_try) ?? 0;
}

/** Volumes a job takes along; throws for one that cannot be replicated. With `cleanup` those stay out. */
export function replicatable(lab: Lab, guest: Guest, cleanup = false): string[] {
  const found = new Set<string>();
  const configs = [guest.config, ...Object.values(guest.snapshots).map(({ config }) => config)];
  for (const disk of configs.flatMap((config) => disksOf(guest.type, config, true))) {
    if (disk.isCdrom || (!cleanup && disk.values.replicate === '0')) continue;
    if (disk.file.startsWith('/')) {
      if (disk.values.replicate === '0' || (cleanup && guest.type === 'qemu')) continue;
      throw fail(
        guest.type === 'qemu'
          ? `unable to replicate local file/device '${disk.file}'`
          : `unable to replicate mountpoint type '${disk.file.startsWith('/dev/') ? 'device' : 'bind'}'`,
      );
    }
    const volume = lab.state.volume(guest.node, disk.file);
    if (!volume || volume.node === '*' || volume.vmid !== guest.vmid) continue;
    if (storageConfig(lab, volume.storage).type === 'zfspool') found.add(volumeId(volume));
    else if (!cleanup) throw fail(`missing replicate feature on volume '${disk.file}'`);
  }
  return [...found].sort();
}

function sync(lab: Lab, id: string, job: ReplicationJob, last: number, now: number, log: (line: string) => void): void {
  const guest = loadGuest(lab, lab.state.guests.get(job.guest)?.type ?? 'qemu', job.source, job.guest);
  const volumes = replicatable(lab, guest, job.remove_job !== undefined);
  log(`guest => ${KINDS[guest.type].label} ${guest.vmid}, running => ${guest.running ? 1 : 0}`);
  log(`volumes => ${volumes.join(',')}`);
  if (job.remove_job !== undefined) {
    log(`start job removal - mode '${job.remove_job}'`);
    log('job removed');
    return;
  }
  if (lab.faults.isNodeDown(job.target))
    throw new Error(
      `command '/usr/bin/ssh -e none -o 'BatchMode=yes' -o 'HostKeyAlias=${job.target}' root@${job.target} -- pvesr prepare-local-job ${id} ${volumes.join(' ')} --last_sync ${last}' failed: exit code 255`,
    );
  for (const volume of volumes) loadStorage(lab, volume.split(':')[0] ?? '', job.target);
  const [before, name] = [last, now].map((time) => `__replicate_${id}_${time}__`);
  for (const volume of volumes) log(`create snapshot '${name}' on ${volume}`);
  log(`using secure transmission, rate limit: ${job.rate ? `${job.rate} MByte/s` : 'none'}`);
  for (const volume of volumes)
    log(last > 0 ? `incremental sync '${volume}' (${before} => ${name})` : `full sync '${volume}' (${name})`);
  if (last > 0) for (const volume of volumes) log(`delete previous replication snapshot '${before}' on ${volume}`);
}

export function runReplication(lab: Lab, id: string, job: ReplicationJob): void {
  const begin = lab.now();
  const now = Math.floor(begin / 1000);
  const state = { ...stateOf(lab, id) };
  const lines: string[] = [];
  const log = (line: string) => void lines.push(`${localTime(lab.now())} ${id}: ${line}`);
  log('start replication job');
  let error: string | undefined;
  try {
    sync(lab, id, job, state.last_sync, now, log);
  } catch (thrown) {
    error = (thrown as Error).message;
  }
  log(error === undefined ? 'end replication job' : `end replication job with error: ${error}`);
  if (error === undefined && job.remove_job !== undefined) {
    forgetJob(lab, id);
    return;
  }
  const { error: _, ...rest } = state;
  lab.journal.put(STATES, id, {
    ...rest,
    last_try: now,
    duration: Math.max(1, lab.now() - begin) / 1000,
    log: lines,
    ...(error === undefined ? { last_sync: now, fail_count: 0 } : { fail_count: state.fail_count + 1, error }),
  } satisfies ReplicationState);
}
