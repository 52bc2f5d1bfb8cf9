import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { Type } from 'class-transformer';
import {
  ArrayMaxSize,
  IsArray,
  IsBoolean,
  IsIn,
  IsInt,
  IsObject,
  IsOptional,
  IsString,
  Length,
  Matches,
  Max,
  Min,
  ValidateBy,
  ValidateNested,
} from 'class-validator';
import { RUN_STATES, type RunState } from '../../domain/run/run.js';

const NAME = /^[a-z][a-z0-9-]{1,38}$/;

/** `instance.guest`, `instance.secret`, `instance.requirement`. */
export const PART = /^[a-z][a-z0-9-]{0,38}\.[A-Za-z][A-Za-z0-9-]{0,62}$/;
/** A field's value: a short text or a number. */
export const IsValue = (): PropertyDecorator =>
  ValidateBy({
    name: 'isValue',
    validator: {
      validate: (value: unknown) =>
        (typeof value === 'number' && Number.isFinite(value)) || (typeof value === 'string' && value.length <= 200),
      defaultMessage: () => '$property must be a text of at most 200 characters or a number',
    },
  });
const NODE = /^[a-zA-Z0-9][a-zA-Z0-9-]{0,62}$/;

export class VolumeSizeRequestDto {
  @ApiProperty({ example: 'data' }) @Matches(/^[a-z][a-z0-9-]{0,38}$/) name!: string;
  @ApiProperty() @IsInt() @Min(1) @Max(1_048_576) sizeGiB!: number;
}

export class GuestSizeRequestDto {
  @ApiProperty({ example: 'wiki.app' }) @Matches(PART) guest!: string;
  @ApiPropertyOptional() @IsOptional() @IsInt() @Min(1) @Max(512) cpus?: number;
  @ApiPropertyOptional() @IsOptional() @IsInt() @Min(64) @Max(16_777_216) memoryMiB?: number;
  @ApiPropertyOptional({ description: 'Root disk; it can only grow.' })
  @IsOptional()
  @IsInt()
  @Min(1)
  @Max(1_048_576)
  diskGiB?: number;
  @ApiPropertyOptional({ type: [VolumeSizeRequestDto] })
  @IsOptional()
  @IsArray()
  @ArrayMaxSize(64)
  @ValidateNested({ each: true })
  @Type(() => VolumeSizeRequestDto)
  volumes?: VolumeSizeRequestDto[];
}

export class MoveRequestDto {
  @ApiProperty({ example: 'wiki.app' }) @Matches(PART) guest!: string;
  @ApiProperty({ example: 'pve2' }) @Matches(NODE) node!: string;
}

