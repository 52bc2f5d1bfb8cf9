import type { StepId } from '../../ids.js';
import type { Estimate, PlannedStep } from '../plan.js';

/** After ordering: the longest chain through the graph is what the admin waits for, the sum is what it would be one by one. */
export function estimate(steps: readonly PlannedStep[]): Estimate {
  const end = new Map<StepId, number>();
  const from = new Map<StepId, StepId>();
  let last: StepId | undefined;
  let sumMs = 0;
  // Steps come sorted by layer, so whatever a step waits for is there already.
  for (const { id, after, weightMs } of steps) {
    let start = 0;
    for (const other of after) {
      if ((end.get(other) ?? 0) > start || !from.has(id)) from.set(id, other);
      start = Math.max(start, end.get(other) ?? 0);
    }
    end.set(id, start + weightMs);
    sumMs += weightMs;
    if (last === undefined || start + weightMs > (end.get(last) ?? 0)) last = id;
  }
  const longestChain: StepId[] = [];
  for (let at = last; at !== undefined; at = from.get(at)) longestChain.unshift(at);
  return { wallMs: last === undefined ? 0 : (end.get(last) ?? 0), sumMs, longestChain };
}
