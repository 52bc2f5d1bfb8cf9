import type { PlanInput } from '../../domain/plan/draft.js';
import { Refusal, WorldFailure } from '../../domain/problem.js';
import { movedSite, movedStack } from '../../domain/site/domain-change.js';
import type { Site } from '../../domain/site/site.js';
import type { ObservedSubstrate } from '../../domain/stack/observed.js';
import type { Orders, RecordedGuest, WantedStack } from '../../domain/stack/stack.js';
import type { Catalogue } from '../catalogue/catalogue.port.js';
import type { Clock, NewId } from '../clock.port.js';
import { whileGuestsAnswer, withTrueSizes } from '../stacks/guest-sizes.js';
import type { StackStore } from '../stacks/stack-store.port.js';
import type { Substrates } from '../substrates/substrate.port.js';
import type { PlanStore } from './plan-store.port.js';

/** A substrate that does not answer in this time is planned without, and the plan says so. */
const OBSERVE_MS = 30_000;

export interface PlanWorld {
  readonly stacks: StackStore;
  readonly plans: PlanStore;
  readonly substrates: Substrates;
  readonly catalogue: Catalogue;
  readonly clock: Clock;
  readonly newId: NewId;
  readonly sha256: (text: string) => string;
}

export async function siteNamed(stacks: StackStore, name: string): Promise<Site> {
  const site = await stacks.getSite(name);
  if (site) return site;
  const known = (await stacks.listSites()).map((entry) => entry.name);
  throw new Refusal({
    code: 'not_found',
    subject: `site ${name}`,
    message: known.length > 0 ? `There is no such site; known: ${known.join(', ')}.` : 'No site is connected yet.',
    remedy: 'Connect it first: bastide site connect FILE.',
  });
}

/** Everything the planner looks at, read fresh. */
export async function gatherPlanInput(
  world: PlanWorld,
  site: Site,
  wanted: WantedStack,
  planId: PlanInput['planId'],
  orders?: Orders,
): Promise<PlanInput> {
  const domain = orders?.domain;
  const recorded = await world.stacks.recorded(site.name);
  const touched = recorded.guests.filter(({ stack }) => domain !== undefined || stack === wanted.id);
  const [catalogue, durations, observed, stacks] = await Promise.all([
    world.catalogue.load(),
    world.plans.medianDurations(site.name),
    observeAll(world, site, touched),
    domain ? world.stacks.listStacks(site.name) : [],
  ]);
  return {
    planId,
    wanted,
    ...(orders ? { orders } : {}),
    ...(domain
      ? {
          alongside: stacks
            .filter((stack) => stack.state === 'present' && stack.id !== wanted.id)
            .map((stack) => movedStack(stack, domain)),
        }
      : {}),
    site: domain ? movedSite(site, domain) : site,
    recorded,
    observed,
    catalogue,
    durations,
    now: world.clock.now(),
    newId: (prefix) => world.newId.next(prefix),
    sha256: world.sha256,
  };
}

async function observeAll(
  world: PlanWorld,
  site: Site,
  touched: readonly RecordedGuest[],
): Promise<Record<string, ObservedSubstrate>> {
  const observed: Record<string, ObservedSubstrate> = {};
  await Promise.all(
    Object.keys(site.substrates).map(async (name) => {
      const substrate = await world.substrates.get(site.name, name);
      try {
        const context = {
          signal: AbortSignal.timeout(OBSERVE_MS),
          deadline: world.clock.now() + OBSERVE_MS,
          fence: async () => undefined,
        };
        const own = touched.filter((guest) => guest.substrate === name);
        const seen = await substrate.observe(context);
        observed[name] = await withTrueSizes(substrate, seen, own, whileGuestsAnswer(context, world.clock.now()));
      } catch (error) {
        if (!(error instanceof WorldFailure)) throw error;
        throw new Refusal({
          code: 'substrate.unreachable',
          subject: `substrate ${name} of site ${site.name}`,
          message: error.failure.message,
          remedy:
            error.failure.hint ??
            'Make sure that it runs and can be reached, then plan again. bastide doctor says more.',
          details: { failure: error.failure.code },
        });
      }
    }),
  );
  return observed;
}
