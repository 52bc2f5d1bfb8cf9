import type { Database } from '../../src/adapters/database/database.js';
import { KyselyRunStore } from '../../src/adapters/database/kysely-run-store.js';
import type { DecidedEvent, Decision, Lease, RunSnapshot } from '../../src/application/runs/run-store.port.js';
import type { RunId } from '../../src/domain/ids.js';
import type { BegunGuest } from '../../src/domain/stack/stack.js';
import type { KillPlan } from './kill-plan.js';

/** The run log as it is, on the way to and from which the worker may die. */
export class KillingRunStore extends KyselyRunStore {
  constructor(
    database: Database,
    private readonly plan: KillPlan,
  ) {
    super(database);
  }

  override async commit<T>(run: RunId, decide: (snapshot: RunSnapshot) => Decision<T>): Promise<T | undefined> {
    let events: readonly DecidedEvent[] = [];
    try {
      const result = await super.commit(run, (snapshot) => {
        const decision = decide(patient(snapshot));
        events = decision.events;
        const ending = stepsOf(events, 'succeeded').find((step) => this.plan.wants(step, 'done'));
        if (ending !== undefined) throw new BeforeTheEnd(ending);
        return decision;
      });
      for (const step of stepsOf(events, 'started')) await this.plan.reach(step, 'claimed');
      for (const step of stepsOf(events, 'succeeded')) await this.plan.reach(step, 'committed');
      return result;
    } catch (error) {
      if (error instanceof BeforeTheEnd) await this.plan.reach(error.step, 'done');
      throw error;
    }
  }

  override async saveBegun(lease: Lease, guest: BegunGuest): Promise<boolean> {
    const saved = await super.saveBegun(lease, guest);
    await this.plan.reach(lease.step, 'asking');
    return saved;
  }

  override async saveTask(lease: Lease, task: string): Promise<boolean> {
    await this.plan.reach(lease.step, 'untold');
    const saved = await super.saveTask(lease, task);
    await this.plan.reach(lease.step, 'told');
    return saved;
  }
}

/** Rolls the transaction back. */
class BeforeTheEnd extends Error {
  constructor(readonly step: string) {
    super(`${step} is not to end here`);
  }
}

const stepsOf = (events: readonly DecidedEvent[], type: string): string[] =>
  events.flatMap(({ step, event }) => (step !== undefined && event.type === type ? [step] : []));

/** That a step that ends its worker again and again is taken out of the way is another test's matter. */
const patient = (snapshot: RunSnapshot): RunSnapshot => ({
  ...snapshot,
  steps: new Map([...snapshot.steps].map(([id, step]) => [id, { ...step, starts: 0 }])),
});
