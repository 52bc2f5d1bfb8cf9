import { hasErrors } from '../../domain/diagnostic.js';
import type { PlanId, RunId } from '../../domain/ids.js';
import { makePlan } from '../../domain/plan/make-plan.js';
import type { Plan } from '../../domain/plan/plan.js';
import { comparePlanBasis } from '../../domain/plan/plan-basis.js';
import { Refusal } from '../../domain/problem.js';
import type { RunStore, StoredRun } from '../runs/run-store.port.js';
import type { StepQueue } from '../runs/step-queue.port.js';
import { gatherPlanInput, type PlanWorld, siteNamed } from './gather-plan-input.js';

/** Turns a reviewed plan into a run: compares the hash, looks at the world again, and refuses when it has moved on. */
export class ApplyPlan {
  constructor(
    private readonly world: PlanWorld,
    private readonly runs: RunStore,
    private readonly queue: StepQueue,
  ) {}

  async execute(request: {
    plan: PlanId;
    hash: string;
    actor: string;
    address?: string;
    undoes?: RunId;
  }): Promise<StoredRun> {
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
    const id = this.world.newId.next('run') as RunId;
    const { run, rings } = await this.runs.create(plan, {
      id,
      actor: request.actor,
      ...(request.address ? { address: request.address } : {}),
      ...(request.undoes ? { undoes: request.undoes } : {}),
    });
    // Committed first, then rung; a lost ring is made up for by the sweep.
    await Promise.allSettled(rings.map((ring) => this.queue.ring(ring)));
    return run;
  }

  async #refuseStale(plan: Plan): Promise<void> {
    const site = await siteNamed(this.world.stacks, plan.site);
    const again = makePlan(await gatherPlanInput(this.world, site, plan.wanted, plan.id, plan.orders));
    const changed = comparePlanBasis(plan.basis, again.basis);
    if (changed.length === 0) return;
    throw new Refusal({
      code: 'plan.stale',
      subject: `plan ${plan.id} of stack ${plan.stackName}`,
      message: `Since the plan was made, this has changed: ${changed.join(', ')}.`,
      remedy: 'Make a new plan and review it.',
      details: { changes: changed },
    });
  }
}
