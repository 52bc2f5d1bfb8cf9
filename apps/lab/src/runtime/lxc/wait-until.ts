import { setTimeout as sleep } from 'node:timers/promises';
import { RuntimeError } from '../guest-runtime.port.js';

/** Asks again every `everyMs` until the answer is true. RuntimeError naming `what` at the deadline or the signal. */
export async function waitUntil(
  done: () => Promise<boolean>,
  options: {
    readonly what: string;
    readonly timeoutMs: number;
    readonly everyMs?: number;
    readonly signal?: AbortSignal;
  },
): Promise<void> {
  const deadline = performance.now() + options.timeoutMs;
  for (;;) {
    if (await done()) return;
    if (options.signal?.aborted) throw new RuntimeError(`interrupted while waiting for ${options.what}`);
    if (performance.now() > deadline)
      throw new RuntimeError(`${options.what}: not within ${options.timeoutMs / 1000} s`);
    await sleep(options.everyMs ?? 50);
  }
}
