import { stackHealth } from './stack-health.js';

const look = (at: number, healthy: boolean) => ({ at, healthy });

describe('health of a stack in one word', () => {
  it.each([
    ['a run under way', { state: 'running' as const }, [look(5, true)], 'changing'],
    ['a run that failed', { state: 'failed' as const }, [look(5, true)], 'failed'],
    [
      'all checks good since',
      { state: 'succeeded' as const, finishedAt: 4 },
      [look(5, true), look(6, true)],
      'healthy',
    ],
    ['one check bad', { state: 'succeeded' as const, finishedAt: 4 }, [look(5, true), look(6, false)], 'failing'],
    ['checks from before the last run', { state: 'succeeded' as const, finishedAt: 9 }, [look(5, true)], 'unknown'],
    ['a failed run that was left as it is', { state: 'left' as const, finishedAt: 4 }, [look(5, true)], 'healthy'],
    ['never checked', undefined, [], 'unknown'],
  ])('%s', (_, run, looks, health) => {
    expect(stackHealth(run, looks)).toBe(health);
  });

  it('of a stack without guests is that of its run: there is nothing to look at', () => {
    expect(stackHealth({ state: 'succeeded', finishedAt: 4 }, [], false)).toBe('healthy');
    expect(stackHealth({ state: 'failed', finishedAt: 4 }, [], false)).toBe('failed');
    expect(stackHealth({ state: 'left', finishedAt: 4 }, [], false)).toBe('unknown');
    expect(stackHealth(undefined, [], false)).toBe('unknown');
  });
});
