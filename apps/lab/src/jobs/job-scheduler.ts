/**
 * Runs backup and replication jobs by the clock, as each node's scheduler does: when an event has passed since the last one, `vzdump` starts on
 * that node. The moment is kept before the task begins, so that a lab that is killed in between does not run it twice; what it
 * missed while it did not run counts as done, unless the job says `repeat-missed`.
 */
import { vzdumpHandlers } from '../guests/vzdump-handlers.js';
import { Call } from '../http/call.js';
import type { Lab } from '../lab.js';
import type { Parameters } from '../schema/validate.js';
import { type BackupJob, includedGuests, isEnabled, type JobState, jobsOf } from './backup-job.js';
import { nextEvent, parseCalendarEvent } from './calendar-event.js';
import { jobsOn, nextSync, runReplication } from './replication-jobs.js';

const LOOK_EVERY_MS = 250;
const ROOT = { id: 'root@pam', userid: 'root@pam', isToken: false, isRoot: true } as const;
/** Of a job, what is not for vzdump. */
const OF_THE_JOB = new Set(['schedule', 'enabled', 'comment', 'repeat-missed', 'next-run', 'node', 'type']);

const stateKey = (id: string, node: string) => `${id}/${node}`;

/** From now on: a new schedule, or one switched on again, does not make up for the past. */
export function restartClock(lab: Lab, id: string): void {
  for (const node of lab.nodes)
    lab.journal.put('job-state', stateKey(id, node), { time: Math.floor(lab.now() / 1000) } satisfies JobState);
}

export function forgetClock(lab: Lab, id: string): void {
  for (const node of lab.nodes) lab.journal.delete('job-state', stateKey(id, node));
}

export class JobScheduler {
  private timer: NodeJS.Timeout | undefined;
  /** Nodes that have looked since they came up. */
  private readonly up = new Set<string>();

  constructor(private readonly lab: Lab) {}

  start(): void {
    this.look();
    this.timer = setInterval(() => this.look(), LOOK_EVERY_MS);
  }

  close(): void {
    clearInterval(this.timer);
  }

  private look(): void {
    const jobs = jobsOf(this.lab);
    for (const node of this.lab.nodes) {
      if (this.lab.faults.isNodeDown(node)) this.up.delete(node);
      // Without quorum nobody gets the lock on the jobs.
      else if (!this.lab.faults.isQuorumLost()) {
        this.lookOn(node, jobs);
        this.replicateFrom(node);
      }
    }
  }

  private lookOn(node: string, jobs: readonly (readonly [string, BackupJob])[]): void {
    const { lab } = this;
    const now = Math.floor(lab.now() / 1000);
    const isFirst = !this.up.has(node);
    this.up.add(node);
    for (const [id, job] of jobs) {
      if (job.node !== undefined && job.node !== node) continue;
      const key = stateKey(id, node);
      const state = lab.journal.get<JobState>('job-state', key);
      if (!state || (isFirst && job['repeat-missed'] !== 1)) {
        lab.journal.put('job-state', key, { time: now });
        continue;
      }
      if (!isEnabled(job) || typeof job.schedule !== 'string') continue;
      const due = this.dueAfter(job.schedule, state.time);
      if (due === undefined || due > now) continue;
      lab.journal.put('job-state', key, { time: now });
      this.run(id, job, node);
    }
  }

  private replicateFrom(node: string): void {
    const now = Math.floor(this.lab.now() / 1000);
    for (const [id, job] of jobsOn(this.lab, node)) {
      const due = job.disable === 1 && job.remove_job === undefined ? 0 : nextSync(this.lab, id, job);
      if (due > 0 && due <= now) runReplication(this.lab, id, job);
    }
  }

  /** A schedule kept by an older lab may be none: such a job never runs. */
  private dueAfter(schedule: string, last: number): number | undefined {
    try {
      return nextEvent(parseCalendarEvent(schedule), last);
    } catch {
      return undefined;
    }
  }

  private run(id: string, job: BackupJob, node: string): void {
    const { guests, gone } = includedGuests(this.lab, job);
    const here = guests.filter((guest) => guest.node === node);
    // Every node has its own part of the job; only the first one misses guests that are gone.
    if (here.length === 0 && !job.all && (gone.length === 0 || node !== this.lab.nodes[0])) return;
    const parameters: Parameters = { node, 'job-id': id, quiet: 1 };
    for (const [key, value] of Object.entries(job)) if (!OF_THE_JOB.has(key)) parameters[key] = value;
    const call = new Call(this.lab, ROOT, parameters, `/nodes/${node}/vzdump`, undefined);
    // What the request would have been refused for is what the task fails with.
    const refused = (error: unknown) =>
      this.lab.tasks.start({ node, type: 'vzdump', id: '', user: ROOT.id }, () => Promise.reject(error as Error));
    void Promise.resolve()
      .then(() => vzdumpHandlers['POST /nodes/{node}/vzdump']?.(call))
      .catch(refused);
  }
}
