import type { AdvanceRun } from './advance-run.js';
import { decideExpire, decideUndone } from './run-decisions.js';
import type { RunStore } from './run-store.port.js';

/** What a sweep found. */
export interface Swept {
  readonly expired: number;
  readonly rung: number;
}

/** Steps looked at in one sweep; the next one takes the rest. */
const LIMIT = 1_000;

/**
 * Makes sure that nothing is forgotten: takes steps from holders that stopped answering, and rings for everything that
 * may be claimed. Runs at start and then regularly in every worker; the store lets one sweep at a time through. With it,
 * the queue may lose everything.
 */
export class Sweep {
  constructor(
    private readonly store: Pick<RunStore, 'due' | 'commit'>,
    private readonly advance: AdvanceRun,
  ) {}

  /** Undefined when another worker is sweeping. */
  async execute(): Promise<Swept | undefined> {
    const due = await this.store.due(LIMIT);
    if (due === undefined) return undefined;
    let expired = 0;
    for (const ring of due.expired) {
      const outcome = await this.store.commit(ring.run, (snapshot) => decideExpire(snapshot, ring));
      if (outcome === undefined) continue;
      expired += 1;
      await this.advance.after(outcome);
    }
    for (const run of due.undone) await this.store.commit(run, decideUndone);
    for (const ring of due.ready) await this.advance.ring(ring);
    return { expired, rung: due.ready.length };
  }
}
