import { driftOf } from './drift.js';
import type { RecordedGuest } from './stack.js';
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
});

describe('what differs between the record and the world', () => {
  const recorded = { node: 'pve1', vmid: 100, spec: { cpus: 2, memoryMiB: 512, diskGiB: 4 } } as RecordedGuest;
  const same = { vmid: 100, node: 'pve1', kind: 'container' as const, name: 'g', status: 'running' as const };

  it.each([
    ['nothing', { ...same, cpus: 2, memoryMiB: 512, diskGiB: 4.02 }, []],
    ['a size that the substrate does not tell', same, []],
    ['stopped by hand', { ...same, status: 'stopped' as const }, ['stopped status']],
    ['moved to another node', { ...same, node: 'pve2' }, ['moved node']],
    ['resized by hand', { ...same, cpus: 4, diskGiB: 8 }, ['resized cpus', 'resized diskGiB']],
    ['gone', undefined, ['missing presence']],
  ])('%s', (_, observed, found) => {
    expect(driftOf(recorded, observed).map(({ kind, field }) => `${kind} ${field}`)).toEqual(found);
  });
});
