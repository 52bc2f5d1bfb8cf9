import { Body, Controller, HttpCode, Inject, Param, Post, Req } from '@nestjs/common';
import { ApiBearerAuth, ApiDefaultResponse, ApiNoContentResponse, ApiTags } from '@nestjs/swagger';
import type { AnswerDrift } from '../../application/stacks/answer-drift.js';
import type { StackStore } from '../../application/stacks/stack-store.port.js';
import type { StackId } from '../../domain/ids.js';
import { Actor, Acts, type PrincipalRequest } from '../acts.js';
import { DriftFieldDto, DriftIgnoreDto, DriftSeenDto } from '../dto/drift.js';
import { ProblemDto } from '../dto/responses.js';
import { Needs } from '../needs.js';
import { ANSWER_DRIFT, STACK_STORE } from '../tokens.js';

/** Answers to what was changed by hand. To put it back is a plan: `restore` of POST /plans. */
@ApiTags('stacks')
@ApiBearerAuth()
@ApiDefaultResponse({ type: ProblemDto })
@Controller('stacks/:id/drift')
export class DriftController {
  constructor(
    @Inject(ANSWER_DRIFT) private readonly answer: AnswerDrift,
    @Inject(STACK_STORE) private readonly stacks: StackStore,
  ) {}

  /** The record takes what is there. */
  @Post('adopt')
  @Needs('operator', { site: 'stack' })
  @Acts('drift.adopted')
  @HttpCode(204)
  @ApiNoContentResponse()
  async adopt(@Param('id') id: string, @Body() body: DriftSeenDto, @Req() request: PrincipalRequest): Promise<void> {
    await this.#name(id, request, `${body.guest}.${body.field} ${body.observed}`);
    await this.answer.adopt({ ...body, stack: id as StackId });
  }

  /** It is left as it is, as long as it is so. */
  @Post('ignore')
  @Needs('operator', { site: 'stack' })
  @Acts('drift.ignored')
  @HttpCode(204)
  @ApiNoContentResponse()
  async ignore(
    @Param('id') id: string,
    @Body() { reason, ...seen }: DriftIgnoreDto,
    @Actor() actor: string,
    @Req() request: PrincipalRequest,
  ): Promise<void> {
    await this.#name(id, request, `${seen.guest}.${seen.field} ${seen.observed}: ${reason}`);
    await this.answer.ignore({ ...seen, stack: id as StackId }, reason, actor);
  }

  /** It is not left as it is any more. */
  @Post('withdraw')
  @Needs('operator', { site: 'stack' })
  @Acts('drift.withdrawn')
  @HttpCode(204)
  @ApiNoContentResponse()
  async withdraw(
    @Param('id') id: string,
    @Body() body: DriftFieldDto,
    @Req() request: PrincipalRequest,
  ): Promise<void> {
    await this.#name(id, request, `${body.guest}.${body.field}`);
    await this.answer.withdraw({ ...body, stack: id as StackId });
  }

  /** Who reads the audit knows stacks by their names. */
  async #name(id: string, request: PrincipalRequest, what: string): Promise<void> {
    const stack = await this.stacks.getStack(id as StackId);
    request.actSubject = `${stack?.name ?? id} ${what}`;
  }
}
