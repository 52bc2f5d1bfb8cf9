import { type RetryPolicy, retryAt } from './retry-policy.js';

const POLICY: RetryPolicy = {
  now: { firstMs: 100, maxMs: 1_000, retries: 4 },
  later: { firstMs: 1_000, maxMs: 5_000 },
};
const delays = (retryable: 'now' | 'later' | 'never', jitter: number, deadline = 1e9): (number | undefined)[] =>
  [0, 1, 2, 3, 4, 5].map((retries) => retryAt({ retryable }, { retries, deadline }, 0, jitter, POLICY));

describe('when to try again', () => {
  it('doubles the delay of passing troubles and gives up after so many', () => {
    expect(delays('now', 1)).toEqual([100, 200, 400, 800, undefined, undefined]);
  });
  it('waits longer and longer for the world to change, but never gives up before the deadline', () => {
    expect(delays('later', 1)).toEqual([1_000, 1_500, 2_250, 3_375, 5_000, 5_000]);
    expect(delays('later', 1, 2_000)).toEqual([1_000, 1_500, undefined, undefined, undefined, undefined]);
  });
  it('leaves half of the delay to chance', () => {
    expect(delays('now', 0)[0]).toBe(50);
    expect(delays('now', 0.5)[0]).toBe(75);
  });
  it('never repeats what cannot get better', () => {
    expect(delays('never', 0)).toEqual([undefined, undefined, undefined, undefined, undefined, undefined]);
  });
});
