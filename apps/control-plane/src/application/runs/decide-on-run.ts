import type { RunId } from '../../domain/ids.js';
import { Refusal } from '../../domain/problem.js';
import type { RunState } from '../../domain/run/run.js';

export const noSuchRun = (run: RunId): Refusal =>
  new Refusal({
    code: 'not_found',
    subject: `run ${run}`,
    message: 'There is no such run.',
    remedy: 'List the runs and take an id from there.',
  });

const REMEDIES: Record<RunState, string> = {
  running: 'Wait until it has ended, or cancel it.',
  cancelling: 'Wait until it is cancelled.',
  succeeded: 'It is done; make a new plan for further changes.',
  failed: 'Retry it, undo it, or leave things as they are.',
  cancelled: 'Retry it, undo it, or leave things as they are.',
  undoing: 'Wait until it is undone, or leave things as they are.',
  undone: 'It was taken back; make a new plan.',
  left: 'It was left as it is; make a new plan.',
};

/** A run is in no state for what was asked. */
export const notInState = (run: RunId, state: RunState, wanted: string): Refusal =>
  new Refusal({
    code: wanted === 'cancelled' ? 'run.not_cancellable' : 'run.illegal',
    subject: `run ${run}`,
    message: `A run that is ${state} cannot be ${wanted}.`,
    remedy: REMEDIES[state],
    details: { state },
  });
