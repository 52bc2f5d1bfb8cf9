import type { StepId } from '../ids.js';
import type { RunEvent, RunState, StepEvent, StepState } from './run.js';
import { isOpen } from './transitions.js';

/** The part of a planned step that decides about order. */
export interface GraphStep {
  readonly id: StepId;
  readonly after: readonly StepId[];
}

/** The part of a step's status that decides about the others. */
export interface GraphStatus {
  readonly state: StepState;
  /** An outside task without a recorded outcome: to be stopped before the step counts as cancelled. */
  readonly outsideTask?: string;
}

export interface Consequences {
  readonly steps: readonly {
    readonly step: StepId;
    readonly event: Extract<StepEvent, { type: 'unblocked' | 'blocked' | 'cancelled' }>;
  }[];
  /** The run has come to an end. */
  readonly run?: Extract<RunEvent, { type: 'run-succeeded' | 'run-failed' | 'run-cancelled' }>;
}

/** Nothing after them can start: below such a step stands `blocked`. */
const STOPPED: readonly StepState[] = ['failed', 'quarantined', 'cancelled'];

/**
 * What follows from the present statuses: which steps may start, which never will (and because of which one), whether
 * the run is over. Idempotent: asked again after its events were written, it answers with nothing. Steps may be given in
 * any order. While a run is being cancelled nothing new starts; a ready step that has left an outside task behind stays
 * ready, so that a worker stops that task.
 */
export function nextSteps(
  graph: readonly GraphStep[],
  statuses: ReadonlyMap<StepId, GraphStatus>,
  run: RunState,
): Consequences {
  if (run !== 'running' && run !== 'cancelling') return { steps: [] };
  const after = new Map<StepId, StepState>();
  for (const { id } of graph) after.set(id, statusOf(statuses, id).state);
  const steps = run === 'running' ? forward(graph, after) : wind(graph, statuses, after);
  const end = outcome(after, run);
  return end === undefined ? { steps } : { steps, run: end };
}

function statusOf(statuses: ReadonlyMap<StepId, GraphStatus>, id: StepId): GraphStatus {
  const status = statuses.get(id);
  if (status === undefined) throw new Error(`step ${id} is not part of the run`);
  return status;
}

function forward(graph: readonly GraphStep[], after: Map<StepId, StepState>): Consequences['steps'] {
  const events: { step: StepId; event: Consequences['steps'][number]['event'] }[] = [];
  const byId = new Map(graph.map((step) => [step.id, step]));
  const cause = new Map<StepId, StepId | undefined>();
  /** The nearest failed step above, if there is one; remembered, because big plans share most of their paths. */
  const causeOf = (id: StepId): StepId | undefined => {
    if (cause.has(id)) return cause.get(id);
    cause.set(id, undefined);
    let found: StepId | undefined;
    for (const before of byId.get(id)?.after ?? []) {
      const state = after.get(before);
      if (state === undefined) throw new Error(`step ${id} waits for ${before}, which is not in the plan`);
      if (STOPPED.includes(state)) found = before;
      else if (state === 'waiting' || state === 'blocked') found = causeOf(before);
      if (found !== undefined) break;
    }
    cause.set(id, found);
    return found;
  };
  for (const { id, after: waitsFor } of graph) {
    if (after.get(id) !== 'waiting') continue;
    const by = causeOf(id);
    if (by !== undefined) events.push({ step: id, event: { type: 'blocked', by } });
    else if (waitsFor.every((before) => after.get(before) === 'succeeded')) {
      events.push({ step: id, event: { type: 'unblocked' } });
    }
  }
  for (const { step, event } of events) after.set(step, event.type === 'unblocked' ? 'ready' : 'blocked');
  return events;
}

/** Winds a run down: everything that has not started is cancelled. */
function wind(
  graph: readonly GraphStep[],
  statuses: ReadonlyMap<StepId, GraphStatus>,
  after: Map<StepId, StepState>,
): Consequences['steps'] {
  const events: { step: StepId; event: { type: 'cancelled' } }[] = [];
  for (const { id } of graph) {
    const { state, outsideTask } = statusOf(statuses, id);
    const leftBehind = outsideTask !== undefined && (state === 'ready' || state === 'retrying');
    if (!isOpen(state) || state === 'running' || leftBehind) continue;
    events.push({ step: id, event: { type: 'cancelled' } });
    after.set(id, 'cancelled');
  }
  return events;
}

function outcome(after: ReadonlyMap<StepId, StepState>, run: 'running' | 'cancelling'): Consequences['run'] {
  const states = [...after.values()];
  if (states.some(isOpen)) return undefined;
  if (states.every((state) => state === 'succeeded')) return { type: 'run-succeeded' };
  const failed = [...after].filter(([, state]) => state === 'failed' || state === 'quarantined').map(([id]) => id);
  if (run === 'cancelling' && failed.length === 0) return { type: 'run-cancelled' };
  return { type: 'run-failed', by: failed };
}
