import type { Ring } from './run-store.port.js';

/**
 * The doorbell: tells some worker that a step may be claimed. It carries ids only (payload ≤ 1 KiB) and is never the
 * truth: a lost, late or doubled ring does no harm, the sweep rings again.
 */
export interface StepQueue {
  /** Rejects with `WorldFailure` `queue.unavailable` instead of waiting for the queue to come back. */
  ring(ring: Ring, delayMs?: number): Promise<void>;
  /**
   * Calls `handler` for rings, at most `concurrency` at a time. A handler that throws does not stop the others, and its
   * ring is not repeated. One consumer per queue object.
   */
  consume(handler: (ring: Ring) => Promise<void>, concurrency: number): Promise<Consumer>;
  /**
   * Sends a canary through the queue and waits for a worker to take it: the only honest sign of readiness. Rejects with
   * `WorldFailure` `queue.unavailable`; its message tells whether the queue or only the workers do not answer.
   */
  canary(timeoutMs: number): Promise<void>;
  /** How many rings wait and how many are being handled, over all workers. */
  counts(): Promise<{ readonly waiting: number; readonly active: number }>;
  close(): Promise<void>;
}

export interface Consumer {
  /** Takes no more rings. Resolves when no handler is running any more, or after `graceMs`. */
  close(graceMs: number): Promise<void>;
}
