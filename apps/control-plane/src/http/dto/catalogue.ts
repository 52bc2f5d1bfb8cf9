import { ApiExtraModels, ApiProperty, ApiPropertyOptional, getSchemaPath } from '@nestjs/swagger';
import { NeedsDto } from './responses.js';

const anything = { type: 'object', additionalProperties: true } as const;

export class GraphNodeDto {
  @ApiProperty({ description: 'Instance name.' }) id!: string;
  @ApiProperty() module!: string;
  @ApiProperty() title!: string;
  @ApiProperty({ enum: ['foundation', 'app'] }) tier!: string;
  @ApiPropertyOptional({ description: 'The component that switches it; absent: always there.' }) component?: string;
}

export class GraphEdgeDto {
  @ApiProperty() from!: string;
  @ApiProperty() to!: string;
  @ApiProperty() requirement!: string;
  @ApiProperty() interface!: string;
}

export class BlueprintGraphDto {
  @ApiProperty({ type: [GraphNodeDto] }) nodes!: GraphNodeDto[];
  @ApiProperty({ type: [GraphEdgeDto] }) edges!: GraphEdgeDto[];
}

@ApiExtraModels(NeedsDto)
export class BlueprintDetailDto {
  @ApiProperty() name!: string;
  @ApiProperty() version!: string;
  @ApiProperty() title!: string;
  @ApiProperty() summary!: string;
  @ApiPropertyOptional() audience?: string;
  @ApiProperty({ ...anything, description: 'Parameter name → schema, included blueprints’ too.' }) parameters!: object;
  @ApiProperty({ ...anything, description: 'Component name → title, default, modules.' }) components!: object;
  @ApiProperty({ type: [String] }) sizes!: string[];
  @ApiProperty({ type: BlueprintGraphDto }) graph!: BlueprintGraphDto;
  @ApiProperty({
    type: 'object',
    additionalProperties: { $ref: getSchemaPath(NeedsDto) },
    description: 'Size → what it takes with every component on.',
  })
  needs!: Record<string, NeedsDto>;
}
