import type { Instant, StepId } from '../ids.js';
import type { LogEntry, RunState, StepEvent, StepStatus } from './run.js';
import { IllegalTransition, runTransition, transition } from './transitions.js';

/** A step's status and what the engine alone needs of it; all of it follows from the log. */
export interface StepRecord extends StepStatus {
  /** Starts in a row that never came to an end: a step that kills its worker shows here. */
  readonly starts: number;
  /** Scheduled retries since the step was last reset. */
  readonly retries: number;
}

export const newStep = (id: StepId): StepRecord => ({
  id,
  state: 'waiting',
  attempt: 0,
  epoch: 0,
  starts: 0,
  retries: 0,
});

/** Reason of the `handed-over` event of a holder that stopped answering. */
export const LEASE_EXPIRED = 'lease-expired';

/** What stays of a step when it leaves its holder. */
const released = (
  step: StepRecord,
): Pick<StepRecord, 'id' | 'attempt' | 'epoch' | 'starts' | 'retries'> & Partial<StepRecord> => ({
  id: step.id,
  attempt: step.attempt,
  epoch: step.epoch,
  starts: step.starts,
  retries: step.retries,
  ...(step.startedAt === undefined ? {} : { startedAt: step.startedAt }),
  ...(step.percent === undefined ? {} : { percent: step.percent }),
  ...(step.text === undefined ? {} : { text: step.text }),
});

/** The step after one more event. Throws `IllegalTransition` when the event cannot follow. */
export function applyStepEvent(step: StepRecord, event: StepEvent, at: Instant): StepRecord {
  const state = transition(step.state, event.type, `step ${step.id}`);
  switch (event.type) {
    case 'unblocked':
    case 'undone':
      return { ...step, state };
    case 'started':
      return {
        ...released(step),
        state,
        attempt: event.attempt,
        epoch: event.epoch,
        holder: event.holder,
        deadline: event.deadline,
        startedAt: step.startedAt ?? at,
        starts: step.starts + 1,
      };
    case 'progressed': {
      const { waitingFor: _waitingFor, ...rest } = step;
      return { ...rest, state, percent: event.percent, text: event.text };
    }
    case 'waited':
      return { ...step, state, waitingFor: event.what };
    case 'handed-over':
      // A worker that hands over did not die of the step; one whose lease ran out may have.
      return {
        ...released(step),
        state,
        ...(step.deadline === undefined ? {} : { deadline: step.deadline }),
        starts: event.reason === LEASE_EXPIRED ? step.starts : 0,
      };
    case 'retry-scheduled':
      return {
        ...released(step),
        state,
        ...(step.deadline === undefined ? {} : { deadline: step.deadline }),
        notBefore: event.at,
        failure: event.failure,
        starts: 0,
        retries: step.retries + 1,
      };
    case 'succeeded':
      return { ...released(step), state, percent: 100, finishedAt: at, output: event.output, starts: 0 };
    case 'failed':
      return {
        ...released(step),
        state,
        finishedAt: at,
        failure: event.failure,
        ...(event.problem === undefined ? {} : { problem: event.problem }),
        starts: 0,
      };
    case 'blocked':
      return { ...released(step), state, finishedAt: at, blockedBy: event.by };
    case 'cancelled':
      return { ...released(step), state, finishedAt: at };
    case 'quarantined':
      return { ...released(step), state, finishedAt: at, failure: quarantineFailure(event.starts) };
    case 'reset':
      return { ...newStep(step.id), state, attempt: step.attempt, epoch: step.epoch };
    default:
      return event satisfies never;
  }
}

const quarantineFailure = (starts: number) => ({
  code: 'step.quarantined',
  retryable: 'never' as const,
  message: `Started ${starts} times, and each time the worker stopped before the step ended.`,
  hint: "Look at the worker's own log and memory, then retry from this step.",
});

export interface DerivedRun {
  readonly state: RunState;
  readonly steps: ReadonlyMap<StepId, StepRecord>;
  /** Last entry that was folded in. */
  readonly seq: number;
}

/** The present state of a run, from its log alone. Entries must be complete and in order. */
export function deriveRun(steps: readonly StepId[], log: Iterable<LogEntry>): DerivedRun {
  const records = new Map<StepId, StepRecord>(steps.map((id) => [id, newStep(id)]));
  let state: RunState = 'running';
  let seq = 0;
  for (const entry of log) {
    if (entry.seq !== seq + 1) throw new Error(`run log has a gap: entry ${entry.seq} follows ${seq}`);
    seq = entry.seq;
    if (entry.step === undefined) {
      state = runTransition(state, entry.event.type, `run ${entry.run}`);
    } else if (entry.event.type !== 'log') {
      const step = records.get(entry.step);
      if (step === undefined) throw new IllegalTransition(`step ${entry.step}`, 'not in the plan', entry.event.type);
      records.set(entry.step, applyStepEvent(step, entry.event, entry.at));
    }
  }
  return { state, steps: records, seq };
}
