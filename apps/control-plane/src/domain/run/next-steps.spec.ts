import fc from 'fast-check';
import type { StepId } from '../ids.js';
import { type GraphStatus, type GraphStep, nextSteps } from './next-steps.js';
import type { RunState, StepState } from './run.js';

/** `b: a` reads "b comes after a". */
const graph = (text: string): GraphStep[] =>
  text.split(', ').map((part) => {
    const [id = '', after] = part.split(': ');
    return { id: id as StepId, after: (after?.split(' ') ?? []) as StepId[] };
  });
const statuses = (states: Record<string, StepState | GraphStatus>): Map<StepId, GraphStatus> =>
  new Map(Object.entries(states).map(([id, s]) => [id as StepId, typeof s === 'string' ? { state: s } : s]));
const decide = (text: string, states: Record<string, StepState | GraphStatus>, run: RunState = 'running') => {
  const { steps, run: end } = nextSteps(graph(text), statuses(states), run);
  const told = steps.map(
    ({ step, event }) => `${step} ${event.type}${event.type === 'blocked' ? ` by ${event.by}` : ''}`,
  );
  return [...told, ...(end === undefined ? [] : [end.type])];
};

describe('what becomes of the other steps', () => {
  it('starts what waits for nothing, and what waited for a success', () => {
    expect(decide('a, b: a, c', { a: 'waiting', b: 'waiting', c: 'waiting' })).toEqual(['a unblocked', 'c unblocked']);
    expect(decide('a, b: a, c: a b', { a: 'succeeded', b: 'waiting', c: 'waiting' })).toEqual(['b unblocked']);
  });

  it('blocks everything below a failure at once, naming the failed step, and lets other branches go on', () => {
    expect(
      decide('a, b: a, c: b, d, e: d', { a: 'failed', b: 'waiting', c: 'waiting', d: 'running', e: 'waiting' }),
    ).toEqual(['b blocked by a', 'c blocked by a']);
  });

  it('ends a failed run only when its branches have ended', () => {
    expect(decide('a, b', { a: 'failed', b: 'running' })).toEqual([]);
    expect(decide('a, b', { a: 'failed', b: 'succeeded' })).toEqual(['run-failed']);
  });

  it('names all failed steps at the end', () => {
    const end = nextSteps(graph('a, b, c: a'), statuses({ a: 'failed', b: 'quarantined', c: 'waiting' }), 'running');
    expect(end.run).toEqual({ type: 'run-failed', by: ['a', 'b'] });
  });

  it('succeeds when all have, also when there is nothing to do', () => {
    expect(decide('a', { a: 'succeeded' })).toEqual(['run-succeeded']);
    expect(nextSteps([], new Map(), 'running').run).toEqual({ type: 'run-succeeded' });
  });

  it('cancels what has not started, and waits for what runs', () => {
    expect(decide('a, b, c: a', { a: 'running', b: 'ready', c: 'waiting' }, 'cancelling')).toEqual([
      'b cancelled',
      'c cancelled',
    ]);
    expect(decide('a, b', { a: 'cancelled', b: 'succeeded' }, 'cancelling')).toEqual(['run-cancelled']);
  });

  it('keeps a cancelled step claimable while it has left something running outside', () => {
    expect(decide('a', { a: { state: 'ready', outsideTask: 'UPID:1' } }, 'cancelling')).toEqual([]);
    expect(decide('a', { a: 'retrying' }, 'cancelling')).toEqual(['a cancelled', 'run-cancelled']);
  });

  it('says nothing about a run that is over', () => {
    for (const run of ['succeeded', 'failed', 'cancelled', 'undoing', 'undone', 'left'] as const) {
      expect(nextSteps(graph('a'), statuses({ a: 'waiting' }), run)).toEqual({ steps: [] });
    }
  });

  it('brings every graph to an end, whatever fails, and says nothing new when asked again', () => {
    const anyGraph = fc.integer({ min: 1, max: 25 }).chain((size) =>
      fc.tuple(
        fc.tuple(...Array.from({ length: size }, (_, i) => fc.subarray(Array.from({ length: i }, (_, j) => `s${j}`)))),
        fc.array(fc.boolean(), { minLength: size, maxLength: size }),
        fc.shuffledSubarray(
          Array.from({ length: size }, (_, i) => i),
          { minLength: size },
        ),
      ),
    );
    fc.assert(
      fc.property(anyGraph, ([afters, fails, order]) => {
        const steps = afters.map((after, i) => ({ id: `s${i}` as StepId, after: after as StepId[] }));
        const shuffled = order.map((i) => steps[i]!);
        const now = new Map<StepId, GraphStatus>(steps.map(({ id }) => [id, { state: 'waiting' }]));
        for (let round = 0; round <= steps.length + 1; round += 1) {
          const { steps: events, run } = nextSteps(shuffled, now, 'running');
          for (const { step, event } of events)
            now.set(step, { state: event.type === 'unblocked' ? 'ready' : 'blocked' });
          const again = nextSteps(shuffled, now, 'running');
          expect(again.steps).toEqual([]);
          if (run !== undefined) {
            const ends = new Set([...now.values()].map(({ state }) => state));
            expect(run.type).toBe(
              fails.some((f, i) => f && now.get(`s${i}` as StepId)?.state === 'failed')
                ? 'run-failed'
                : 'run-succeeded',
            );
            for (const open of ['waiting', 'ready', 'running'] as const) expect(ends).not.toContain(open);
            return;
          }
          const ready = steps.findIndex(({ id }) => now.get(id)?.state === 'ready');
          expect(ready).toBeGreaterThanOrEqual(0);
          for (const before of steps[ready]!.after) expect(now.get(before)?.state).toBe('succeeded');
          now.set(steps[ready]!.id, { state: fails[ready] ? 'failed' : 'succeeded' });
        }
        throw new Error('the run never ended');
      }),
      { numRuns: 200 },
    );
  });
});
