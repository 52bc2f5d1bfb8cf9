import type { PlanId } from '../../domain/ids.js';
import { makePlan } from '../../domain/plan/make-plan.js';
import type { Plan } from '../../domain/plan/plan.js';
import { Refusal } from '../../domain/problem.js';
import {
  type DomainOrder,
  domainLeftBehind,
  type HandSetValue,
  handSetValues,
  isDomain,
  movedStack,
} from '../../domain/site/domain-change.js';
import type { Site } from '../../domain/site/site.js';
import type { RecordedSite, WantedStack } from '../../domain/stack/stack.js';
import { gatherPlanInput, type PlanWorld, siteNamed } from '../plans/gather-plan-input.js';

/** How long a plan holds the ids and addresses it counts on while nobody applies it. */
const RESERVED_MS = 60 * 60_000;

export interface DomainOutlook {
  readonly from: string;
  readonly to: string;
  /** Stacks that the change touches. */
  readonly stacks: readonly string[];
  /** Values set by hand that name the old domain. */
  readonly values: readonly HandSetValue[];
}

/**
 * Another domain for a whole site: one plan over all its stacks, foundation first. The wanted domain is the site's; what is
 * recorded of each guest says how far the change has come, so one that was broken off is finished, or turned back, by
 * asking again.
 */
export class ChangeDomain {
  constructor(private readonly world: PlanWorld) {}

  /** Whether that name can be had, and what it would mean. Refuses as `plan` does. */
  async look(request: { site: string; domain: string }): Promise<DomainOutlook> {
    const { order, stacks } = await this.#order({ ...request, rewrite: true });
    return { from: order.from, to: order.to, stacks: stacks.map(({ name }) => name), values: order.values };
  }

  async plan(request: { site: string; domain: string; rewrite: boolean }): Promise<Plan> {
    const { world } = this;
    const { site, order, stacks, recorded } = await this.#order(request);
    const lead = leadOf(stacks, recorded);
    if (!lead) {
      throw new Refusal({
        code: 'conflict',
        subject: `domain of site ${site.name}`,
        message: 'Nothing is installed on the site yet, so there is nothing to plan.',
        remedy: `Connect the site again with the domain ${order.to} in its document.`,
      });
    }
    const planId = world.newId.next('pln') as PlanId;
    return world.plans.makeAndPut(site.name, world.clock.now() + RESERVED_MS, async () =>
      makePlan(await gatherPlanInput(world, site, movedStack(lead, order), planId, { domain: order })),
    );
  }

  async #order(request: {
    site: string;
    domain: string;
    rewrite: boolean;
  }): Promise<{ site: Site; order: DomainOrder; stacks: readonly WantedStack[]; recorded: RecordedSite }> {
    const { stacks: store } = this.world;
    const site = await siteNamed(store, request.site);
    const to = request.domain.trim().toLowerCase().replace(/\.$/, '');
    const refuse = (code: 'parameter.invalid' | 'conflict', message: string, remedy: string): Refusal =>
      new Refusal({ code, subject: 'domain', message, remedy });
    if (!isDomain(to)) {
      throw refuse(
        'parameter.invalid',
        'A domain is made of two or more labels of letters, digits and dashes, such as town.example.',
        'Correct the name.',
      );
    }
    const other = (await store.listSites()).find((entry) => entry.name !== site.name && entry.domain === to);
    if (other) throw refuse('conflict', `Site ${other.name} has the domain ${to}.`, 'Choose another name.');
    const [recorded, listed] = await Promise.all([store.recorded(site.name), store.listStacks(site.name)]);
    const from = site.domain === to ? leftBehind(recorded, to) : site.domain;
    if (from === undefined) throw refuse('conflict', `The site has the domain ${to} already.`, 'Choose another name.');
    const resting = listed.filter(({ state }) => state === 'archived').map(({ name }) => name);
    if (resting.length > 0) {
      // Names are changed inside guests, and these do not run.
      throw refuse(
        'conflict',
        `Archived stacks cannot follow into another domain: ${resting.join(', ')}.`,
        `Wake them first (bastide stack wake ${resting[0]}); they can be archived again afterwards.`,
      );
    }
    const stacks = listed.filter(({ state }) => state === 'present');
    const values = handSetValues(site, stacks, from, to);
    return { site, recorded, stacks, order: { from, to, rewrite: request.rewrite, values } };
  }
}

/** The domain that is still to be left; the site's own where only relations and configuration are still to be made anew. */
function leftBehind({ guests, instances, bindings }: RecordedSite, domain: string): string | undefined {
  const other = domainLeftBehind({ guests }, domain);
  if (other !== undefined) return other;
  const open =
    bindings.some(({ offerDigest }) => offerDigest === '') ||
    guests.some(({ instance, name }) => !instances.find(({ id }) => id === instance)?.configured[name]);
  return open ? domain : undefined;
}

/** The stack whose services most others use: the run is shown as one of it. */
function leadOf(stacks: readonly WantedStack[], recorded: RecordedSite): WantedStack | undefined {
  const stackOf = new Map(recorded.instances.map(({ id, stack }) => [id, stack]));
  const serves = ({ id }: WantedStack): number =>
    recorded.bindings.filter(({ provider, consumer }) => stackOf.get(provider) === id && stackOf.get(consumer) !== id)
      .length;
  return [...stacks].sort((a, b) => serves(b) - serves(a) || (a.name < b.name ? -1 : 1))[0];
}