/** What is wanted of one stack; what is left out stays as it is, or takes the blueprint's default. */
export class PlanRequestDto {
  @ApiProperty({ example: 'demo' }) @Matches(NAME) site!: string;
  @ApiProperty({ example: 'team', description: 'Name of the stack: lower-case letters, digits, dashes.' })
  @Matches(NAME)
  stack!: string;
  @ApiPropertyOptional({ example: 'team' }) @IsOptional() @Matches(NAME) blueprint?: string;
  @ApiPropertyOptional() @IsOptional() @IsString() blueprintVersion?: string;
  @ApiPropertyOptional({ type: 'object', additionalProperties: true }) @IsOptional() @IsObject() parameters?: Record<
    string,
    unknown
  >;
  @ApiPropertyOptional({ type: 'object', additionalProperties: { type: 'boolean' } })
  @IsOptional()
  @IsObject()
  components?: Record<string, boolean>;
  @ApiPropertyOptional({ example: 'small' }) @IsOptional() @IsString() @Length(1, 40) size?: string;
  @ApiPropertyOptional({
    type: 'object',
    additionalProperties: { type: 'object', additionalProperties: true },
    description: 'Instance name → config.',
  })
  @IsOptional()
  @IsObject()
  config?: Record<string, Record<string, unknown>>;
  @ApiPropertyOptional({ type: [GuestSizeRequestDto], description: 'Sizes of single guests; they stay wanted.' })
  @IsOptional()
  @IsArray()
  @ArrayMaxSize(1000)
  @ValidateNested({ each: true })
  @Type(() => GuestSizeRequestDto)
  guests?: GuestSizeRequestDto[];
  @ApiPropertyOptional({ type: [MoveRequestDto], description: 'Guests that go to another node, once.' })
  @IsOptional()
  @IsArray()
  @ArrayMaxSize(1000)
  @ValidateNested({ each: true })
  @Type(() => MoveRequestDto)
  move?: MoveRequestDto[];
  @ApiPropertyOptional({
    type: [String],
    description: 'Secrets that are made anew, once: instance.secret, or instance.requirement between two modules.',
  })
  @IsOptional()
  @IsArray()
  @ArrayMaxSize(1000)
  @Matches(PART, { each: true })
  rotate?: string[];
  @ApiPropertyOptional({
    type: [String],
    description: 'Differences between record and world that are put back, once: instance.guest.field.',
  })
  @IsOptional()
  @IsArray()
  @ArrayMaxSize(1000)
  @Matches(/^[a-z][a-z0-9-]{0,38}\.[a-z][a-z0-9-]{0,38}\.[A-Za-z]{1,40}$/, { each: true })
  restore?: string[];
  @ApiPropertyOptional({ description: 'Plan to stop and keep it; any other plan wakes it.' })
  @IsOptional()
  @IsBoolean()
  archive?: boolean;
  @ApiPropertyOptional({ description: 'Plan the removal of the stack.' }) @IsOptional() @IsBoolean() remove?: boolean;
}

export class ApplyRequestDto {
  @ApiProperty({ description: 'The hash of the plan that was reviewed.' }) @Matches(/^[0-9a-f]{64}$/) hash!: string;
}

export class SiteRequestDto {
  @ApiProperty({ description: 'site.yaml as text.' }) @IsString() @Length(1, 1024 * 1024) document!: string;
  @ApiPropertyOptional({
    type: 'object',
    additionalProperties: { type: 'string' },
    description: 'Values of secret:… references; kept encrypted, never given back.',
  })
  @IsOptional()
  @IsObject()
  credentials?: Record<string, string>;
}

export class RetryRequestDto {
  @ApiPropertyOptional({ type: [String], description: 'Step ids to start from; default: every failed step.' })
  @IsOptional()
  @IsArray()
  @IsString({ each: true })
  from?: string[];
}

export class RunQueryDto {
  @ApiPropertyOptional() @IsOptional() @IsString() site?: string;
  @ApiPropertyOptional() @IsOptional() @IsString() stack?: string;
  @ApiPropertyOptional({ enum: RUN_STATES }) @IsOptional() @IsIn(RUN_STATES) state?: RunState;
  @ApiPropertyOptional({ description: 'Who started it.' }) @IsOptional() @IsString() @Length(1, 200) actor?: string;
  @ApiPropertyOptional({ default: 50 }) @IsOptional() @Type(() => Number) @IsInt() @Min(1) @Max(500) limit?: number;
  @ApiPropertyOptional({ description: 'Runs older than this one.' }) @IsOptional() @IsString() before?: string;
}

export class EntriesQueryDto {
  @ApiPropertyOptional({ default: 0, description: 'Sequence number of the last entry that is known already.' })
  @IsOptional()
  @Type(() => Number)
  @IsInt()
  @Min(0)
  after?: number;
  @ApiPropertyOptional({ default: 1000 }) @IsOptional() @Type(() => Number) @IsInt() @Min(1) @Max(5000) limit?: number;
}

export class StackQueryDto {
  @ApiPropertyOptional() @IsOptional() @IsString() site?: string;
}

export class ArtifactQueryDto {
  @ApiPropertyOptional({ description: 'Expected SHA-256; refused when the content differs.' })
  @IsOptional()
  @Matches(/^[0-9a-f]{64}$/)
  sha256?: string;
}
