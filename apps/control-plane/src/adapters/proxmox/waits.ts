import type { Clock } from '../../application/clock.port.js';
import type { CallContext } from '../../application/substrates/substrate.port.js';
import { WorldFailure } from '../../domain/problem.js';

/**
 * Asks `probe` until it returns something. Says what it waits for, ends at the context's deadline and hears its signal.
 * The pause grows from `firstMs` to `mostMs`: short tasks end soon, long ones do not flood the server.
 */
export async function until<T>(
  probe: () => Promise<T | undefined>,
  wait: { clock: Clock; context: CallContext; what: string; firstMs?: number; mostMs?: number },
): Promise<T> {
  let pause = wait.firstMs ?? 150;
  for (let said = false; ; ) {
    wait.context.signal.throwIfAborted();
    const result = await probe().catch((error: unknown) => {
      // The last question itself ran into the deadline: what was waited for is the message, not the question.
      if (error instanceof WorldFailure && error.failure.code === 'substrate.deadline') throw deadlinePassed(wait.what);
      throw error;
    });
    if (result !== undefined) return result;
    if (!said) wait.context.waitingFor?.(wait.what);
    said = true;
    const left = wait.context.deadline - wait.clock.now();
    if (left <= 0) throw deadlinePassed(wait.what);
    await wait.clock.sleep(Math.min(pause, left), wait.context.signal);
    pause = Math.min(pause * 1.5, wait.mostMs ?? 2000);
  }
}

export const deadlinePassed = (what: string): WorldFailure =>
  new WorldFailure({
    code: 'substrate.deadline',
    retryable: 'later',
    message: `The time ran out while waiting for: ${what}`,
    details: { waitedFor: what },
  });

/** The same context with an earlier deadline. */
export const within = (context: CallContext, clock: Clock, ms: number): CallContext => ({
  ...context,
  deadline: Math.min(context.deadline, clock.now() + ms),
});
