import type { PlanBasis } from './plan.js';

/** What changed since a plan was made, by subject: not empty means `plan.stale`. Both bases come from `makePlan` with the same wanted stack. */
export function comparePlanBasis(before: PlanBasis, now: PlanBasis): readonly string[] {
  const subjects = new Set([...Object.keys(before), ...Object.keys(now)]);
  return [...subjects].filter((subject) => before[subject] !== now[subject]).sort();
}
