import { Body, Controller, Delete, Get, HttpCode, Inject, Param, Post, Req } from '@nestjs/common';
import {
  ApiBearerAuth,
  ApiCreatedResponse,
  ApiDefaultResponse,
  ApiNoContentResponse,
  ApiOkResponse,
  ApiProperty,
  ApiPropertyOptional,
  ApiTags,
} from '@nestjs/swagger';
import { IsIn, IsInt, IsOptional, IsString, Length, Matches } from 'class-validator';
import type { ApiTokens } from '../../application/accounts/api-tokens.js';
import { ACCOUNT_ROLES, type AccountRole } from '../../domain/account/roles.js';
import { Actor, Acts, type PrincipalRequest } from '../acts.js';
import { ProblemDto } from '../dto/responses.js';
import { Needs } from '../needs.js';
import { API_TOKENS } from '../tokens.js';

class TokenRequestDto {
  @ApiProperty() @IsString() @Length(1, 80) name!: string;
  @ApiProperty({ enum: ACCOUNT_ROLES }) @IsIn(ACCOUNT_ROLES) role!: AccountRole;
  @ApiPropertyOptional({ description: 'Left out: all sites.' })
  @IsOptional()
  @Matches(/^[a-z][a-z0-9-]{1,38}$/)
  site?: string;
  @ApiProperty({ description: 'Milliseconds since 1970; at most 366 days from now.' }) @IsInt() expiresAt!: number;
}

class TokenDto {
  @ApiProperty() id!: string;
  @ApiProperty() name!: string;
  @ApiProperty({ enum: ACCOUNT_ROLES }) role!: string;
  @ApiProperty({ type: String, nullable: true }) site!: string | null;
  @ApiProperty() createdAt!: number;
  @ApiProperty() expiresAt!: number;
  @ApiPropertyOptional() lastUsedAt?: number;
  @ApiProperty() by!: string;
}

class NewTokenDto extends TokenDto {
  @ApiProperty({ description: 'Shown this once; only its hash is kept.' }) token!: string;
}

@ApiTags('tokens')
@ApiBearerAuth()
@ApiDefaultResponse({ type: ProblemDto })
@Needs('admin', { site: 'all' })
@Controller('tokens')
export class TokensController {
  constructor(@Inject(API_TOKENS) private readonly tokens: ApiTokens) {}

  @Get()
  @ApiOkResponse({ type: [TokenDto] })
  async list(): Promise<TokenDto[]> {
    return [...(await this.tokens.list())];
  }

  @Post()
  @Acts('token.created', 'body:name')
  @ApiCreatedResponse({ type: NewTokenDto })
  create(
    @Body() body: TokenRequestDto,
    @Actor() by: string,
    @Req() { principal }: PrincipalRequest,
  ): Promise<NewTokenDto> {
    const { name, role, site, expiresAt } = body;
    const until = principal?.expiresAt;
    return this.tokens.create({
      name,
      role,
      site: site ?? null,
      expiresAt,
      by,
      ...(until === undefined ? {} : { until }),
    });
  }

  @Delete(':id')
  @HttpCode(204)
  @Acts('token.removed', 'param:id')
  @ApiNoContentResponse()
  remove(@Param('id') id: string): Promise<void> {
    return this.tokens.remove(id);
  }
}
