import { Controller, Get, Inject, Post, Query, Req } from '@nestjs/common';
import {
  ApiBearerAuth,
  ApiBody,
  ApiConsumes,
  ApiCreatedResponse,
  ApiDefaultResponse,
  ApiOkResponse,
  ApiTags,
} from '@nestjs/swagger';
import type { Request } from 'express';
import type { ArtifactStore } from '../../application/artifacts/artifact-store.port.js';
import { Acts } from '../acts.js';
import { expectLargeBody } from '../body-time.js';
import { ArtifactQueryDto } from '../dto/requests.js';
import { ArtifactDto, ProblemDto } from '../dto/responses.js';
import { Needs } from '../needs.js';
import { ARTIFACT_STORE } from '../tokens.js';

@ApiTags('artifacts')
@ApiBearerAuth()
@ApiDefaultResponse({ type: ProblemDto })
@Controller('artifacts')
export class ArtifactsController {
  constructor(@Inject(ARTIFACT_STORE) private readonly artifacts: ArtifactStore) {}

  @Get()
  @Needs('viewer')
  @ApiOkResponse({ type: [ArtifactDto] })
  async list(): Promise<ArtifactDto[]> {
    return [...(await this.artifacts.list())];
  }

  /** Brings a file into the store; the body is the file. */
  @Post()
  @Needs('author', { site: 'all' })
  @Acts('artifact.imported')
  @ApiConsumes('application/octet-stream')
  @ApiBody({ schema: { type: 'string', format: 'binary' } })
  @ApiCreatedResponse({ type: ArtifactDto })
  async put(@Req() request: Request, @Query() query: ArtifactQueryDto): Promise<ArtifactDto> {
    expectLargeBody(request);
    // The connection outlives a refusal: somebody is to read it.
    const body = request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>;
    return await this.artifacts.importFile(body, 'upload', query.sha256);
  }
}
