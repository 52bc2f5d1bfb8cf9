import type { GuestSize } from '../../domain/blueprint/blueprint.js';
import type { JsonObject, PlanId, StackId } from '../../domain/ids.js';
import { makePlan } from '../../domain/plan/make-plan.js';
import type { Plan } from '../../domain/plan/plan.js';
import { Refusal } from '../../domain/problem.js';
import type { Orders, WantedStack } from '../../domain/stack/stack.js';
import { gatherPlanInput, type PlanWorld, siteNamed } from './gather-plan-input.js';

/** What an admin wants of one stack. Fields left out keep what the stack has, or the blueprint's defaults for a new one. */
export interface StackRequest {
  readonly site: string;
  readonly name: string;
  readonly blueprint?: string;
  readonly blueprintVersion?: string;
  readonly parameters?: JsonObject;
  readonly components?: Readonly<Record<string, boolean>>;
  readonly size?: string;
  readonly config?: Readonly<Record<string, JsonObject>>;
  /** `instance.guest` → size; laid over what was asked for before. */
  readonly guests?: NonNullable<WantedStack['guests']>;
  /** `instance.guest` → node; once. */
  readonly move?: Orders['move'];
  /** Secrets to be made anew; once. */
  readonly rotate?: Orders['rotate'];
  /** Differences that are put back; once. */
  readonly restore?: Orders['restore'];
  /** Its guests are stopped and kept. Any other plan of an archived stack wakes it. */
  readonly archive?: boolean;
  readonly remove?: boolean;
}

/** How long a plan holds the ids and addresses it counts on while nobody applies it. */
const RESERVED_MS = 60 * 60_000;

/** Makes and stores the plan of one stack. A plan with findings of severity error is stored too, but cannot be applied. */
export class MakePlan {
  constructor(private readonly world: PlanWorld) {}

  async execute(request: StackRequest): Promise<Plan> {
    const { world } = this;
    const site = await siteNamed(world.stacks, request.site);
    const wanted = await this.#wanted(request);
    const orders = ordersOf(request);
    const planId = world.newId.next('pln') as PlanId;
    return world.plans.makeAndPut(site.name, world.clock.now() + RESERVED_MS, async () =>
      makePlan(await gatherPlanInput(world, site, wanted, planId, orders)),
    );
  }

  /** A new stack takes names and keys that parts of a removed one of that name still have. */
  async #refuseLeftOver(request: StackRequest): Promise<void> {
    const leftOver = await this.#leftOver(request);
    if (!leftOver) return;
    const { site, name } = request;
    throw new Refusal({
      code: 'conflict',
      subject: `stack ${name}`,
      message: `A stack of that name is being removed from site ${site}; parts of it (${leftOver.id}) are still there.`,
      remedy:
        'Wait until its removal has ended. Where it failed or was left: remove the stack again (bastide stack remove).',
    });
  }

  /** A stack that nobody wants any more and that is not gone: its removal failed, and was perhaps left as it was. */
  async #leftOver({ site, name }: StackRequest): Promise<WantedStack | undefined> {
    const { stacks } = await this.world.stacks.recorded(site);
    const found = stacks.find((stack) => stack.name === name);
    return found && this.world.stacks.getStack(found.id);
  }

  async #wanted(request: StackRequest): Promise<WantedStack> {
    const { world } = this;
    const existing =
      (await world.stacks.findStack(request.site, request.name)) ??
      (request.remove ? await this.#leftOver(request) : undefined);
    if (request.remove || request.archive) {
      if (!existing) throw unknownStack(request);
      return { ...existing, state: request.remove ? 'removed' : 'archived' };
    }
    if (!existing) await this.#refuseLeftOver(request);
    const name = request.blueprint ?? existing?.blueprint.name;
    if (!name) throw unknownStack(request);
    const { blueprints } = await world.catalogue.load();
    const candidates = blueprints.filter((entry) => entry.name === name);
    const blueprint = request.blueprintVersion
      ? candidates.find((entry) => entry.version === request.blueprintVersion)
      : candidates.at(-1);
    if (!blueprint) {
      throw new Refusal({
        code: 'not_found',
        subject: `blueprint ${name}${request.blueprintVersion ? ` ${request.blueprintVersion}` : ''}`,
        message: `The catalogue has no such blueprint; it has: ${blueprints.map((entry) => `${entry.name} ${entry.version}`).join(', ') || 'none'}.`,
        remedy: 'Choose one of these, or add the blueprint to the catalogue.',
      });
    }
    return {
      id: existing?.id ?? (world.newId.next('stk') as StackId),
      name: request.name,
      site: request.site,
      blueprint: { name: blueprint.name, version: blueprint.version },
      parameters: { ...existing?.parameters, ...request.parameters },
      components: { ...existing?.components, ...request.components },
      size: request.size ?? existing?.size ?? 'small',
      config: mergeConfig(existing?.config ?? {}, request.config ?? {}),
      ...(request.guests || existing?.guests ? { guests: mergeSizes(existing?.guests, request.guests) } : {}),
      state: 'present',
    };
  }
}

function ordersOf({ move, rotate, restore }: StackRequest): Orders | undefined {
  if (!move && !rotate && !restore) return undefined;
  return { ...(move ? { move } : {}), ...(rotate ? { rotate } : {}), ...(restore ? { restore } : {}) };
}

function mergeConfig(before: WantedStack['config'], now: WantedStack['config']): WantedStack['config'] {
  const merged: Record<string, JsonObject> = { ...before };
  for (const [instance, config] of Object.entries(now)) merged[instance] = { ...merged[instance], ...config };
  return merged;
}

function mergeSizes(before: WantedStack['guests'], now: WantedStack['guests']): NonNullable<WantedStack['guests']> {
  const merged: Record<string, GuestSize> = { ...before };
  for (const [guest, size] of Object.entries(now ?? {})) {
    const volumes = { ...merged[guest]?.volumes, ...size.volumes };
    merged[guest] = { ...merged[guest], ...size, ...(Object.keys(volumes).length > 0 ? { volumes } : {}) };
  }
  return merged;
}

function unknownStack(request: StackRequest): Refusal {
  return new Refusal({
    code: 'not_found',
    subject: `stack ${request.name}`,
    message: `Site ${request.site} has no stack of this name.`,
    remedy: 'bastide stack list shows the stacks; to install a new one, name a blueprint.',
  });
}
