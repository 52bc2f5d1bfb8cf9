import { Controller, Get, HttpCode, Inject, Param, Post, Query, Req } from '@nestjs/common';
import { ApiBearerAuth, ApiDefaultResponse, ApiOkResponse, ApiTags } from '@nestjs/swagger';
import type { RunStore } from '../../application/runs/run-store.port.js';
import type { CheckHistory } from '../../application/stacks/check-history.port.js';
import type { DescribeStack } from '../../application/stacks/describe-stack.js';
import type { KeepChecks } from '../../application/stacks/keep-checks.js';
import type { LookAtGuests } from '../../application/stacks/look-at-guests.js';
import type { ShowStack } from '../../application/stacks/show-stack.js';
import type { StackStore } from '../../application/stacks/stack-store.port.js';
import type { StackId } from '../../domain/ids.js';
import { Actor, Acts, type PrincipalRequest, Sees, type SeesSite } from '../acts.js';
import { StackQueryDto } from '../dto/requests.js';
import { CheckResultDto, CredentialDto, ProblemDto, StackDetailDto, StackDto } from '../dto/responses.js';
import {
  CheckEntryDto,
  GuestFiguresDto,
  LimitQueryDto,
  LiveGuestDto,
  RangeQueryDto,
  SecretNameDto,
  SecretValueDto,
  StackConfigurationDto,
} from '../dto/stack-views.js';
import { toStackDto } from '../dto/to-stack-dto.js';
import { Languages } from '../languages.js';
import { Needs } from '../needs.js';
import {
  CHECK_HISTORY,
  DESCRIBE_STACK,
  KEEP_CHECKS,
  LOOK_AT_GUESTS,
  RUN_STORE,
  SHOW_STACK,
  STACK_STORE,
} from '../tokens.js';

@ApiTags('stacks')
@ApiBearerAuth()
@ApiDefaultResponse({ type: ProblemDto })
@Controller('stacks')
export class StacksController {
  constructor(
    @Inject(STACK_STORE) private readonly stacks: StackStore,
    @Inject(RUN_STORE) private readonly runs: RunStore,
    @Inject(SHOW_STACK) private readonly showStack: ShowStack,
    @Inject(KEEP_CHECKS) private readonly checks: KeepChecks,
    @Inject(CHECK_HISTORY) private readonly history: CheckHistory,
    @Inject(DESCRIBE_STACK) private readonly describe: DescribeStack,
    @Inject(LOOK_AT_GUESTS) private readonly look: LookAtGuests,
  ) {}

  @Get()
  @Needs('viewer')
  @ApiOkResponse({ type: [StackDto] })
  async list(@Query() query: StackQueryDto, @Sees() sees: SeesSite): Promise<StackDto[]> {
    const stacks = (await this.stacks.listStacks(query.site)).filter(({ site }) => sees(site));
    return Promise.all(stacks.map(async (stack) => toStackDto(stack, await this.runs.latestOf(stack.id))));
  }

  @Get(':id')
  @Needs('viewer', { site: 'stack' })
  @ApiOkResponse({ type: StackDetailDto })
  async get(@Param('id') id: string, @Languages() languages: readonly string[]): Promise<StackDetailDto> {
    const view = await this.showStack.execute(id as StackId, languages);
    return {
      ...view,
      stack: toStackDto(view.stack, await this.runs.latestOf(view.stack.id)),
    } as unknown as StackDetailDto;
  }

  /** First passwords that the modules made for the admin. */
  @Post(':id/credentials')
  @Needs('admin', { site: 'stack' })
  @Acts('secret.revealed', 'param:id')
  @HttpCode(200)
  @ApiOkResponse({ type: [CredentialDto] })
  async credentials(@Param('id') id: string, @Req() request: PrincipalRequest): Promise<CredentialDto[]> {
    await this.#name(id, request);
    return [...(await this.showStack.credentials(id as StackId))];
  }

  /** Runs every module's own check on its guests, now. */
  @Post(':id/check')
  @Needs('operator', { site: 'stack' })
  @Acts('stack.checked', 'param:id')
  @HttpCode(200)
  @ApiOkResponse({ type: [CheckResultDto] })
  async check(
    @Param('id') id: string,
    @Actor() actor: string,
    @Req() request: PrincipalRequest,
  ): Promise<CheckResultDto[]> {
    await this.#name(id, request);
    return [...(await this.checks.execute(id as StackId, actor))] as CheckResultDto[];
  }

  /** What checks said before, newest first. */
  @Get(':id/checks')
  @Needs('viewer', { site: 'stack' })
  @ApiOkResponse({ type: [CheckEntryDto] })
  async listChecks(@Param('id') id: string, @Query() { limit }: LimitQueryDto): Promise<CheckEntryDto[]> {
    return [...(await this.history.list(id as StackId, limit ?? 200))] as unknown as CheckEntryDto[];
  }

  /** What was asked for and what could be asked for instead. A change is a plan with other values. */
  @Get(':id/configuration')
  @Needs('viewer', { site: 'stack' })
  @ApiOkResponse({ type: StackConfigurationDto })
  async configuration(
    @Param('id') id: string,
    @Languages() languages: readonly string[],
  ): Promise<StackConfigurationDto> {
    return (await this.describe.configuration(id as StackId, languages)) as unknown as StackConfigurationDto;
  }

  /** The guests as their substrate shows them now, and where that differs from the record. */
  @Get(':id/guests')
  @Needs('viewer', { site: 'stack' })
  @ApiOkResponse({ type: [LiveGuestDto] })
  async guests(@Param('id') id: string): Promise<LiveGuestDto[]> {
    return (await this.look.execute(id as StackId)).map(({ live }) => live) as unknown as LiveGuestDto[];
  }

  /** Processor, memory, disk and network of every guest over time, as the substrate keeps them. */
  @Get(':id/metrics')
  @Needs('viewer', { site: 'stack' })
  @ApiOkResponse({ type: [GuestFiguresDto] })
  async metrics(@Param('id') id: string, @Query() { range }: RangeQueryDto): Promise<GuestFiguresDto[]> {
    return [...(await this.describe.figures(id as StackId, range ?? 'hour'))] as unknown as GuestFiguresDto[];
  }

  /** Names of the secrets of a stack; never a value. */
  @Get(':id/secrets')
  @Needs('admin', { site: 'stack' })
  @ApiOkResponse({ type: [SecretNameDto] })
  async secrets(@Param('id') id: string): Promise<SecretNameDto[]> {
    return [...(await this.describe.secretNames(id as StackId))];
  }

  @Post(':id/secrets/:instance/:name/reveal')
  @Needs('admin', { site: 'stack' })
  @Acts('secret.revealed')
  @HttpCode(200)
  @ApiOkResponse({ type: SecretValueDto })
  async reveal(
    @Param('id') id: string,
    @Param('instance') instance: string,
    @Param('name') name: string,
    @Req() request: PrincipalRequest,
  ): Promise<SecretValueDto> {
    request.actSubject = `${id} ${instance} ${name}`;
    return { value: await this.describe.reveal(id as StackId, instance, name) };
  }

  /** Who reads the audit knows stacks by their names. */
  async #name(id: string, request: PrincipalRequest): Promise<void> {
    const stack = await this.stacks.getStack(id as StackId);
    if (stack) request.actSubject = stack.name;
  }
}
