import { Controller, Get, Inject, Req } from '@nestjs/common';
import { ApiBearerAuth, ApiDefaultResponse, ApiOkResponse, ApiTags } from '@nestjs/swagger';
import type { ShowOverview } from '../../application/overview/show-overview.js';
import { allows } from '../../domain/account/roles.js';
import { type PrincipalRequest, Sees, type SeesSite } from '../acts.js';
import { OverviewDto } from '../dto/overview.js';
import { ProblemDto } from '../dto/responses.js';
import { toStackDto } from '../dto/to-stack-dto.js';
import { Languages } from '../languages.js';
import { Needs } from '../needs.js';
import { SHOW_OVERVIEW } from '../tokens.js';

@ApiTags('overview')
@ApiBearerAuth()
@ApiDefaultResponse({ type: ProblemDto })
@Controller('overview')
export class OverviewController {
  constructor(@Inject(SHOW_OVERVIEW) private readonly overview: ShowOverview) {}

  /** Home: health of every stack, what waits for the admin, runs, what changed lately. */
  @Get()
  @Needs('viewer')
  @ApiOkResponse({ type: OverviewDto })
  async get(
    @Sees() sees: SeesSite,
    @Req() request: PrincipalRequest,
    @Languages() languages: readonly string[],
  ): Promise<OverviewDto> {
    const seesAll = allows(request.principal?.grants ?? [], 'viewer', 'all');
    const { stacks, changes, ...rest } = await this.overview.execute(sees, seesAll, languages);
    return {
      ...rest,
      stacks: stacks.map(({ stack, latestRun, links, ...summary }) => ({
        ...summary,
        stack: toStackDto(stack, latestRun),
        links: [...links],
      })),
      changes: changes.map(({ seq, at, actor, action, subject, site }) => ({
        seq,
        at,
        actor,
        action,
        subject,
        ...(site ? { site } : {}),
      })),
      todos: [...rest.todos],
      running: [...rest.running],
      recent: [...rest.recent],
    };
  }
}
