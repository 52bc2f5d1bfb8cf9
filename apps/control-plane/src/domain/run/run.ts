import type { Instant, Json, Milliseconds, PlanId, RunId, StackId, StepId } from '../ids.js';
import type { Problem } from '../problem.js';

/** What may be said of a step. `waiting`: for the steps before it; `ready`: may be claimed; `blocked`: below a failed one. */
export const STEP_STATES = [
  'waiting',
  'ready',
  'running',
  'retrying',
  'succeeded',
  'failed',
  'blocked',
  'cancelled',
  'quarantined',
  'undone',
] as const;
export type StepState = (typeof STEP_STATES)[number];

/** What happens to a step; the only source of its state. */
export type StepEvent =
  | { readonly type: 'unblocked' }
  | {
      readonly type: 'started';
      readonly attempt: number;
      readonly epoch: number;
      readonly holder: string;
      readonly deadline: Instant;
    }
  | { readonly type: 'progressed'; readonly percent: number; readonly text: string }
  | { readonly type: 'waited'; readonly what: string }
  | { readonly type: 'handed-over'; readonly reason: string }
  | { readonly type: 'retry-scheduled'; readonly at: Instant; readonly failure: FailureData }
  | { readonly type: 'succeeded'; readonly output: Json; readonly durationMs: Milliseconds }
  | { readonly type: 'failed'; readonly failure: FailureData; readonly problem?: Problem }
  | { readonly type: 'blocked'; readonly by: StepId }
  | { readonly type: 'cancelled' }
  | { readonly type: 'quarantined'; readonly starts: number }
  | { readonly type: 'reset' }
  | { readonly type: 'undone' };

export interface FailureData {
  readonly code: string;
  readonly retryable: 'now' | 'later' | 'never';
  readonly message: string;
  readonly hint?: string;
  readonly details?: { readonly [key: string]: unknown };
}

export const RUN_STATES = [
  'running',
  'cancelling',
  'succeeded',
  'failed',
  'cancelled',
  'undoing',
  'undone',
  'left',
] as const;
export type RunState = (typeof RUN_STATES)[number];

export type RunEvent =
  | { readonly type: 'run-started'; readonly actor: string }
  | { readonly type: 'cancel-requested'; readonly actor: string }
  | { readonly type: 'run-succeeded' }
  | { readonly type: 'run-failed'; readonly by: readonly StepId[] }
  | { readonly type: 'run-cancelled' }
  | { readonly type: 'retried'; readonly actor: string; readonly from: readonly StepId[] }
  | { readonly type: 'undo-requested'; readonly actor: string }
  | { readonly type: 'run-undone' }
  | { readonly type: 'run-left'; readonly actor: string };

/** One entry of the run log, in the order of `seq` (1, 2, 3 … without gaps within a run). Log lines are entries too, so that one sequence number resumes a stream. */
export type LogEntry = {
  readonly run: RunId;
  readonly seq: number;
  readonly at: Instant;
} & (
  | { readonly step: StepId; readonly event: StepEvent }
  | { readonly step?: undefined; readonly event: RunEvent }
  | { readonly step: StepId; readonly event: { readonly type: 'log'; readonly lines: readonly LogLine[] } }
);

export interface LogLine {
  readonly at: Instant;
  readonly stream: 'stdout' | 'stderr' | 'note';
  readonly text: string;
}

export interface Run {
  readonly id: RunId;
  readonly plan: PlanId;
  readonly stack: StackId;
  readonly state: RunState;
  readonly createdAt: Instant;
  readonly finishedAt?: Instant;
  readonly actor: string;
}

/** A step's current state, derived from its events. */
export interface StepStatus {
  readonly id: StepId;
  readonly state: StepState;
  readonly attempt: number;
  readonly epoch: number;
  readonly holder?: string;
  readonly startedAt?: Instant;
  readonly finishedAt?: Instant;
  readonly deadline?: Instant;
  readonly notBefore?: Instant;
  readonly percent?: number;
  readonly text?: string;
  readonly waitingFor?: string;
  readonly failure?: FailureData;
  readonly problem?: Problem;
  readonly blockedBy?: StepId;
  readonly output?: Json;
}
