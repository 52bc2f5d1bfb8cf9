import { createWriteStream } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
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
    const folder = await mkdtemp(join(tmpdir(), 'bastide-upload-'));
    try {
      const file = join(folder, 'upload');
      await pipeline(request, createWriteStream(file, { mode: 0o600 }));
      return await this.artifacts.importFile(file, query.sha256);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }
}
