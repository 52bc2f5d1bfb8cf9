import { Body, Controller, Get, Inject, Param, Post, Req } from '@nestjs/common';
import { ApiBearerAuth, ApiCreatedResponse, ApiDefaultResponse, ApiOkResponse, ApiTags } from '@nestjs/swagger';
import type { ApplyPlan } from '../../application/plans/apply-plan.js';
import type { MakePlan } from '../../application/plans/make-plan.js';
import type { PlanStore } from '../../application/plans/plan-store.port.js';
import type { GuestSize } from '../../domain/blueprint/blueprint.js';
import type { JsonObject, PlanId } from '../../domain/ids.js';
import { Refusal } from '../../domain/problem.js';
import { Actor, Acts, type PrincipalRequest } from '../acts.js';
import { ApplyRequestDto, type GuestSizeRequestDto, PlanRequestDto } from '../dto/requests.js';
import { PlanDto, ProblemDto, RunDto } from '../dto/responses.js';
import { toPlanDto } from '../dto/to-plan-dto.js';
import { Needs } from '../needs.js';
import { APPLY_PLAN, MAKE_PLAN, PLAN_STORE } from '../tokens.js';

@ApiTags('plans')
@ApiBearerAuth()
@ApiDefaultResponse({ type: ProblemDto })
@Controller('plans')
export class PlansController {
  constructor(
    @Inject(MAKE_PLAN) private readonly makePlan: MakePlan,
    @Inject(APPLY_PLAN) private readonly applyPlan: ApplyPlan,
    @Inject(PLAN_STORE) private readonly plans: PlanStore,
  ) {}

  /** Compares what is wanted with what is; changes nothing. */
  @Post()
  @Needs('operator', { site: 'body:site' })
  @Acts('plan.made', 'body:stack')
  @ApiCreatedResponse({ type: PlanDto })
  async make(@Body() body: PlanRequestDto): Promise<PlanDto> {
    const { stack, parameters, config, guests, move, rotate, restore, ...rest } = body;
    const plan = await this.makePlan.execute({
      ...rest,
      name: stack,
      ...(guests ? { guests: Object.fromEntries(guests.map(({ guest, ...size }) => [guest, toSize(size)])) } : {}),
      ...(move ? { move: Object.fromEntries(move.map(({ guest, node }) => [guest, node])) } : {}),
      ...(rotate ? { rotate } : {}),
      ...(restore ? { restore } : {}),
      ...(parameters ? { parameters: parameters as JsonObject } : {}),
      ...(config ? { config: config as Record<string, JsonObject> } : {}),
    });
    return toPlanDto(plan);
  }

  @Get(':id')
  @Needs('viewer', { site: 'plan' })
  @ApiOkResponse({ type: PlanDto })
  async get(@Param('id') id: string): Promise<PlanDto> {
    const plan = await this.plans.get(id as PlanId);
    if (!plan)
      throw new Refusal({
        code: 'not_found',
        subject: `plan ${id}`,
        message: 'There is no such plan.',
        remedy: 'Make a new one.',
      });
    return toPlanDto(plan);
  }

  /** Starts the run of a reviewed plan. */
  @Post(':id/apply')
  @Needs('operator', { site: 'plan' })
  @Acts('plan.applied', 'param:id')
  @ApiCreatedResponse({ type: RunDto })
  async apply(
    @Param('id') id: string,
    @Body() body: ApplyRequestDto,
    @Actor() actor: string,
    @Req() request: PrincipalRequest,
  ): Promise<RunDto> {
    const run = await this.applyPlan.execute({
      plan: id as PlanId,
      hash: body.hash,
      actor,
      ...(request.ip ? { address: request.ip } : {}),
    });
    // Who reads the audit knows stacks, not the ids of plans.
    request.actSubject = `${run.operation} ${run.stackName}`;
    return run;
  }
}

function toSize({ volumes, ...size }: Omit<GuestSizeRequestDto, 'guest'>): GuestSize {
  if (!volumes) return size;
  return { ...size, volumes: Object.fromEntries(volumes.map(({ name, sizeGiB }) => [name, { sizeGiB }])) };
}
