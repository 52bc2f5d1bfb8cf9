/** A backup job as it is kept, and which guests it takes. */
import type { Lab } from '../lab.js';
import { splitList } from '../schema/formats.js';
import type { Value } from '../schema/validate.js';
import type { Guest } from '../state/model.js';

export type BackupJob = Record<string, Value>;

/** Of one job on one node: the moment up to which its events are done with. Unix seconds. */
export interface JobState {
  readonly time: number;
}

export const jobsOf = (lab: Lab): [string, BackupJob][] => [...lab.journal.entries<BackupJob>('backup-job')];
export const isEnabled = (job: BackupJob) => job.enabled !== 0;

/** Guests by node; ids that are no guest's any more stand under ''. */
export function includedGuests(lab: Lab, job: BackupJob): { readonly guests: Guest[]; readonly gone: number[] } {
  const excluded = new Set(splitList(String(job.exclude ?? '')).map(Number));
  const ids = job.pool
    ? (lab.directory.pools.get(String(job.pool))?.vms ?? [])
    : job.vmid
      ? splitList(String(job.vmid)).map(Number)
      : job.all
        ? [...lab.state.guests.keys()].filter((vmid) => !excluded.has(vmid))
        : [];
  const guests: Guest[] = [];
  const gone: number[] = [];
  for (const vmid of [...ids].sort((left, right) => left - right)) {
    const guest = lab.state.guests.get(vmid);
    if (!guest) gone.push(vmid);
    else if (job.node === undefined || job.node === guest.node) guests.push(guest);
  }
  return { guests, gone };
}
