import { hasErrors } from '../../domain/diagnostic.js';
import type { PlanId } from '../../domain/ids.js';
import { makePlan } from '../../domain/plan/make-plan.js';
import type { Plan } from '../../domain/plan/plan.js';
import { comparePlanBasis } from '../../domain/plan/plan-basis.js';
import { Refusal } from '../../domain/problem.js';
import type { Run } from '../../domain/run/run.js';
import type { RunStore } from '../runs/run-store.port.js';
import { gatherPlanInput, type PlanWorld, siteNamed } from './gather-plan-input.js';

/** Turns a reviewed plan into a run: compares the hash, looks at the world again, and refuses when it has moved on. */
export class ApplyPlan {
  constructor(
    private readonly world: PlanWorld,
    private readonly runs: RunStore,
    /** Rings for whoever may take the first steps; a lost ring is made up for by the sweep. */
    private readonly advance: (run: Run['id']) => Promise<void>,
  ) {}

  async execute(request: { plan: PlanId; hash: string; actor: string }): Promise<Run> {
    const plan = await this.world.plans.get(request.plan);
    if (!plan) {
      throw new Refusal({
        code: 'not_found',
        subject: `plan ${request.plan}`,
        message: 'There is no such plan.',
        remedy: 'Make a new one: bastide plan.',
      });
    }
    if (plan.hash !== request.hash) {
      throw new Refusal({
        code: 'plan.hash_mismatch',
        subject: `plan ${plan.id}`,
        message: 'The hash does not belong to this plan: what was reviewed is not what would be applied.',
        remedy: 'Look at the plan again and apply it with the hash it shows.',
      });
    }
    const errors = plan.findings.filter((finding) => finding.severity === 'error');
    if (hasErrors(plan.findings)) {
      throw new Refusal({
        code: 'plan.has_errors',
        subject: `plan ${plan.id}`,
        message: `The plan has ${errors.length} finding(s) that must be solved first: ${errors.map((finding) => `${finding.code} ${finding.subject}`).join(', ')}.`,
        remedy: 'Solve them and make a new plan.',
        details: { findings: errors },
      });
    }
    await this.#refuseStale(plan);
    await this.world.stacks.putStack(plan.wanted);
    const run = await this.runs.createRun(plan, request.actor);
    await this.advance(run.id);
    return run;
  }

  async #refuseStale(plan: Plan): Promise<void> {
    const site = await siteNamed(this.world.stacks, plan.site);
    const again = makePlan(await gatherPlanInput(this.world, site, plan.wanted, plan.id));
    const changed = comparePlanBasis(plan.basis, again.basis);
    if (changed.length === 0) return;
    throw new Refusal({
      code: 'plan.stale',
      subject: `plan ${plan.id} of stack ${plan.stackName}`,
      message: `Since the plan was made, this has changed: ${changed.join(', ')}.`,
      remedy: 'Make a new plan and review it.',
      details: { changed },
    });
  }
}
