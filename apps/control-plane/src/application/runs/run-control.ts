import type { RunId, StepId } from '../../domain/ids.js';
import { type Progress, progressOf } from '../../domain/run/progress.js';
import type { LogEntry } from '../../domain/run/run.js';
import type { CancelRun } from './cancel-run.js';
import type { FollowRun } from './follow-run.js';
import type { LeaveRun } from './leave-run.js';
import type { RetryRun } from './retry-run.js';
import { decideCancel, decideLeave, decideRetry, decideUndo } from './run-decisions.js';
import type { RunSnapshot, RunStore, StoredRun } from './run-store.port.js';
import type { UndoRun } from './undo-run.js';
import type { WatchRuns } from './watch-runs.js';

export interface Decisions {
  readonly cancel: boolean;
  readonly retry: boolean;
  readonly undo: boolean;
  readonly leave: boolean;
}

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
      readonly watch: WatchRuns;
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

  follow(run: RunId, afterSeq: number, signal: AbortSignal): AsyncGenerator<readonly LogEntry[], void, void> {
    return this.acts.follow.execute(run, afterSeq, signal);
  }

  /** What may be decided about the run now; the use cases are the authority and look again. */
  async decisionsOf(snapshot: RunSnapshot): Promise<Decisions> {
    const { run } = snapshot;
    const latest = (await this.store.latestOf(run.stack))?.id === run.id;
    const legal = (decision: { readonly result: unknown }): boolean => decision.result !== undefined;
    return {
      cancel: run.state !== 'cancelling' && legal(decideCancel(snapshot, '')),
      retry: latest && legal(decideRetry(snapshot, '')),
      undo: latest && run.operation === 'install' && legal(decideUndo(snapshot, '')),
      leave: legal(decideLeave(snapshot, '')),
    };
  }

  /** Calls back with every run whose state moved, until stopped. */
  watchAll(changed: (run: StoredRun) => void): () => void {
    return this.acts.watch.watch(changed);
  }

  progressOf({ steps, now }: RunSnapshot): Progress {
    return progressOf([...steps.values()], steps, now);
  }

  async #now(run: RunId): Promise<StoredRun> {
    return (await this.store.get(run))!.run;
  }
}
