import type { StackId } from '../../domain/ids.js';
import { isSettled } from '../../domain/run/transitions.js';
import type { Clock } from '../clock.port.js';
import type { PlanStore } from '../plans/plan-store.port.js';
import type { EngineLog } from '../runs/engine-log.port.js';
import type { RunStore } from '../runs/run-store.port.js';
import type { CheckHistory } from './check-history.port.js';
import type { CheckResult, CheckStack } from './check-stack.js';
import type { StackStore } from './stack-store.port.js';

/** Runs checks and keeps what they said: when somebody asks, and regularly. */
export class KeepChecks {
  constructor(
    private readonly check: CheckStack,
    private readonly history: CheckHistory,
    private readonly stacks: Pick<StackStore, 'listStacks'>,
    private readonly runs: Pick<RunStore, 'latestOf' | 'list'>,
    private readonly plans: Pick<PlanStore, 'get'>,
    private readonly clock: Pick<Clock, 'now'>,
    private readonly log: EngineLog,
  ) {}

  async execute(stack: StackId, by: string): Promise<readonly CheckResult[]> {
    const results = await this.check.execute(stack);
    const at = this.clock.now();
    await this.history.append(
      stack,
      results.map((result) => ({ ...result, at, by })),
    );
    return results;
  }

  async #isMoving(site: string): Promise<boolean> {
    const open = await this.runs.list({ site, states: ['running', 'cancelling'], limit: 500 });
    const plans = await Promise.all(open.map(({ plan }) => this.plans.get(plan)));
    return plans.some((plan) => plan?.orders?.domain !== undefined);
  }

  /**
   * Checks every stack whose turn it is, one after another. Of several workers one takes a stack's turn; a stack that a
   * run is working on is left alone, and so are all of a site whose domain is being changed: a service that restarts is
   * no failure.
   */
  async regularly(everyMs: number, signal: AbortSignal): Promise<void> {
    for (const stack of await this.stacks.listStacks()) {
      if (signal.aborted) return;
      if (stack.state !== 'present') continue;
      const run = await this.runs.latestOf(stack.id);
      if (!run || !isSettled(run.state) || (await this.#isMoving(stack.site))) continue;
      if (!(await this.history.takeTurn(stack.id, this.clock.now(), everyMs))) continue;
      try {
        await this.execute(stack.id, 'schedule');
      } catch (err) {
        this.log.warn({ err, stack: stack.id }, 'a regular check could not be made');
      }
    }
  }
}
