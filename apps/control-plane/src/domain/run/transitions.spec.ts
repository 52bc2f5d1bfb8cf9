import type { RunEvent, RunState, StepEvent, StepState } from './run.js';
import { RUN_STATES, STEP_STATES } from './run.js';
import {
  IllegalTransition,
  isOpen,
  isSettled,
  NEXT_RUN_STATE,
  NEXT_STEP_STATE,
  runTransition,
  transition,
} from './transitions.js';

const STEP_EVENTS: readonly StepEvent['type'][] = [
  'unblocked',
  'started',
  'progressed',
  'waited',
  'handed-over',
  'retry-scheduled',
  'succeeded',
  'failed',
  'blocked',
  'cancelled',
  'quarantined',
  'reset',
  'undone',
];
const RUN_EVENTS: readonly RunEvent['type'][] = [
  'run-started',
  'cancel-requested',
  'run-succeeded',
  'run-failed',
  'run-cancelled',
  'retried',
  'undo-requested',
  'run-undone',
  'run-left',
];

describe('what may happen to a step', () => {
  it.each<[StepState, StepEvent['type'], StepState]>([
    ['waiting', 'unblocked', 'ready'],
    ['ready', 'started', 'running'],
    ['running', 'handed-over', 'ready'],
    ['running', 'retry-scheduled', 'retrying'],
    ['retrying', 'started', 'running'],
    ['running', 'succeeded', 'succeeded'],
    ['running', 'failed', 'failed'],
    ['waiting', 'blocked', 'blocked'],
    ['ready', 'quarantined', 'quarantined'],
    ['quarantined', 'reset', 'waiting'],
    ['blocked', 'reset', 'waiting'],
    ['succeeded', 'undone', 'undone'],
  ])('%s, %s: %s', (state, event, next) => {
    expect(transition(state, event)).toBe(next);
  });

  it('refuses everything else, and names both sides', () => {
    let refused = 0;
    for (const state of STEP_STATES) {
      for (const event of STEP_EVENTS) {
        if (event in NEXT_STEP_STATE[state]) continue;
        refused += 1;
        const attempt = (): StepState => transition(state, event, 'step a');
        expect(attempt).toThrow(IllegalTransition);
        expect(attempt).toThrow(`step a: '${event}' cannot happen in state '${state}'`);
      }
    }
    expect(refused).toBeGreaterThan(90);
  });

  it('never lets a succeeded step start again', () => {
    expect(Object.keys(NEXT_STEP_STATE.succeeded)).toEqual(['undone']);
  });

  it('leads every step that is under way to an end', () => {
    for (const state of STEP_STATES.filter(isOpen)) {
      const seen = new Set<StepState>([state]);
      for (const known of seen) for (const next of Object.values(NEXT_STEP_STATE[known])) seen.add(next);
      expect([...seen]).toEqual(expect.arrayContaining(['succeeded', 'failed', 'cancelled']));
    }
  });
});

describe('what may happen to a run', () => {
  it.each<[RunState, RunEvent['type'], RunState]>([
    ['running', 'cancel-requested', 'cancelling'],
    ['cancelling', 'run-cancelled', 'cancelled'],
    ['failed', 'retried', 'running'],
    ['cancelled', 'undo-requested', 'undoing'],
    ['undoing', 'run-undone', 'undone'],
    ['undoing', 'run-left', 'left'],
  ])('%s, %s: %s', (state, event, next) => {
    expect(runTransition(state, event)).toBe(next);
  });

  it('refuses everything else', () => {
    for (const state of RUN_STATES) {
      for (const event of RUN_EVENTS) {
        if (!(event in NEXT_RUN_STATE[state])) expect(() => runTransition(state, event)).toThrow(IllegalTransition);
      }
    }
  });

  it('calls a run settled exactly when nobody works on it', () => {
    expect(RUN_STATES.filter((state) => !isSettled(state))).toEqual(['running', 'cancelling', 'undoing']);
  });
});
