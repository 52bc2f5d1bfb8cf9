import { Body, Controller, Get, Inject, Param, Post, Query, Req } from '@nestjs/common';
import { ApiBearerAuth, ApiCreatedResponse, ApiDefaultResponse, ApiOkResponse, ApiTags } from '@nestjs/swagger';
import type { ChangeDomain } from '../../application/sites/change-domain.js';
import { Acts, type PrincipalRequest } from '../acts.js';
import { PlanDto, ProblemDto } from '../dto/responses.js';
import { DomainOutlookDto, DomainQueryDto, DomainRequestDto } from '../dto/sites.js';
import { toPlanDto } from '../dto/to-plan-dto.js';
import { Needs } from '../needs.js';
import { CHANGE_DOMAIN } from '../tokens.js';

/** Another domain for a whole site: first what it would mean, then a plan like any other. */
@ApiTags('sites')
@ApiBearerAuth()
@ApiDefaultResponse({ type: ProblemDto })
@Controller('sites/:name/domain')
export class SiteDomainController {
  constructor(@Inject(CHANGE_DOMAIN) private readonly change: ChangeDomain) {}

  /** Whether the site can have that domain, and which values set by hand name the one it has. Changes nothing. */
  @Get()
  @Needs('viewer', { site: 'param:name' })
  @ApiOkResponse({ type: DomainOutlookDto })
  async look(@Param('name') site: string, @Query() { domain }: DomainQueryDto): Promise<DomainOutlookDto> {
    const { stacks, values, ...names } = await this.change.look({ site, domain });
    return { ...names, stacks: [...stacks], values: [...values] };
  }

  /** The plan of the change, over all stacks of the site. */
  @Post()
  @Needs('admin', { site: 'param:name' })
  @Acts('plan.made', 'param:name')
  @ApiCreatedResponse({ type: PlanDto })
  async plan(
    @Param('name') site: string,
    @Body() { domain, rewrite = true }: DomainRequestDto,
    @Req() request: PrincipalRequest,
  ): Promise<PlanDto> {
    request.actSubject = `domain of ${site}`;
    return toPlanDto(await this.change.plan({ site, domain, rewrite }));
  }
}
