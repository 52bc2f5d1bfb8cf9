import { hasErrors } from '../../diagnostic.js';
import type { PlanId } from '../../ids.js';
import type { Sha256Of } from '../../module/hash.js';
import type { ObservedGuest } from '../../stack/observed.js';
import type { WantedStack } from '../../stack/stack.js';
import type { PlanInput } from '../draft.js';
import { makePlan } from '../make-plan.js';
import type { Plan } from '../plan.js';
import { CATALOGUE, NOTHING_RECORDED, observedLab, planInput } from './sample-site.js';
import { simulate, type World } from './simulate.js';

/** Nothing recorded, an empty lab. */
const EMPTY: World = { recorded: NOTHING_RECORDED, observed: { lab1: observedLab() } };

/** Plans and carries out in a world that changes, for tests that tell a story. */
export class Planning {
  #plans = 0;
  constructor(
    private readonly sha256: Sha256Of,
    public world: World = EMPTY,
    private readonly base: Partial<PlanInput> = {},
  ) {}

  plan(wanted: WantedStack, over: Partial<PlanInput> = {}): Plan {
    this.#plans += 1;
    const planId = `pln_${this.#plans}` as PlanId;
    return makePlan(planInput(this.sha256, { ...this.base, ...this.world, wanted, planId, ...over }));
  }

  /** Plans and carries out all steps, or the first `count`. */
  apply(wanted: WantedStack, over: Partial<PlanInput> = {}, count?: number): Plan {
    const plan = this.plan(wanted, over);
    if (hasErrors(plan.findings)) throw new Error(JSON.stringify(plan.findings, null, 2));
    const { interfaces } = over.catalogue ?? this.base.catalogue ?? CATALOGUE;
    this.world = simulate(plan, this.world, this.sha256, count, interfaces);
    return plan;
  }
}

/** A world in which these stacks are installed, one after the other. */
export function inPlace(sha256: Sha256Of, ...stacks: readonly WantedStack[]): Planning {
  const planning = new Planning(sha256);
  for (const stack of stacks) planning.apply(stack);
  return planning;
}

/** The same world with other guests on the lab. */
export function withGuests(
  world: World,
  change: (guests: readonly ObservedGuest[]) => readonly ObservedGuest[],
): World {
  const lab1 = world.observed.lab1 ?? observedLab();
  return { ...world, observed: { lab1: { ...lab1, guests: change(lab1.guests) } } };
}

export const ids = (plan: Plan): readonly string[] => plan.steps.map((step) => step.id);

/** `error binding.cycle wiki`. */
export const told = (plan: Plan): readonly string[] =>
  plan.findings.map((finding) => `${finding.severity} ${finding.code} ${finding.subject}`);

export const touched = (plan: Plan): readonly string[] =>
  plan.blastRadius.map((thing) => `${thing.effect} ${thing.kind} ${thing.name}`);
