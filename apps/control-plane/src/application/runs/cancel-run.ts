import type { RunId } from '../../domain/ids.js';
import type { RunState } from '../../domain/run/run.js';
import type { AdvanceRun } from './advance-run.js';
import { noSuchRun, notInState } from './decide-on-run.js';
import { decideCancel } from './run-decisions.js';
import type { RunStore } from './run-store.port.js';

/**
 * Asks a run to stop: what has not started is cancelled at once, running steps hear it, what cannot be stopped in the
 * middle ends first. Asked twice, it says the same. Refuses with `run.not_cancellable`.
 */
export class CancelRun {
  constructor(
    private readonly store: Pick<RunStore, 'get' | 'commit'>,
    private readonly advance: AdvanceRun,
  ) {}

  async execute(run: RunId, actor: string): Promise<{ readonly state: RunState }> {
    const found = await this.store.get(run);
    if (found === undefined) throw noSuchRun(run);
    const outcome = await this.store.commit(run, (snapshot) => decideCancel(snapshot, actor));
    if (outcome === undefined) throw notInState(run, found.run.state, 'cancelled');
    await this.advance.after(outcome);
    return { state: outcome.state };
  }
}
