import { Readable } from 'node:stream';
import {
  Body,
  Controller,
  Get,
  Headers,
  HttpCode,
  Inject,
  Param,
  Post,
  Query,
  Req,
  Res,
  StreamableFile,
} from '@nestjs/common';
import {
  ApiBearerAuth,
  ApiCreatedResponse,
  ApiDefaultResponse,
  ApiOkResponse,
  ApiProduces,
  ApiTags,
} from '@nestjs/swagger';
import type { Response } from 'express';
import type { PlanStore } from '../../application/plans/plan-store.port.js';
import type { RunControl } from '../../application/runs/run-control.js';
import type { RunStore } from '../../application/runs/run-store.port.js';
import type { RunId, StackId, StepId } from '../../domain/ids.js';
import type { PlannedStep } from '../../domain/plan/plan.js';
import { Refusal } from '../../domain/problem.js';
import { Actor, Acts, type PrincipalRequest, Sees, type SeesSite } from '../acts.js';
import { toCsv } from '../csv.js';
import { EntriesQueryDto, RetryRequestDto, RunQueryDto } from '../dto/requests.js';
import { ProblemDto, RunDetailDto, RunDto, RunEntryDto, type RunStepDto } from '../dto/responses.js';
import { EventStream } from '../event-stream.js';
import { Needs } from '../needs.js';
import { runBundle } from '../run-bundle.js';
import { PLAN_STORE, RUN_CONTROL, RUN_STORE } from '../tokens.js';

const COLUMNS = [
  'id',
  'createdAt',
  'finishedAt',
  'actor',
  'address',
  'operation',
  'stackName',
  'site',
  'state',
] as const;

@ApiTags('runs')
@ApiBearerAuth()
@ApiDefaultResponse({ type: ProblemDto })
@Controller('runs')
export class RunsController {
  constructor(
    @Inject(RUN_STORE) private readonly runs: RunStore,
    @Inject(PLAN_STORE) private readonly plans: PlanStore,
    @Inject(RUN_CONTROL) private readonly control: RunControl,
  ) {}

  @Get()
  @Needs('viewer')
  @ApiOkResponse({ type: [RunDto] })
  list(@Query() query: RunQueryDto, @Sees() sees: SeesSite): Promise<readonly RunDto[]> {
    return this.#find(query, sees, query.limit ?? 50);
  }

  /** The same runs as a file, at most 10,000 of them. */
  @Get('export')
  @Needs('viewer')
  @ApiProduces('text/csv')
  @ApiOkResponse({ schema: { type: 'string' } })
  async export(@Query() query: RunQueryDto, @Sees() sees: SeesSite): Promise<StreamableFile> {
    const text = toCsv(COLUMNS, await this.#find(query, sees, query.limit ?? 10_000));
    return new StreamableFile(Buffer.from(text), { type: 'text/csv', disposition: 'attachment; filename="runs.csv"' });
  }

  async #find(query: RunQueryDto, sees: SeesSite, limit: number): Promise<readonly RunDto[]> {
    const shown: RunDto[] = [];
    // Who sees one site of many gets a full page all the same.
    for (let before = query.before as RunId | undefined; shown.length < limit; ) {
      const page = await this.runs.list({
        ...(query.site ? { site: query.site } : {}),
        ...(query.stack ? { stack: query.stack as StackId } : {}),
        ...(query.state ? { states: [query.state] } : {}),
        ...(query.actor ? { actor: query.actor } : {}),
        ...(before ? { before } : {}),
        limit,
      });
      shown.push(...page.filter(({ site }) => sees(site)));
      before = page.at(-1)?.id;
      if (page.length < limit) break;
    }
    return shown.slice(0, limit);
  }

  @Get(':id')
  @Needs('viewer', { site: 'run' })
  @ApiOkResponse({ type: RunDetailDto })
  async get(@Param('id') id: string): Promise<RunDetailDto> {
    const snapshot = await this.runs.get(id as RunId);
    if (!snapshot) throw unknownRun(id);
    const plan = await this.plans.get(snapshot.run.plan);
    const planned = new Map(plan?.steps.map((step) => [step.id, step]));
    return {
      run: snapshot.run,
      steps: [...snapshot.steps.values()].map((step) => {
        const { output: _output, outsideTask: _task, epoch: _epoch, ...shown } = step;
        return {
          ...shown,
          after: [...step.after],
          ...namesOf(planned.get(step.id), step.id),
          layer: planned.get(step.id)?.layer ?? 0,
        };
      }),
      progress: this.control.progressOf(snapshot),
      touched: [...(plan?.blastRadius ?? [])],
      decisions: await this.control.decisionsOf(snapshot),
      estimateMs: plan?.estimate.wallMs ?? 0,
    };
  }

