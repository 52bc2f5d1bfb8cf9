import { hasErrors } from '../diagnostic.js';
import type { Sha256 } from '../ids.js';
import { digestOf } from '../module/hash.js';
import type { Reservation, WantedStack } from '../stack/stack.js';
import type { Draft, PlanInput } from './draft.js';
import { allocate } from './passes/allocate.js';
import { alongside } from './passes/alongside.js';
import { archive } from './passes/archive.js';
import { basis } from './passes/basis.js';
import { bind } from './passes/bind.js';
import { blastRadius } from './passes/blast-radius.js';
import { capacity } from './passes/capacity.js';
import { compose } from './passes/compose.js';
import { configure } from './passes/configure.js';
import { findCycles } from './passes/cycles.js';
import { deriveSteps } from './passes/derive-steps.js';
import { diff } from './passes/diff.js';
import { domainNotes } from './passes/domain-notes.js';
import { estimate } from './passes/estimate.js';
import { firewall } from './passes/firewall.js';
import { leave } from './passes/leave.js';
import { nameServers } from './passes/name-servers.js';
import { order } from './passes/order.js';
import { orders } from './passes/orders.js';
import { place } from './passes/place.js';
import { rename } from './passes/rename.js';
import { validate } from './passes/validate.js';
import type { Plan } from './plan.js';
import { indexInput } from './plan-index.js';

/**
 * The passes in their order; each says at its place why it stands there. They come in groups: all findings of a group are
 * told at once, but the next group would only report consequences, so it runs when there are no errors.
 */
const GROUPS: readonly (readonly ((draft: Draft) => void)[])[] = [
  [validate, compose],
  [bind, findCycles, leave],
  [place, allocate],
  [nameServers, rename, configure, orders, diff, withOthers],
  [firewall, deriveSteps, capacity, domainNotes],
];

/** A stack that is archived is not composed anew: what is recorded of it is stopped, as it is. */
const TO_ARCHIVE: typeof GROUPS = [[validate, archive]];

/**
 * The difference between what is wanted and what is, as a plan. Pure: equal inputs give equal plans. A plan with an error
 * among its findings has no steps; an empty plan without one means that nothing is to be done.
 */
export function makePlan(input: PlanInput): Plan {
  const draft = newDraft(input);
  runGroups(draft, input.wanted.state === 'archived' ? TO_ARCHIVE : GROUPS);
  const ordered = hasErrors(draft.findings) ? [] : order(draft);
  const steps = hasErrors(draft.findings) ? [] : ordered;
  const { wanted } = input;
  const content = {
    stack: wanted.id,
    operation: operationOf(draft),
    steps,
    blastRadius: steps.length > 0 ? blastRadius(draft) : [],
    basis: basis(draft),
  };
  return {
    id: input.planId,
    ...content,
    stackName: wanted.name,
    site: input.site.name,
    wanted,
    ...(input.orders ? { orders: input.orders } : {}),
    ...(input.alongside ? { alongside: input.alongside } : {}),
    findings: [...draft.findings].sort((a, b) => RANK[a.severity] - RANK[b.severity]),
    estimate: estimate(steps),
    reservations: steps.length > 0 ? reservations(draft) : [],
    hash: hashPlan(content, input.sha256),
    createdAt: input.now,
  };
}

function runGroups(draft: Draft, groups: typeof GROUPS): void {
  for (const group of groups) {
    for (const pass of group) pass(draft);
    if (hasErrors(draft.findings)) return;
  }
}

/** Another stack of the site, as its own plan would see it, up to what is to be done. */
function withOthers(draft: Draft): void {
  const { alongside: _others, ...input } = draft.input;
  alongside(draft, (wanted: WantedStack) => {
    const other = newDraft({ ...input, wanted });
    runGroups(other, GROUPS.slice(0, -1));
    return other;
  });
}

const RANK = { error: 0, warning: 1, info: 2 } as const;

/** What apply must be told; anything the admin reviewed changes it. */
const hashPlan = (
  plan: Pick<Plan, 'stack' | 'operation' | 'steps' | 'blastRadius' | 'basis'>,
  sha256: PlanInput['sha256'],
): Sha256 => {
  const { stack, operation, steps, blastRadius: touched, basis: seen } = plan;
  return digestOf({ stack, operation, steps, blastRadius: touched, basis: seen }, sha256);
};

function operationOf(draft: Draft): Plan['operation'] {
  const { state } = draft.input.wanted;
  if (state !== 'present') return state === 'removed' ? 'remove' : 'archive';
  return draft.index.own.size === 0 ? 'install' : 'change';
}

/** Ids and addresses of guests that do not exist yet. */
function reservations(draft: Draft): readonly Reservation[] {
  return [...draft.members.values()]
    .flatMap((member) => member.guests)
    .flatMap(({ key, spec, work }): Reservation[] =>
      spec === undefined || !work.create
        ? []
        : [
            { kind: 'guest-id', scope: spec.substrate, value: String(spec.vmid), owner: key },
            { kind: 'address', scope: spec.network.zone, value: spec.network.address, owner: key },
          ],
    );
}

const newDraft = (input: PlanInput): Draft => ({
  input,
  index: indexInput(input),
  findings: [],
  blueprints: [],
  knownInstances: new Set(),
  parameters: {},
  members: new Map(),
  reused: new Map(),
  external: new Map(),
  bindings: [],
  leaving: [],
  withdrawn: [],
  reprovided: [],
  steps: new Map(),
});
