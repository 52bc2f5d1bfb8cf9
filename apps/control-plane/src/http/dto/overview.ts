import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { TODO_KINDS } from '../../application/overview/show-overview.js';
import { STACK_HEALTHS } from '../../domain/stack/stack-health.js';
import { LinkDto, RunDto, StackDto } from './responses.js';

export class StackSummaryDto {
  @ApiProperty({ type: StackDto }) stack!: StackDto;
  @ApiProperty({ description: 'Of its blueprint.' }) title!: string;
  @ApiProperty({ enum: STACK_HEALTHS }) health!: (typeof STACK_HEALTHS)[number];
  @ApiPropertyOptional() checkedAt?: number;
  @ApiProperty() failingChecks!: number;
  @ApiProperty({ type: [LinkDto] }) links!: LinkDto[];
}

export class TodoDto {
  @ApiProperty() id!: string;
  @ApiProperty({ enum: TODO_KINDS }) kind!: (typeof TODO_KINDS)[number];
  @ApiProperty({ enum: ['required', 'recommended', 'info'] }) severity!: string;
  @ApiPropertyOptional({ description: 'Absent: it is about the control plane itself.' }) stack?: string;
  @ApiPropertyOptional() run?: string;
  @ApiPropertyOptional({ description: 'How many checks or notification targets fail.' }) count?: number;
}

export class ChangeDto {
  @ApiProperty() seq!: number;
  @ApiProperty() at!: number;
  @ApiProperty() actor!: string;
  @ApiProperty() action!: string;
  @ApiProperty() subject!: string;
  @ApiPropertyOptional() site?: string;
}

export class OverviewDto {
  @ApiProperty({ description: 'Connected sites that one may see.' }) sites!: number;
  @ApiProperty({ type: [StackSummaryDto] }) stacks!: StackSummaryDto[];
  @ApiProperty({ type: [TodoDto] }) todos!: TodoDto[];
  @ApiProperty({ type: [RunDto] }) running!: RunDto[];
  @ApiProperty({ type: [RunDto], description: 'Newest first.' }) recent!: RunDto[];
  @ApiProperty({ type: [ChangeDto], description: 'Newest first.' }) changes!: ChangeDto[];
}
