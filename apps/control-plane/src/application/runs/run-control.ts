import type { RunId, StepId } from '../../domain/ids.js';
import { type Progress, progressOf } from '../../domain/run/progress.js';
import type { LogEntry } from '../../domain/run/run.js';
import type { CancelRun } from './cancel-run.js';
import type { FollowRun } from './follow-run.js';
import type { LeaveRun } from './leave-run.js';
import type { RetryRun } from './retry-run.js';
import type { RunSnapshot, RunStore, StoredRun } from './run-store.port.js';
import type { UndoRun } from './undo-run.js';

/** What an admin may do with a run, as one thing for the API. Each answers with the run as it is afterwards. */
export class RunControl {
  constructor(
    private readonly store: RunStore,
    private readonly acts: {
      readonly cancel: CancelRun;
      readonly retry: RetryRun;
      readonly leave: LeaveRun;
      readonly undo: UndoRun;
      readonly follow: FollowRun;
    },
  ) {}

  async cancel(run: RunId, actor: string): Promise<StoredRun> {
    await this.acts.cancel.execute(run, actor);
    return this.#now(run);
  }

  async retry(run: RunId, actor: string, from?: readonly StepId[]): Promise<StoredRun> {
    await this.acts.retry.execute(run, actor, from);
    return this.#now(run);
  }

  async leave(run: RunId, actor: string): Promise<StoredRun> {
    await this.acts.leave.execute(run, actor);
    return this.#now(run);
  }

  undo(run: RunId, actor: string): Promise<StoredRun> {
    return this.acts.undo.execute({ run, actor });
  }

  follow(run: RunId, afterSeq: number, signal: AbortSignal): AsyncGenerator<LogEntry, void, void> {
    return this.acts.follow.execute(run, afterSeq, signal);
  }

  progressOf({ steps, now }: RunSnapshot): Progress {
    return progressOf([...steps.values()], steps, now);
  }

  async #now(run: RunId): Promise<StoredRun> {
    return (await this.store.get(run))!.run;
  }
}
