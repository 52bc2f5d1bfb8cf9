import { ApiExtraModels, ApiProperty, ApiPropertyOptional, getSchemaPath } from '@nestjs/swagger';
import { OPERATIONS } from '../../domain/plan/plan.js';
import { RUN_STATES, STEP_STATES } from '../../domain/run/run.js';
import { STACK_STATES } from '../../domain/stack/stack.js';

/** Shapes of answers, for the OpenAPI document. Values come from the domain as they are; these classes only describe them. */
const anything = { type: 'object', additionalProperties: true } as const;

export class ProblemDto {
  @ApiProperty() type!: string;
  @ApiProperty() title!: string;
  @ApiProperty() status!: number;
  @ApiProperty() detail!: string;
  @ApiProperty() instance!: string;
  @ApiProperty({ description: 'Stable: what scripts may depend on.' }) code!: string;
  @ApiProperty() subject!: string;
  @ApiProperty({ description: 'What to do about it.' }) remedy!: string;
  @ApiPropertyOptional(anything) details?: object;
}

export class PlaceDto {
  @ApiProperty() file!: string;
  @ApiProperty() line!: number;
  @ApiProperty() column!: number;
}

export class DiagnosticDto {
  @ApiProperty({ enum: ['error', 'warning', 'info'] }) severity!: string;
  @ApiProperty() code!: string;
  @ApiProperty() subject!: string;
  @ApiProperty() message!: string;
  @ApiPropertyOptional() remedy?: string;
  @ApiPropertyOptional({ type: PlaceDto }) place?: PlaceDto;
  @ApiPropertyOptional(anything) details?: object;
}

export class PlannedStepDto {
  @ApiProperty() id!: string;
  @ApiProperty({ ...anything, description: 'kind and its arguments' }) step!: object;
  @ApiProperty() subject!: string;
  @ApiProperty() label!: string;
  @ApiProperty({ type: [String] }) after!: string[];
  @ApiProperty() weightMs!: number;
  @ApiProperty() deadlineMs!: number;
  @ApiProperty() layer!: number;
}

export class TouchedDto {
  @ApiProperty() kind!: string;
  @ApiProperty() name!: string;
  @ApiProperty({ enum: ['created', 'changed', 'restarted', 'removed'] }) effect!: string;
  @ApiPropertyOptional() detail?: string;
}

export class EstimateDto {
  @ApiProperty({ description: 'Along the longest chain, milliseconds.' }) wallMs!: number;
  @ApiProperty() sumMs!: number;
  @ApiProperty({ type: [String] }) longestChain!: string[];
}

export class DomainChangeDto {
  @ApiProperty() from!: string;
  @ApiProperty() to!: string;
}

export class PlanDto {
  @ApiProperty() id!: string;
  @ApiProperty() stack!: string;
  @ApiProperty() stackName!: string;
  @ApiProperty() site!: string;
  @ApiProperty({ enum: OPERATIONS }) operation!: string;
  @ApiProperty({ type: [PlannedStepDto] }) steps!: PlannedStepDto[];
  @ApiProperty({ type: [DiagnosticDto] }) findings!: DiagnosticDto[];
  @ApiProperty({ type: [TouchedDto] }) blastRadius!: TouchedDto[];
  @ApiProperty({ type: EstimateDto }) estimate!: EstimateDto;
  @ApiPropertyOptional({ type: DomainChangeDto, description: 'The plan gives the whole site another domain.' })
  domain?: DomainChangeDto;
  @ApiProperty() hash!: string;
  @ApiProperty() createdAt!: number;
  @ApiProperty({ description: 'The plan as text for people.' }) text!: string;
}

export class RunDto {
  @ApiProperty() id!: string;
  @ApiProperty() plan!: string;
  @ApiProperty() stack!: string;
  @ApiProperty() stackName!: string;
  @ApiProperty() site!: string;
  @ApiProperty({ enum: OPERATIONS }) operation!: string;
  @ApiProperty({ enum: RUN_STATES }) state!: string;
  @ApiProperty() createdAt!: number;
  @ApiPropertyOptional() finishedAt?: number;
  @ApiProperty() actor!: string;
  @ApiPropertyOptional({ description: 'From where it was started.' }) address?: string;
  @ApiProperty() lastSeq!: number;
  @ApiPropertyOptional({ description: 'The run that this one takes back.' }) undoes?: string;
}

