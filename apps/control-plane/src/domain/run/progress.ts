import type { Instant, Milliseconds, StepId } from '../ids.js';
import type { StepStatus } from './run.js';
import { isOpen } from './transitions.js';

interface WeightedStep {
  readonly id: StepId;
  readonly after: readonly StepId[];
  readonly weightMs: Milliseconds;
}

export interface Progress {
  /** 0–100, whole; 100 only when every step has succeeded. */
  readonly percent: number;
  /** Along the longest chain of what is still open; absent when nothing is. */
  readonly remainingMs?: Milliseconds;
}

/** A running step that says nothing about itself never counts as more than this. */
const SILENT_CAP = 0.9;

/** How much of a step is done, 0–1: what it says itself, else the time it has taken against what was expected. */
function doneShare(step: WeightedStep, status: StepStatus | undefined, now: Instant): number {
  if (status?.state === 'succeeded') return 1;
  if (status?.state !== 'running') return 0;
  if (status.percent !== undefined) return Math.min(status.percent / 100, 1);
  const elapsed = status.startedAt === undefined ? 0 : Math.max(0, now - status.startedAt);
  return step.weightMs === 0 ? 0 : Math.min(SILENT_CAP, elapsed / step.weightMs);
}

/** Weighted progress of a run and what is left of it. */
export function progressOf(
  steps: readonly WeightedStep[],
  statuses: ReadonlyMap<StepId, StepStatus>,
  now: Instant,
): Progress {
  const total = steps.reduce((sum, step) => sum + step.weightMs, 0);
  const done = steps.reduce((sum, step) => sum + step.weightMs * doneShare(step, statuses.get(step.id), now), 0);
  const complete = steps.every((step) => statuses.get(step.id)?.state === 'succeeded');
  const percent = complete ? 100 : Math.min(99, total === 0 ? 0 : Math.floor((100 * done) / total));
  const open = steps.filter((step) => isOpen(statuses.get(step.id)?.state ?? 'waiting'));
  return open.length === 0 ? { percent } : { percent, remainingMs: longestRest(steps, statuses, now) };
}

function longestRest(
  steps: readonly WeightedStep[],
  statuses: ReadonlyMap<StepId, StepStatus>,
  now: Instant,
): Milliseconds {
  const byId = new Map(steps.map((step) => [step.id, step]));
  const rest = new Map<StepId, Milliseconds>();
  const restOf = (id: StepId): Milliseconds => {
    const known = rest.get(id);
    if (known !== undefined) return known;
    const step = byId.get(id);
    const status = statuses.get(id);
    if (step === undefined || !isOpen(status?.state ?? 'waiting')) return 0;
    rest.set(id, 0);
    const own = step.weightMs * (1 - doneShare(step, status, now));
    const before = Math.max(0, ...step.after.map(restOf));
    rest.set(id, own + before);
    return own + before;
  };
  return Math.round(Math.max(0, ...steps.map((step) => restOf(step.id))));
}
