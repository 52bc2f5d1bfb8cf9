import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { Transform } from 'class-transformer';
import { IsIn, IsString, Length, Matches } from 'class-validator';
import { DRIFT_FIELDS, DRIFT_KINDS, type DriftField } from '../../domain/stack/drift.js';
import { IsValue, PART } from './requests.js';

export class DriftFieldDto {
  @ApiProperty({ example: 'wiki.app' }) @Matches(PART) guest!: string;
  @ApiProperty({ enum: DRIFT_FIELDS }) @IsIn(DRIFT_FIELDS) field!: DriftField;
}

const value = { oneOf: [{ type: 'string' as const }, { type: 'number' as const }] };

export class DriftSeenDto extends DriftFieldDto {
  @ApiProperty({ ...value, description: 'The value that the answer is about.' })
  @IsValue()
  observed!: string | number;
}

export class DriftIgnoreDto extends DriftSeenDto {
  @ApiProperty({ example: 'Load test until Friday' })
  @Transform(({ value: text }: { value: unknown }) => (typeof text === 'string' ? text.trim() : text))
  @IsString()
  @Length(3, 500)
  reason!: string;
}

export class IgnoredDto {
  @ApiProperty() reason!: string;
  @ApiProperty() by!: string;
  @ApiProperty() at!: number;
}

export class DriftWithoutDto {
  @ApiPropertyOptional({ description: 'Why the record cannot take it.' }) adopt?: string;
  @ApiPropertyOptional({ description: 'Why a plan cannot put it back.' }) restore?: string;
}

export class DriftDto {
  @ApiProperty({ enum: DRIFT_KINDS }) kind!: string;
  @ApiProperty({ enum: DRIFT_FIELDS }) field!: DriftField;
  @ApiProperty(value) recorded!: string | number;
  @ApiProperty(value) observed!: string | number;
  @ApiProperty({ type: DriftWithoutDto, description: 'Answers that are not to be had.' }) without!: DriftWithoutDto;
  @ApiPropertyOptional({ type: IgnoredDto, description: 'Somebody wants it left as it is.' }) ignored?: IgnoredDto;
}
