import type { RunId } from '../../domain/ids.js';
import type { EngineLog } from './engine-log.port.js';
import { decideAdvance, decideUndone, type Outcome } from './run-decisions.js';
import type { Ring, RunStore } from './run-store.port.js';
import type { StepQueue } from './step-queue.port.js';

/** Writes what follows for a run's steps, and rings for those that may start. */
export class AdvanceRun {
  constructor(
    private readonly store: Pick<RunStore, 'commit'>,
    private readonly queue: Pick<StepQueue, 'ring'>,
    private readonly log: EngineLog,
  ) {}

  /** Nothing happens when there is no such run. */
  async execute(run: RunId): Promise<void> {
    const outcome = await this.store.commit(run, decideAdvance);
    if (outcome !== undefined) await this.after(outcome);
  }

  /**
   * After a commit, never inside: rings, and closes the run that this one took back. A ring that is lost does no harm
   * (the sweep rings again), so an unreachable queue never fails the caller.
   */
  async after(outcome: Outcome): Promise<void> {
    await Promise.all([
      ...outcome.rings.map((ring) => this.ring(ring)),
      ...outcome.later.map(({ ring, inMs }) => this.ring(ring, inMs)),
    ]);
    if (outcome.undoes !== undefined && outcome.state === 'succeeded') {
      await this.store.commit(outcome.undoes, decideUndone);
    }
  }

  async ring(ring: Ring, delayMs?: number): Promise<void> {
    try {
      await this.queue.ring(ring, delayMs);
    } catch (err) {
      this.log.warn({ run: ring.run, step: ring.step, err }, 'ring lost, the sweep will ring again');
    }
  }
}