export class RunStepDto {
  @ApiProperty() id!: string;
  @ApiProperty({ example: 'guest.create', description: 'A hook by its own name: hook.install.' }) kind!: string;
  @ApiProperty() subject!: string;
  @ApiProperty() label!: string;
  @ApiProperty({ enum: STEP_STATES }) state!: string;
  @ApiProperty({ type: [String] }) after!: string[];
  @ApiProperty() layer!: number;
  @ApiProperty() weightMs!: number;
  @ApiProperty() attempt!: number;
  @ApiPropertyOptional() startedAt?: number;
  @ApiPropertyOptional() finishedAt?: number;
  @ApiPropertyOptional() percent?: number;
  @ApiPropertyOptional() text?: string;
  @ApiPropertyOptional() waitingFor?: string;
  @ApiPropertyOptional(anything) failure?: object;
  @ApiPropertyOptional(anything) problem?: object;
  @ApiPropertyOptional() blockedBy?: string;
}

export class ProgressDto {
  @ApiProperty({ description: '0…100, weighted by expected duration.' }) percent!: number;
  @ApiPropertyOptional({ description: 'Milliseconds.' }) remainingMs?: number;
}

export class DecisionsDto {
  @ApiProperty() cancel!: boolean;
  @ApiProperty() retry!: boolean;
  @ApiProperty() undo!: boolean;
  @ApiProperty() leave!: boolean;
}

export class RunDetailDto {
  @ApiProperty({ type: [TouchedDto], description: 'What the run touches: the blast radius of its plan.' })
  touched!: TouchedDto[];
  @ApiProperty({ type: DecisionsDto, description: 'What may be decided about it now.' }) decisions!: DecisionsDto;
  @ApiProperty({ description: 'Expected time of the whole run, milliseconds.' }) estimateMs!: number;
  @ApiProperty({ type: RunDto }) run!: RunDto;
  @ApiProperty({ type: [RunStepDto] }) steps!: RunStepDto[];
  @ApiProperty({ type: ProgressDto }) progress!: ProgressDto;
}

export class RunEntryDto {
  @ApiProperty() run!: string;
  @ApiProperty() seq!: number;
  @ApiProperty() at!: number;
  @ApiPropertyOptional() step?: string;
  @ApiProperty(anything) event!: object;
}

export class SiteDto {
  @ApiProperty() name!: string;
  @ApiProperty() domain!: string;
  @ApiProperty({ type: [String] }) substrates!: string[];
}

export class DoctorFindingDto {
  @ApiProperty() substrate!: string;
  @ApiProperty({ enum: ['ok', 'warning', 'error'] }) severity!: string;
  @ApiProperty() code!: string;
  @ApiProperty() subject!: string;
  @ApiProperty() message!: string;
  @ApiPropertyOptional() remedy?: string;
}

export class StackDto {
  @ApiProperty() id!: string;
  @ApiProperty() name!: string;
  @ApiProperty() site!: string;
  @ApiProperty() blueprint!: string;
  @ApiProperty() blueprintVersion!: string;
  @ApiProperty({ enum: STACK_STATES }) state!: string;
  @ApiPropertyOptional({ type: RunDto, description: 'Its newest run.' }) latestRun?: RunDto;
}

export class GuestVolumeDto {
  @ApiProperty() name!: string;
  @ApiProperty() sizeGiB!: number;
}

export class StackGuestDto {
  @ApiProperty() name!: string;
  @ApiProperty() hostname!: string;
  @ApiProperty() address!: string;
  @ApiProperty() node!: string;
  @ApiProperty() vmid!: number;
  @ApiProperty({ enum: ['container', 'vm'] }) kind!: string;
  @ApiProperty() zone!: string;
  @ApiProperty() cpus!: number;
  @ApiProperty() memoryMiB!: number;
  @ApiProperty({ description: 'With its volumes.' }) diskGiB!: number;
  @ApiProperty({ description: 'Without its volumes.' }) rootGiB!: number;
  @ApiProperty({ type: [GuestVolumeDto] }) volumes!: GuestVolumeDto[];
  @ApiProperty() substrate!: string;
}

export class StackInstanceDto {
  @ApiProperty() name!: string;
  @ApiProperty() module!: string;
  @ApiProperty() version!: string;
  @ApiProperty() appVersion!: string;
  @ApiProperty() ready!: boolean;
  @ApiProperty({ type: [StackGuestDto] }) guests!: StackGuestDto[];
  @ApiPropertyOptional({ description: 'Of the module in the catalogue.' }) newestVersion?: string;
}

export class LinkDto {
  @ApiProperty() instance!: string;
  @ApiProperty() title!: string;
  @ApiProperty() url!: string;
}

export class StackBindingDto {
  @ApiProperty() consumer!: string;
  @ApiProperty() requirement!: string;
  @ApiProperty() interface!: string;
  @ApiProperty() provider!: string;
}

