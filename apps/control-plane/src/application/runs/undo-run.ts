import type { RunId } from '../../domain/ids.js';
import { Refusal } from '../../domain/problem.js';
import type { ApplyPlan } from '../plans/apply-plan.js';
import type { MakePlan } from '../plans/make-plan.js';
import type { RequestUndo } from './request-undo.js';
import type { RunStore, StoredRun } from './run-store.port.js';

/** Takes a failed or cancelled install back: plans the removal of what it made, and applies it as a run of its own. */
export class UndoRun {
  constructor(
    private readonly runs: RunStore,
    private readonly requestUndo: RequestUndo,
    private readonly makePlan: MakePlan,
    private readonly applyPlan: ApplyPlan,
  ) {}

  async execute(request: { run: RunId; actor: string }): Promise<StoredRun> {
    const found = (await this.runs.get(request.run))?.run;
    // A change touches what was there before: removing the stack would be no undo of it.
    if (found && found.operation !== 'install') {
      throw new Refusal({
        code: 'run.illegal',
        subject: `run ${found.id}`,
        message: `Only an install can be undone as a whole; this run is a ${found.operation}.`,
        remedy:
          found.operation === 'change'
            ? 'Plan the stack with its former configuration and apply that.'
            : 'Retry the run, or install the stack again.',
      });
    }
    const run = await this.requestUndo.execute(request.run, request.actor);
    const plan = await this.makePlan.execute({ site: run.site, name: run.stackName, remove: true });
    return this.applyPlan.execute({ plan: plan.id, hash: plan.hash, actor: request.actor, undoes: run.id });
  }
}
