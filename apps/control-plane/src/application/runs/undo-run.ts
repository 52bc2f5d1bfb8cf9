import type { RunId } from '../../domain/ids.js';
import { Refusal } from '../../domain/problem.js';
import type { ApplyPlan } from '../plans/apply-plan.js';
import type { MakePlan } from '../plans/make-plan.js';
import type { RunStore, StoredRun } from './run-store.port.js';

/** Takes a failed or cancelled install back: plans the removal of what it made, and applies it as a run of its own. */
export class UndoRun {
  constructor(
    private readonly runs: RunStore,
    private readonly makePlan: MakePlan,
    private readonly applyPlan: ApplyPlan,
  ) {}

  async execute(request: { run: RunId; actor: string }): Promise<StoredRun> {
    const snapshot = await this.runs.get(request.run);
    if (!snapshot)
      throw new Refusal({
        code: 'not_found',
        subject: `run ${request.run}`,
        message: 'There is no such run.',
        remedy: 'bastide run list shows them.',
      });
    const { run } = snapshot;
    if (run.operation !== 'install') {
      throw new Refusal({
        code: 'run.illegal',
        subject: `run ${run.id}`,
        message: `Only an install can be undone as a whole; this run is a ${run.operation}.`,
        remedy:
          run.operation === 'change'
            ? 'Plan the stack with its former configuration and apply that.'
            : 'Retry the run, or install the stack again.',
      });
    }
    const plan = await this.makePlan.execute({ site: run.site, name: run.stackName, remove: true });
    return this.applyPlan.execute({ plan: plan.id, hash: plan.hash, actor: request.actor, undoes: run.id });
  }
}
