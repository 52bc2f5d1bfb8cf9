import type { Plan } from '../../domain/plan/plan.js';
import { renderPlan } from '../../domain/plan/render-plan.js';
import type { PlanDto } from './responses.js';

/** What people see of a plan; not what it rests on. */
export function toPlanDto(plan: Plan): PlanDto {
  const { wanted: _w, alongside: _a, orders, basis: _b, reservations: _r, ...shown } = plan;
  const { from, to } = orders?.domain ?? {};
  return {
    ...shown,
    ...(from && to ? { domain: { from, to } } : {}),
    text: renderPlan(plan),
  } as unknown as PlanDto;
}
