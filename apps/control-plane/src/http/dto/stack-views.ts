import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { Type } from 'class-transformer';
import { IsIn, IsInt, IsOptional, Max, Min } from 'class-validator';
import { FIGURE_RANGES, type FigureRange } from '../../application/substrates/substrate.port.js';
import { DriftDto } from './drift.js';

const anything = { type: 'object', additionalProperties: true } as const;

export class LimitQueryDto {
  @ApiPropertyOptional({ default: 200 }) @IsOptional() @Type(() => Number) @IsInt() @Min(1) @Max(1000) limit?: number;
}

export class RangeQueryDto {
  @ApiPropertyOptional({ enum: FIGURE_RANGES, default: 'hour' }) @IsOptional() @IsIn(FIGURE_RANGES) range?: FigureRange;
}

export class CheckEntryDto {
  @ApiProperty() at!: number;
  @ApiProperty() instance!: string;
  @ApiProperty() guest!: string;
  @ApiProperty() healthy!: boolean;
  @ApiProperty({ type: [String] }) tail!: string[];
  @ApiPropertyOptional() error?: string;
  @ApiProperty({ description: 'Who asked; schedule for the regular ones.' }) by!: string;
}

export class FieldDto {
  @ApiProperty() name!: string;
  @ApiProperty({ ...anything, description: 'JSON Schema of the field.' }) schema!: object;
  @ApiPropertyOptional({
    description: 'Absent: the default, or a secret.',
    oneOf: [
      { type: 'string' },
      { type: 'number' },
      { type: 'boolean' },
      { type: 'array', items: {} },
      { type: 'object', additionalProperties: true },
    ],
  })
  value?: unknown;
}

export class ComponentChoiceDto {
  @ApiProperty() name!: string;
  @ApiProperty() title!: string;
  @ApiProperty() value!: boolean;
}

export class SizeChoiceDto {
  @ApiProperty() value!: string;
  @ApiProperty({ type: [String] }) choices!: string[];
}

export class InstanceFieldsDto {
  @ApiProperty() instance!: string;
  @ApiProperty() module!: string;
  @ApiProperty({ type: [FieldDto] }) fields!: FieldDto[];
}

export class StackConfigurationDto {
  @ApiProperty() site!: string;
  @ApiProperty() stack!: string;
  @ApiProperty() blueprint!: string;
  @ApiProperty({ type: [FieldDto] }) parameters!: FieldDto[];
  @ApiProperty({ type: [ComponentChoiceDto] }) components!: ComponentChoiceDto[];
  @ApiProperty({ type: SizeChoiceDto }) size!: SizeChoiceDto;
  @ApiProperty({ type: [InstanceFieldsDto] }) instances!: InstanceFieldsDto[];
}

export class LiveGuestDto {
  @ApiProperty() instance!: string;
  @ApiProperty() guest!: string;
  @ApiProperty() node!: string;
  @ApiProperty() vmid!: number;
  @ApiProperty({ enum: ['running', 'stopped', 'suspended', 'unknown', 'missing'] }) status!: string;
  @ApiProperty({ type: [DriftDto], description: 'Where the world differs from the record.' }) drift!: DriftDto[];
  @ApiPropertyOptional({ description: 'Why the substrate could not be asked.' }) error?: string;
}

export class FigureDto {
  @ApiProperty() at!: number;
  @ApiProperty({ description: 'Share of its processors, 0…1.' }) cpu!: number;
  @ApiProperty() memoryBytes!: number;
  @ApiProperty() memoryMaxBytes!: number;
  @ApiProperty() diskBytes!: number;
  @ApiProperty() diskMaxBytes!: number;
  @ApiProperty({ description: 'Bytes a second.' }) netIn!: number;
  @ApiProperty() netOut!: number;
}

export class GuestFiguresDto {
  @ApiProperty() instance!: string;
  @ApiProperty() guest!: string;
  @ApiProperty({ type: [FigureDto], description: 'Oldest first.' }) points!: FigureDto[];
  @ApiPropertyOptional({ description: 'Why there are none.' }) error?: string;
}

export class SecretNameDto {
  @ApiProperty() instance!: string;
  @ApiProperty() name!: string;
  @ApiProperty({ description: 'A first password, meant for the admin.' }) shownToAdmin!: boolean;
  @ApiPropertyOptional({ description: 'What two modules share, and nobody is shown; name is the requirement.' })
  interface?: string;
}

export class SecretValueDto {
  @ApiProperty() value!: string;
}
