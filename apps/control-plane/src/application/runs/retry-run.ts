import type { RunId, StepId } from '../../domain/ids.js';
import { Refusal } from '../../domain/problem.js';
import type { RunState } from '../../domain/run/run.js';
import type { AdvanceRun } from './advance-run.js';
import { noSuchRun, notInState } from './decide-on-run.js';
import { decideRetry } from './run-decisions.js';
import type { RunStore } from './run-store.port.js';

/**
 * Goes on with a failed or cancelled run: its failed, quarantined and cancelled steps start again (or only those in
 * `from`), and everything blocked below them. Refuses with `run.illegal`, with `stack.busy` while another run of the
 * stack is under way, and when a newer run has changed the stack since: its plan is history then.
 */
export class RetryRun {
  constructor(
    private readonly store: Pick<RunStore, 'get' | 'commit' | 'latestOf'>,
    private readonly advance: AdvanceRun,
  ) {}

  async execute(run: RunId, actor: string, from?: readonly StepId[]): Promise<{ readonly state: RunState }> {
    const found = await this.store.get(run);
    if (found === undefined) throw noSuchRun(run);
    const latest = await this.store.latestOf(found.run.stack);
    if (latest !== undefined && latest.id !== run) {
      throw new Refusal({
        code: 'run.illegal',
        subject: `run ${run}`,
        message: `A newer run (${latest.id}) has worked on ${found.run.stackName} since.`,
        remedy: 'Make a new plan; it starts from what is there now.',
      });
    }
    const outcome = await this.store.commit(run, (snapshot) => decideRetry(snapshot, actor, from));
    if (outcome === undefined)
      throw notInState(run, found.run.state, from === undefined ? 'retried' : 'retried from there');
    await this.advance.after(outcome);
    return { state: outcome.state };
  }
}
