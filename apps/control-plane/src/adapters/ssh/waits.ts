import type { Instant } from '../../domain/ids.js';

/** What every wait here ends with: the caller's signal or the caller's deadline, whichever comes first. */
export interface Limits {
  readonly signal: AbortSignal;
  readonly deadline: Instant;
}

/**
 * The result of `work`, or an end to the waiting: rejects with the signal's reason, or with `late()` after the
 * deadline. `work` itself is not stopped; whoever calls this lets go of what it holds.
 */
export async function within<T>(work: Promise<T>, limits: Limits, late: () => Error): Promise<T> {
  limits.signal.throwIfAborted();
  let timer: NodeJS.Timeout | undefined;
  let onAbort: (() => void) | undefined;
  work.catch(() => {}); // when the race is lost, its later failure is nobody's business
  try {
    return await Promise.race([
      work,
      new Promise<never>((_resolve, reject) => {
        onAbort = () => reject(limits.signal.reason as Error);
        limits.signal.addEventListener('abort', onAbort, { once: true });
        // setTimeout counts in 32 bits; a later deadline is looked at again then.
        const arm = () => {
          const left = limits.deadline - Date.now();
          if (left <= 0) reject(late());
          else timer = setTimeout(arm, Math.min(left, 2 ** 31 - 1));
        };
        arm();
      }),
    ]);
  } finally {
    clearTimeout(timer);
    if (onAbort) limits.signal.removeEventListener('abort', onAbort);
  }
}

/** Sleeps, but not past the deadline: returns false when the deadline has come. Rejects with the signal's reason. */
export async function pause(ms: number, limits: Limits): Promise<boolean> {
  const left = limits.deadline - Date.now();
  if (left <= 0) return false;
  let timer: NodeJS.Timeout | undefined;
  const rest = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, Math.min(ms, left));
  });
  try {
    await within(rest, { signal: limits.signal, deadline: Number.MAX_SAFE_INTEGER }, () => new Error('unreachable'));
  } finally {
    clearTimeout(timer);
  }
  return Date.now() < limits.deadline;
}

/** Growing waits with jitter (half to all of the step), so that fifty guests that boot together are not called together. */
export function backOff(firstMs: number, maxMs: number, random: () => number = Math.random): () => number {
  let step = firstMs;
  return () => {
    const wait = step * (0.5 + random() / 2);
    step = Math.min(step * 2, maxMs);
    return wait;
  };
}