  /** Entries of the run log, for those who poll. */
  @Get(':id/entries')
  @Needs('viewer', { site: 'run' })
  @ApiOkResponse({ type: [RunEntryDto] })
  async entries(@Param('id') id: string, @Query() query: EntriesQueryDto): Promise<RunEntryDto[]> {
    if (!(await this.runs.get(id as RunId))) throw unknownRun(id);
    return [...(await this.runs.entries(id as RunId, query.after ?? 0, query.limit ?? 1000))] as RunEntryDto[];
  }

  /** The run as one text file to hand on: plan, steps, whole log; secrets were taken out before it was stored. */
  @Get(':id/bundle')
  @Needs('viewer', { site: 'run' })
  @ApiOkResponse({ content: { 'text/plain': { schema: { type: 'string' } } } })
  async bundle(@Param('id') id: string): Promise<StreamableFile> {
    const snapshot = await this.runs.get(id as RunId);
    if (!snapshot) throw unknownRun(id);
    const text = runBundle(this.runs, snapshot, await this.plans.get(snapshot.run.plan));
    return new StreamableFile(Readable.from(text), {
      type: 'text/plain; charset=utf-8',
      disposition: `attachment; filename="${id}.txt"`,
    });
  }

  /** The run log as server-sent events: `id` is the sequence number, so a reader resumes with Last-Event-ID. Ends after the run's last entry. */
  @Get(':id/events')
  @Needs('viewer', { site: 'run' })
  @ApiOkResponse({ content: { 'text/event-stream': { schema: { type: 'string' } } } })
  async events(
    @Param('id') id: string,
    @Req() request: PrincipalRequest,
    @Res() response: Response,
    @Headers('last-event-id') last?: string,
    @Query('after') after?: string,
  ): Promise<void> {
    if (!(await this.runs.head(id as RunId))) throw unknownRun(id);
    const start = Number(last ?? after ?? 0);
    const stream = new EventStream(request, response);
    await stream.pipe(this.control.follow(id as RunId, start > 0 ? Math.floor(start) : 0, stream.signal));
  }

  @Post(':id/cancel')
  @Needs('operator', { site: 'run' })
  @Acts('run.cancelled', 'param:id')
  @HttpCode(202)
  @ApiOkResponse({ type: RunDto })
  cancel(@Param('id') id: string, @Actor() actor: string): Promise<RunDto> {
    return this.control.cancel(id as RunId, actor);
  }

  @Post(':id/retry')
  @Needs('operator', { site: 'run' })
  @Acts('run.retried', 'param:id')
  @HttpCode(202)
  @ApiOkResponse({ type: RunDto })
  retry(@Param('id') id: string, @Body() body: RetryRequestDto, @Actor() actor: string): Promise<RunDto> {
    return this.control.retry(id as RunId, actor, body.from as StepId[] | undefined);
  }

  /** Leaves what a failed run made as it is. */
  @Post(':id/leave')
  @Needs('operator', { site: 'run' })
  @Acts('run.left', 'param:id')
  @HttpCode(202)
  @ApiOkResponse({ type: RunDto })
  leave(@Param('id') id: string, @Actor() actor: string): Promise<RunDto> {
    return this.control.leave(id as RunId, actor);
  }

  /** Takes a failed install back; answers with the run that does it. */
  @Post(':id/undo')
  @Needs('operator', { site: 'run' })
  @Acts('run.undone', 'param:id')
  @ApiCreatedResponse({ type: RunDto })
  undo(@Param('id') id: string, @Actor() actor: string): Promise<RunDto> {
    return this.control.undo(id as RunId, actor);
  }
}

/** A step in words, and what others make words of in another language. */
function namesOf(planned: PlannedStep | undefined, id: string): Pick<RunStepDto, 'kind' | 'subject' | 'label'> {
  if (!planned) return { kind: '', subject: id, label: id };
  const { step, subject, label } = planned;
  return { kind: step.kind === 'hook.run' ? `hook.${step.hook}` : step.kind, subject, label };
}

const unknownRun = (id: string): Refusal =>
  new Refusal({
    code: 'not_found',
    subject: `run ${id}`,
    message: 'There is no such run.',
    remedy: 'bastide run list shows them.',
  });
