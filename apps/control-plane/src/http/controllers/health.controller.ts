import { Controller, Get, HttpCode, Inject, Res } from '@nestjs/common';
import { ApiOkResponse, ApiTags } from '@nestjs/swagger';
import type { Response } from 'express';
import { HealthDto, VersionDto } from '../dto/responses.js';
import { Needs } from '../needs.js';
import { READINESS } from '../tokens.js';

/** Part → undefined when it works, else why not. */
export type Readiness = () => Promise<Readonly<Record<string, string | undefined>>>;

@ApiTags('health')
@Needs('anonymous')
@Controller()
export class HealthController {
  constructor(@Inject(READINESS) private readonly readiness: Readiness) {}

  @Get('version')
  @ApiOkResponse({ type: VersionDto })
  version(): VersionDto {
    return { version: process.env.npm_package_version ?? '0.1.0', node: process.version };
  }

  /** The process answers. */
  @Get('health/live')
  @HttpCode(204)
  live(): void {}

  /** Database, queue (by a round trip) and workers do their work; 503 with the cause otherwise. */
  @Get('health/ready')
  @ApiOkResponse({ type: HealthDto })
  async ready(@Res({ passthrough: true }) response: Response): Promise<HealthDto> {
    const found = await this.readiness();
    const ready = Object.values(found).every((reason) => reason === undefined);
    if (!ready) response.status(503);
    return {
      status: ready ? 'ready' : 'not-ready',
      checks: Object.fromEntries(Object.entries(found).map(([part, reason]) => [part, reason ?? 'ok'])),
    };
  }
}
