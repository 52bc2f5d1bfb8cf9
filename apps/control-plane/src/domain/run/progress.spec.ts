import type { StepId } from '../ids.js';
import { newStep } from './derive.js';
import { progressOf } from './progress.js';
import type { StepStatus } from './run.js';

const step = (id: string, weightMs: number, ...after: string[]) => ({
  id: id as StepId,
  weightMs,
  after: after as StepId[],
});
const is = (states: Record<string, Partial<StepStatus>>): Map<StepId, StepStatus> =>
  new Map(Object.entries(states).map(([id, status]) => [id as StepId, { ...newStep(id as StepId), ...status }]));
const PLAN = [step('a', 1_000), step('b', 3_000, 'a'), step('c', 4_000, 'a')];

describe('progress', () => {
  it('weighs steps by the time they take', () => {
    expect(progressOf(PLAN, is({ a: { state: 'succeeded' }, b: {}, c: {} }), 0)).toEqual({
      percent: 12,
      remainingMs: 4_000,
    });
  });
  it('takes what a step says of itself, else the time it has taken, but never calls a silent step done', () => {
    const running = (status: Partial<StepStatus>) =>
      is({ a: { state: 'succeeded' }, b: { state: 'succeeded' }, c: { state: 'running', startedAt: 0, ...status } });
    expect(progressOf(PLAN, running({ percent: 50 }), 9_999).percent).toBe(75);
    expect(progressOf(PLAN, running({}), 2_000)).toEqual({ percent: 75, remainingMs: 2_000 });
    expect(progressOf(PLAN, running({}), 1_000_000).percent).toBe(95);
  });
  it('counts what is left along the longest chain', () => {
    expect(progressOf(PLAN, is({ a: {}, b: {}, c: {} }), 0).remainingMs).toBe(5_000);
  });
  it('says 100 only when all is done', () => {
    const done = { state: 'succeeded' } as const;
    expect(progressOf(PLAN, is({ a: done, b: done, c: done }), 0)).toEqual({ percent: 100 });
    expect(progressOf(PLAN, is({ a: done, b: done, c: { state: 'running', percent: 100 } }), 0).percent).toBe(99);
    expect(progressOf(PLAN, is({ a: done, b: { state: 'failed' }, c: { state: 'blocked' } }), 0).percent).toBe(12);
    expect(progressOf([], new Map(), 0)).toEqual({ percent: 100 });
  });
});
