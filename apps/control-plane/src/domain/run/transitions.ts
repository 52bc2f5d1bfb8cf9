import type { RunEvent, RunState, StepEvent, StepState } from './run.js';

type StepTable = { readonly [S in StepState]: Partial<Record<StepEvent['type'], StepState>> };
type RunTable = { readonly [S in RunState]: Partial<Record<RunEvent['type'], RunState>> };

/**
 * What may happen to a step, and what it becomes. The only source of states: whoever wants to change one writes an
 * event. A holder that dies is recorded as `handed-over` by whoever notices it.
 */
export const NEXT_STEP_STATE = {
  waiting: { unblocked: 'ready', blocked: 'blocked', cancelled: 'cancelled' },
  ready: { started: 'running', cancelled: 'cancelled', quarantined: 'quarantined' },
  running: {
    progressed: 'running',
    waited: 'running',
    'handed-over': 'ready',
    'retry-scheduled': 'retrying',
    succeeded: 'succeeded',
    failed: 'failed',
    cancelled: 'cancelled',
  },
  retrying: { started: 'running', cancelled: 'cancelled' },
  succeeded: { undone: 'undone' },
  failed: { reset: 'waiting', undone: 'undone' },
  blocked: { reset: 'waiting', undone: 'undone' },
  cancelled: { reset: 'waiting', undone: 'undone' },
  quarantined: { reset: 'waiting', undone: 'undone' },
  undone: {},
} as const satisfies StepTable;

/**
 * What may happen to a run. `undoing` stands while another run removes what this one recorded; it may be asked for
 * again when that one failed, or given up by leaving things as they are.
 */
export const NEXT_RUN_STATE = {
  running: {
    'run-started': 'running',
    'cancel-requested': 'cancelling',
    'run-succeeded': 'succeeded',
    'run-failed': 'failed',
  },
  // What could not be cancelled may still succeed or fail.
  cancelling: { 'run-cancelled': 'cancelled', 'run-succeeded': 'succeeded', 'run-failed': 'failed' },
  succeeded: {},
  failed: { retried: 'running', 'undo-requested': 'undoing', 'run-left': 'left' },
  cancelled: { retried: 'running', 'undo-requested': 'undoing', 'run-left': 'left' },
  undoing: { 'undo-requested': 'undoing', 'run-undone': 'undone', 'run-left': 'left' },
  undone: {},
  left: {},
} as const satisfies RunTable;

/** Somebody wrote an event that cannot follow: a bug, never an answer to a user. */
export class IllegalTransition extends Error {
  override readonly name = 'IllegalTransition';
  constructor(
    readonly subject: string,
    readonly state: string,
    readonly event: string,
  ) {
    super(`${subject}: '${event}' cannot happen in state '${state}'`);
  }
}

/** The state a step has after the event; throws `IllegalTransition`. `subject` names the step in the error. */
export function transition(state: StepState, event: StepEvent['type'], subject = 'step'): StepState {
  const next = (NEXT_STEP_STATE as StepTable)[state][event];
  if (next === undefined) throw new IllegalTransition(subject, state, event);
  return next;
}

/** The state a run has after the event; throws `IllegalTransition`. */
export function runTransition(state: RunState, event: RunEvent['type'], subject = 'run'): RunState {
  const next = (NEXT_RUN_STATE as RunTable)[state][event];
  if (next === undefined) throw new IllegalTransition(subject, state, event);
  return next;
}

export const mayHappenToRun = (state: RunState, event: RunEvent['type']): boolean =>
  (NEXT_RUN_STATE as RunTable)[state][event] !== undefined;

/** Nothing of the run is being done or waited for any more, until somebody decides. */
export const isSettled = (state: RunState): boolean =>
  state !== 'running' && state !== 'cancelling' && state !== 'undoing';

/** Steps that the engine still has to do something with. */
export const isOpen = (state: StepState): boolean =>
  state === 'waiting' || state === 'ready' || state === 'running' || state === 'retrying';
