import type { Instant, Milliseconds } from '../ids.js';
import type { FailureData } from './run.js';

/** How patient the engine is. */
export interface RetryPolicy {
  /** `now`: first delay, then doubled up to the maximum, for so many retries. */
  readonly now: { readonly firstMs: Milliseconds; readonly maxMs: Milliseconds; readonly retries: number };
  /** `later`: first delay, then half as much again up to the maximum, until the step's deadline. */
  readonly later: { readonly firstMs: Milliseconds; readonly maxMs: Milliseconds };
}

export const DEFAULT_RETRY_POLICY: RetryPolicy = {
  now: { firstMs: 1_000, maxMs: 30_000, retries: 6 },
  later: { firstMs: 10_000, maxMs: 60_000 },
};

/**
 * When to try again, or undefined to give up. Half of the delay is chance (`jitter`, 0 ≤ jitter < 1), so that steps that
 * failed together do not come back together. Never past the deadline: a retry that could not finish is no help.
 */
export function retryAt(
  failure: Pick<FailureData, 'retryable'>,
  step: { readonly retries: number; readonly deadline: Instant },
  now: Instant,
  jitter: number,
  policy: RetryPolicy = DEFAULT_RETRY_POLICY,
): Instant | undefined {
  const delay = delayOf(failure.retryable, step.retries, policy);
  if (delay === undefined) return undefined;
  const at = now + Math.round(delay * (0.5 + jitter / 2));
  return at < step.deadline ? at : undefined;
}

function delayOf(retryable: FailureData['retryable'], retries: number, policy: RetryPolicy): Milliseconds | undefined {
  switch (retryable) {
    case 'now':
      return retries < policy.now.retries ? Math.min(policy.now.maxMs, policy.now.firstMs * 2 ** retries) : undefined;
    case 'later':
      return Math.min(policy.later.maxMs, policy.later.firstMs * 1.5 ** retries);
    case 'never':
      return undefined;
    default:
      return retryable satisfies never;
  }
}
