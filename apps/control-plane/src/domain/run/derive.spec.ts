import type { RunId, StepId } from '../ids.js';
import { applyStepEvent, deriveRun, LEASE_EXPIRED, newStep, type StepRecord } from './derive.js';
import type { LogEntry, RunEvent, StepEvent } from './run.js';
import { IllegalTransition } from './transitions.js';

const A = 'a' as StepId;
const failure = { code: 'x', retryable: 'now', message: 'm' } as const;
const started = (epoch: number): StepEvent => ({
  type: 'started',
  attempt: epoch,
  epoch,
  holder: `w${epoch}`,
  deadline: 500,
});
const following = (...events: StepEvent[]): StepRecord =>
  events.reduce((step, event, i) => applyStepEvent(step, event, (i + 1) * 10), newStep(A));

describe('a step as its log tells it', () => {
  it('knows who holds it, since when and until when', () => {
    expect(following({ type: 'unblocked' }, started(1))).toEqual({
      id: A,
      state: 'running',
      attempt: 1,
      epoch: 1,
      holder: 'w1',
      deadline: 500,
      startedAt: 20,
      starts: 1,
      retries: 0,
    });
  });

  it('shows progress and what it waits for, and not the wait of before', () => {
    const running: StepEvent[] = [{ type: 'unblocked' }, started(1), { type: 'waited', what: 'a lock' }];
    expect(following(...running).waitingFor).toBe('a lock');
    expect(following(...running, { type: 'progressed', percent: 40, text: 'half' })).toMatchObject({
      percent: 40,
      text: 'half',
    });
    expect(following(...running, { type: 'progressed', percent: 40, text: 'half' }).waitingFor).toBeUndefined();
  });

  it('counts starts that came to no end, and forgets them with every end', () => {
    const lost: StepEvent = { type: 'handed-over', reason: LEASE_EXPIRED };
    expect(following({ type: 'unblocked' }, started(1), lost, started(2), lost).starts).toBe(2);
    expect(
      following({ type: 'unblocked' }, started(1), lost, started(2), { type: 'handed-over', reason: 'worker stops' })
        .starts,
    ).toBe(0);
    expect(following({ type: 'unblocked' }, started(1), { type: 'retry-scheduled', at: 99, failure })).toMatchObject({
      starts: 0,
      retries: 1,
      notBefore: 99,
      deadline: 500,
      startedAt: 20,
    });
  });

  it('keeps attempt and epoch over a reset, so that an old holder can never be taken for the new one', () => {
    const failed: StepEvent = { type: 'failed', failure };
    expect(following({ type: 'unblocked' }, started(1), failed, { type: 'reset' })).toEqual({
      id: A,
      state: 'waiting',
      attempt: 1,
      epoch: 1,
      starts: 0,
      retries: 0,
    });
  });
});

describe('a run as its log tells it', () => {
  const entry = (seq: number, event: StepEvent | RunEvent, step?: StepId): LogEntry =>
    ({ run: 'run_1' as RunId, seq, at: seq, ...(step === undefined ? {} : { step }), event }) as LogEntry;
  const log = [
    entry(1, { type: 'run-started', actor: 'admin' }),
    entry(2, { type: 'unblocked' }, A),
    entry(3, started(1), A),
    { run: 'run_1' as RunId, seq: 4, at: 4, step: A, event: { type: 'log', lines: [] } } as LogEntry,
    entry(5, { type: 'succeeded', output: null, durationMs: 1 }, A),
    entry(6, { type: 'run-succeeded' }),
  ];

  it('follows from the log alone', () => {
    expect(deriveRun([A], log)).toMatchObject({ state: 'succeeded', seq: 6 });
    expect(deriveRun([A], log.slice(0, 3)).steps.get(A)?.state).toBe('running');
  });

  it('refuses a log with a gap, with an event that cannot follow, or with a step that is not in the plan', () => {
    expect(() =>
      deriveRun(
        [A],
        log.filter(({ seq }) => seq !== 4),
      ),
    ).toThrow('gap');
    expect(() => deriveRun([A], [log[0]!, entry(2, started(1), A)])).toThrow(IllegalTransition);
    expect(() => deriveRun([], log)).toThrow('not in the plan');
  });
});