export class UnfinishedGuestDto {
  @ApiProperty() instance!: string;
  @ApiProperty() name!: string;
  @ApiProperty() hostname!: string;
  @ApiProperty() substrate!: string;
  @ApiProperty({ type: [Number], description: 'Every id it was asked for under.' }) vmids!: number[];
}

export class StackDetailDto {
  @ApiProperty({ type: StackDto }) stack!: StackDto;
  @ApiProperty() domain!: string;
  @ApiProperty({ type: [StackInstanceDto] }) instances!: StackInstanceDto[];
  @ApiProperty({
    type: [UnfinishedGuestDto],
    description: 'May lie on the substrate, half or whole, until a plan of the stack clears them.',
  })
  unfinished!: UnfinishedGuestDto[];
  @ApiProperty({ type: [LinkDto] }) links!: LinkDto[];
  @ApiProperty({ type: [StackBindingDto] }) bindings!: StackBindingDto[];
}

export class CredentialDto {
  @ApiProperty() instance!: string;
  @ApiProperty() name!: string;
  @ApiProperty() value!: string;
}

export class NeedsDto {
  @ApiProperty() guests!: number;
  @ApiProperty() cpus!: number;
  @ApiProperty() memoryMiB!: number;
  @ApiProperty() diskGiB!: number;
  @ApiProperty({ description: 'To be fetched at the install.' }) artifactMiB!: number;
}

export class OriginDto {
  @ApiProperty() upstream!: string;
  @ApiPropertyOptional() jurisdiction?: string;
  @ApiPropertyOptional() governance?: string;
}

@ApiExtraModels(NeedsDto)
export class CatalogueBlueprintDto {
  @ApiProperty() name!: string;
  @ApiProperty() version!: string;
  @ApiProperty() title!: string;
  @ApiProperty() summary!: string;
  @ApiPropertyOptional() audience?: string;
  @ApiProperty({ ...anything, description: 'Parameter name → schema.' }) parameters!: object;
  @ApiProperty({ ...anything, description: 'Component name → title, default, modules.' }) components!: object;
  @ApiProperty({ type: [String] }) modules!: string[];
  @ApiProperty({ type: [String] }) includes!: string[];
  @ApiProperty({ type: [String] }) sizes!: string[];
  @ApiProperty({ type: 'object', additionalProperties: { $ref: getSchemaPath(NeedsDto) } }) needs!: Record<
    string,
    NeedsDto
  >;
}

export class CatalogueModuleDto {
  @ApiProperty() name!: string;
  @ApiProperty() version!: string;
  @ApiProperty() appVersion!: string;
  @ApiProperty() title!: string;
  @ApiProperty() summary!: string;
  @ApiProperty() tier!: string;
  @ApiProperty() category!: string;
  @ApiProperty() licence!: string;
  @ApiProperty({ ...anything, description: 'homepage, source, documentation' }) links!: object;
  @ApiPropertyOptional({ type: OriginDto }) origin?: OriginDto;
  @ApiPropertyOptional({ description: 'SHA-256 of its icon: …/modules/{module}/icon.' }) icon?: string;
  @ApiProperty({ type: NeedsDto }) needs!: NeedsDto;
  @ApiProperty({ type: [String] }) provides!: string[];
  @ApiProperty({ type: [String] }) requires!: string[];
}

export class CatalogueDto {
  @ApiProperty({ type: [CatalogueBlueprintDto] }) blueprints!: CatalogueBlueprintDto[];
  @ApiProperty({ type: [CatalogueModuleDto] }) modules!: CatalogueModuleDto[];
  @ApiProperty({ type: [String] }) interfaces!: string[];
  @ApiProperty({ type: [DiagnosticDto] }) diagnostics!: DiagnosticDto[];
}

export class ArtifactDto {
  @ApiProperty() sha256!: string;
  @ApiProperty() sizeBytes!: number;
  @ApiPropertyOptional() name?: string;
}

export class HealthDto {
  @ApiProperty({ enum: ['ready', 'not-ready'] }) status!: string;
  @ApiProperty({ ...anything, description: 'Part → ok, or why not.' }) checks!: object;
}

@ApiExtraModels(ProblemDto)
export class VersionDto {
  @ApiProperty() version!: string;
  @ApiProperty() node!: string;
}

export class CheckResultDto {
  @ApiProperty() instance!: string;
  @ApiProperty() guest!: string;
  @ApiProperty() healthy!: boolean;
  @ApiProperty({ type: [String], description: 'Last lines of what the check said.' }) tail!: string[];
  @ApiPropertyOptional() error?: string;
}

export class RotatedDto {
  @ApiProperty({ description: 'How many secrets are sealed with the new key.' }) secrets!: number;
}
