import type { RunId, StepId } from '../../domain/ids.js';

/** One thing that only so many steps may use at a time. */
export interface Limit {
  /** `guest:demo/team/wiki/app`, `clones:demo/lab/local-btrfs`. */
  readonly key: string;
  readonly slots: number;
  /** For people, after "waiting for": `another operation on guest team/wiki/app`. */
  readonly what: string;
}

/** Who holds a slot: a step at one epoch. A later epoch of the same step takes its slots over. */
export interface LimitHolder {
  readonly run: RunId;
  readonly step: StepId;
  readonly epoch: number;
}

export interface HeldLimits {
  /** Extends all slots; false when one of them is no longer ours. */
  renew(): Promise<boolean>;
  release(): Promise<void>;
}

/**
 * Limits are leases in the database, shared by all workers: a holder that dies gives them back when they run out.
 * Several limits are taken together or not at all, so that nobody holds one while waiting for another.
 */
export interface Limits {
  /** Waits until all are free; says what it waits for; rejects with the signal's reason. */
  acquire(
    limits: readonly Limit[],
    holder: LimitHolder,
    context: { signal: AbortSignal; leaseMs: number; waitingFor: (what: string) => void },
  ): Promise<HeldLimits>;
}
