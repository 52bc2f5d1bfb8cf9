import { Controller, Get, Inject, Req, Res } from '@nestjs/common';
import { ApiBearerAuth, ApiDefaultResponse, ApiOkResponse, ApiTags } from '@nestjs/swagger';
import type { Response } from 'express';
import type { RunControl } from '../../application/runs/run-control.js';
import { type PrincipalRequest, Sees, type SeesSite } from '../acts.js';
import { ProblemDto } from '../dto/responses.js';
import { EventStream } from '../event-stream.js';
import { Needs } from '../needs.js';
import { RUN_CONTROL } from '../tokens.js';

@ApiTags('events')
@ApiBearerAuth()
@ApiDefaultResponse({ type: ProblemDto })
@Controller('events')
export class EventsController {
  constructor(@Inject(RUN_CONTROL) private readonly control: RunControl) {}

  /** Every run whose state moves, on visible sites, as server-sent events of type `run`. Nothing is kept: whoever (re)connects asks for the lists once. */
  @Get()
  @Needs('viewer')
  @ApiOkResponse({ content: { 'text/event-stream': { schema: { type: 'string' } } } })
  follow(@Sees() sees: SeesSite, @Req() request: PrincipalRequest, @Res() response: Response): void {
    const stream = new EventStream(request, response);
    const stop = this.control.watchAll((run) => {
      if (sees(run.site)) stream.tell('run', run);
    });
    stream.signal.addEventListener('abort', stop);
    stream.open();
  }
}
