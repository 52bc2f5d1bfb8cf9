import { setTimeout as delay } from 'node:timers/promises';
import type { Clock } from '../../application/clock.port.js';

/** The machine's wall clock. */
export class SystemClock implements Clock {
  now(): number {
    return Date.now();
  }

  async sleep(ms: number, signal?: AbortSignal): Promise<void> {
    try {
      await delay(ms, undefined, signal === undefined ? {} : { signal });
    } catch (error) {
      // Node rejects with its own AbortError; callers want to know why.
      if (signal?.aborted) throw signal.reason;
      throw error;
    }
  }
}
