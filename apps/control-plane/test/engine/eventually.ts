import { setTimeout as delay } from 'node:timers/promises';

/** Repeats an expectation until it holds; its last failure is the test's when it never does. */
export async function eventually(expectation: () => unknown, withinMs = 10_000): Promise<void> {
  const until = performance.now() + withinMs;
  for (;;) {
    try {
      await expectation();
      return;
    } catch (error) {
      if (performance.now() > until) throw error;
      await delay(20);
    }
  }
}
