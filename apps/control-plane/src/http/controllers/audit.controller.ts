import { Controller, Get, HttpCode, Inject, Post, Query, Res } from '@nestjs/common';
import {
  ApiBearerAuth,
  ApiDefaultResponse,
  ApiOkResponse,
  ApiProperty,
  ApiPropertyOptional,
  ApiTags,
} from '@nestjs/swagger';
import { Type } from 'class-transformer';
import { IsIn, IsInt, IsOptional, IsString, Max, Min } from 'class-validator';
import type { Response } from 'express';
import type { AuditFilter, AuditLog } from '../../application/audit/audit-log.port.js';
import { Acts } from '../acts.js';
import { toCsv } from '../csv.js';
import { ProblemDto } from '../dto/responses.js';
import { Needs } from '../needs.js';
import { AUDIT_LOG } from '../tokens.js';

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

class AuditExportQueryDto extends AuditQueryDto {
  @ApiPropertyOptional({ enum: ['csv', 'json'], default: 'json' }) @IsOptional() @IsIn(['csv', 'json']) format?: string;
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

const COLUMNS = ['seq', 'at', 'actor', 'actorKind', 'address', 'action', 'subject', 'site', 'outcome', 'hash'] as const;

@ApiTags('audit')
@ApiBearerAuth()
@ApiDefaultResponse({ type: ProblemDto })
@Needs('admin', { site: 'all' })
@Controller('audit')
export class AuditController {
  constructor(@Inject(AUDIT_LOG) private readonly log: AuditLog) {}

  /** Who did what, newest first. */
  @Get()
  @ApiOkResponse({ type: AuditPageDto })
  async list(@Query() query: AuditQueryDto): Promise<AuditPageDto> {
    const limit = query.limit ?? 100;
    const rows = [...(await this.log.list({ ...query, limit } as AuditFilter))];
    return { rows, ...(rows.length === limit ? { next: rows.at(-1)!.seq } : {}) };
  }

  /** The same rows as a file, at most 10,000 of them. */
  @Get('export')
  @ApiOkResponse({ content: { 'text/csv': {}, 'application/json': {} } })
  async export(@Query() query: AuditExportQueryDto, @Res() response: Response): Promise<void> {
    const { format, ...filter } = query;
    const rows = await this.log.list({ ...filter, limit: filter.limit ?? 10_000 } as AuditFilter);
    response.attachment(`audit.${format ?? 'json'}`);
    if (format === 'csv') response.type('text/csv').send(toCsv(COLUMNS, rows));
    else response.json(rows);
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
