import { Controller, Get, HttpCode, Inject, Param, Post, Query } from '@nestjs/common';
import { ApiBearerAuth, ApiDefaultResponse, ApiOkResponse, ApiTags } from '@nestjs/swagger';
import type { RunStore } from '../../application/runs/run-store.port.js';
import type { CheckStack } from '../../application/stacks/check-stack.js';
import type { ShowStack } from '../../application/stacks/show-stack.js';
import type { StackStore } from '../../application/stacks/stack-store.port.js';
import type { StackId } from '../../domain/ids.js';
import type { WantedStack } from '../../domain/stack/stack.js';
import { Acts, Sees, type SeesSite } from '../acts.js';
import { StackQueryDto } from '../dto/requests.js';
import { CheckResultDto, CredentialDto, ProblemDto, type RunDto, StackDetailDto, StackDto } from '../dto/responses.js';
import { Needs } from '../needs.js';
import { CHECK_STACK, RUN_STORE, SHOW_STACK, STACK_STORE } from '../tokens.js';

@ApiTags('stacks')
@ApiBearerAuth()
@ApiDefaultResponse({ type: ProblemDto })
@Controller('stacks')
export class StacksController {
  constructor(
    @Inject(STACK_STORE) private readonly stacks: StackStore,
    @Inject(RUN_STORE) private readonly runs: RunStore,
    @Inject(SHOW_STACK) private readonly showStack: ShowStack,
    @Inject(CHECK_STACK) private readonly checkStack: CheckStack,
  ) {}

  @Get()
  @Needs('viewer')
  @ApiOkResponse({ type: [StackDto] })
  async list(@Query() query: StackQueryDto, @Sees() sees: SeesSite): Promise<StackDto[]> {
    const stacks = (await this.stacks.listStacks(query.site)).filter(({ site }) => sees(site));
    return Promise.all(stacks.map(async (stack) => toStack(stack, await this.runs.latestOf(stack.id))));
  }

  @Get(':id')
  @Needs('viewer', { site: 'stack' })
  @ApiOkResponse({ type: StackDetailDto })
  async get(@Param('id') id: string): Promise<StackDetailDto> {
    const view = await this.showStack.execute(id as StackId);
    return {
      ...view,
      stack: toStack(view.stack, await this.runs.latestOf(view.stack.id)),
    } as unknown as StackDetailDto;
  }

  /** First passwords that the modules made for the admin. */
  @Post(':id/credentials')
  @Needs('admin', { site: 'stack' })
  @Acts('secret.revealed', 'param:id')
  @HttpCode(200)
  @ApiOkResponse({ type: [CredentialDto] })
  async credentials(@Param('id') id: string): Promise<CredentialDto[]> {
    return [...(await this.showStack.credentials(id as StackId))];
  }

  /** Runs every module's own check on its guests, now. */
  @Post(':id/check')
  @Needs('operator', { site: 'stack' })
  @Acts('stack.checked', 'param:id')
  @HttpCode(200)
  @ApiOkResponse({ type: [CheckResultDto] })
  async check(@Param('id') id: string): Promise<CheckResultDto[]> {
    return [...(await this.checkStack.execute(id as StackId))] as CheckResultDto[];
  }
}

const toStack = (stack: WantedStack, latestRun: RunDto | undefined): StackDto => ({
  id: stack.id,
  name: stack.name,
  site: stack.site,
  blueprint: stack.blueprint.name,
  blueprintVersion: stack.blueprint.version,
  state: stack.state,
  ...(latestRun ? { latestRun } : {}),
});
