import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { Controller, Get, HttpCode, Inject, Post, Query, Res } from '@nestjs/common';
import {
  ApiBearerAuth,
  ApiDefaultResponse,
  ApiOkResponse,
  ApiProperty,
  ApiPropertyOptional,
  ApiTags,
  OmitType,
} from '@nestjs/swagger';
import { Type } from 'class-transformer';
import { IsIn, IsInt, IsOptional, IsString, Max, Min } from 'class-validator';
import type { Response } from 'express';
import type { AuditFilter, AuditLog } from '../../application/audit/audit-log.port.js';
import type { ExportAudit, ExportSigner } from '../../application/audit/export-audit.js';
import { EXPORT_FORMATS, type ExportFormat } from '../../domain/audit/audit-export.js';
import { Acts } from '../acts.js';
import { ProblemDto } from '../dto/responses.js';
import { Needs } from '../needs.js';
import { AUDIT_LOG, EXPORT_AUDIT, EXPORT_SIGNER } from '../tokens.js';

class AuditQueryDto {
  @ApiPropertyOptional() @IsOptional() @IsString() actor?: string;
  @ApiPropertyOptional({ example: 'plan.applied' }) @IsOptional() @IsString() action?: string;
  @ApiPropertyOptional() @IsOptional() @IsString() site?: string;
  @ApiPropertyOptional() @IsOptional() @Type(() => Number) @IsInt() @Min(0) @Max(8.64e15) since?: number;
  @ApiPropertyOptional() @IsOptional() @Type(() => Number) @IsInt() @Min(0) @Max(8.64e15) until?: number;
  @ApiPropertyOptional({ description: 'Rows older than this one.' })
  @IsOptional()
  @Type(() => Number)
  @IsInt()
  @Min(1)
  before?: number;
  @ApiPropertyOptional({ default: 100 }) @IsOptional() @Type(() => Number) @IsInt() @Min(1) @Max(1000) limit?: number;
}

class AuditExportQueryDto extends OmitType(AuditQueryDto, ['before', 'limit']) {
  @ApiPropertyOptional({ enum: EXPORT_FORMATS, default: 'jsonl' })
  @IsOptional()
  @IsIn(EXPORT_FORMATS)
  format?: ExportFormat;
}

class AuditKeyDto {
  @ApiProperty({ description: 'Ed25519, SPKI in base64.' }) key!: string;
}

class AuditRowDto {
  @ApiProperty() seq!: number;
  @ApiProperty() at!: number;
  @ApiProperty() actor!: string;
  @ApiProperty({ enum: ['account', 'token', 'local', 'system'] }) actorKind!: string;
  @ApiPropertyOptional() address?: string;
  @ApiProperty() action!: string;
  @ApiProperty() subject!: string;
  @ApiPropertyOptional() site?: string;
  @ApiProperty({ enum: ['done', 'refused', 'failed'] }) outcome!: string;
  @ApiPropertyOptional({ type: 'object', additionalProperties: true }) details?: object;
  @ApiProperty() hash!: string;
}

class AuditPageDto {
  @ApiProperty({ type: [AuditRowDto] }) rows!: AuditRowDto[];
  @ApiPropertyOptional({ description: 'For `before`, when there may be more.' }) next?: number;
}

class ChainBreakDto {
  @ApiProperty() seq!: number;
  @ApiProperty({ enum: ['missing', 'changed', 'truncated', 'unexpected'] }) reason!: string;
}

class AuditVerdictDto {
  @ApiProperty() intact!: boolean;
  @ApiProperty() rows!: number;
  @ApiPropertyOptional({ type: ChainBreakDto }) firstBroken?: ChainBreakDto;
}

@ApiTags('audit')
@ApiBearerAuth()
@ApiDefaultResponse({ type: ProblemDto })
@Needs('admin', { site: 'all' })
@Controller('audit')
export class AuditController {
  constructor(
    @Inject(AUDIT_LOG) private readonly log: AuditLog,
    @Inject(EXPORT_AUDIT) private readonly exports: ExportAudit,
    @Inject(EXPORT_SIGNER) private readonly signer: ExportSigner,
  ) {}

  /** Who did what, newest first. */
  @Get()
  @ApiOkResponse({ type: AuditPageDto })
  async list(@Query() query: AuditQueryDto): Promise<AuditPageDto> {
    const limit = query.limit ?? 100;
    const rows = [...(await this.log.list({ ...query, limit } as AuditFilter))];
    return { rows, ...(rows.length === limit ? { next: rows.at(-1)!.seq } : {}) };
  }

  /** All rows that fit, oldest first. JSON lines end with a line that seals the ones before it; `bastide audit verify --file` checks it. */
  @Get('export')
  @Acts('audit.exported')
  @ApiOkResponse({ content: { 'text/csv': {}, 'application/x-ndjson': {} } })
  async export(@Query() query: AuditExportQueryDto, @Res() response: Response): Promise<void> {
    const { format = 'jsonl', ...filter } = query;
    const gone = new AbortController();
    response.on('close', () => gone.abort());
    response.attachment(`audit.${format}`).type(format === 'csv' ? 'text/csv' : 'application/x-ndjson');
    // A reader that is slow slows the reading of rows down; one that leaves ends it.
    const rows = Readable.from(this.exports.execute(filter, format, gone.signal), { objectMode: true });
    await pipeline(rows, response).catch((error: unknown) => {
      if (!gone.signal.aborted || !response.destroyed) throw error;
    });
  }

  /** The public half of the key that seals exports. */
  @Get('key')
  @ApiOkResponse({ type: AuditKeyDto })
  async key(): Promise<AuditKeyDto> {
    return { key: await this.signer.publicKey() };
  }

  /** Reads the whole chain and tells the first row that was changed, is missing or was cut off. */
  @Post('verify')
  @HttpCode(200)
  @Acts('audit.verified')
  @ApiOkResponse({ type: AuditVerdictDto })
  verify(): Promise<AuditVerdictDto> {
    return this.log.verify();
  }
}
