import { Controller, Inject, type MessageEvent, Sse } from '@nestjs/common';
import { ApiBearerAuth, ApiDefaultResponse, ApiTags } from '@nestjs/swagger';
import { Observable } from 'rxjs';
import type { RunControl } from '../../application/runs/run-control.js';
import { Sees, type SeesSite } from '../acts.js';
import { ProblemDto } from '../dto/responses.js';
import { Needs } from '../needs.js';
import { RUN_CONTROL } from '../tokens.js';

const HEARTBEAT_MS = 15_000;

@ApiTags('events')
@ApiBearerAuth()
@ApiDefaultResponse({ type: ProblemDto })
@Controller('events')
export class EventsController {
  constructor(@Inject(RUN_CONTROL) private readonly control: RunControl) {}

  /** Every run whose state moves, on visible sites, as server-sent events of type `run`. Nothing is kept: whoever (re)connects asks for the lists once. */
  @Sse()
  @Needs('viewer')
  follow(@Sees() sees: SeesSite): Observable<MessageEvent> {
    return new Observable((subscriber) => {
      const stop = this.control.watchAll((run) => {
        if (sees(run.site)) subscriber.next({ type: 'run', data: run });
      });
      const heartbeat = setInterval(() => subscriber.next({ type: 'ping', data: '' }), HEARTBEAT_MS);
      return () => {
        clearInterval(heartbeat);
        stop();
      };
    });
  }
}
