import { Controller, Get, Inject } from '@nestjs/common';
import { ApiBearerAuth, ApiDefaultResponse, ApiOkResponse, ApiTags } from '@nestjs/swagger';
import type { Catalogue } from '../../application/catalogue/catalogue.port.js';
import { CatalogueDto, ProblemDto } from '../dto/responses.js';
import { Needs } from '../needs.js';
import { CATALOGUE } from '../tokens.js';

@ApiTags('catalogue')
@ApiBearerAuth()
@ApiDefaultResponse({ type: ProblemDto })
@Controller('catalogue')
export class CatalogueController {
  constructor(@Inject(CATALOGUE) private readonly catalogue: Catalogue) {}

  /** All that can be installed, and the findings of documents that had to be left out. */
  @Get()
  @Needs('viewer')
  @ApiOkResponse({ type: CatalogueDto })
  async get(): Promise<CatalogueDto> {
    const { modules, blueprints, interfaces, diagnostics } = await this.catalogue.load();
    return {
      blueprints: blueprints.map((blueprint) => ({
        name: blueprint.name,
        version: blueprint.version,
        title: blueprint.title,
        summary: blueprint.summary,
        ...(blueprint.audience ? { audience: blueprint.audience } : {}),
        parameters: blueprint.parameters,
        components: blueprint.components,
        modules: Object.keys(blueprint.modules),
        includes: blueprint.includes.map((include) => include.blueprint),
        sizes: Object.keys(blueprint.sizes),
      })),
      modules: modules.map((module) => ({
        name: module.name,
        version: module.version,
        appVersion: module.appVersion,
        title: module.title,
        summary: module.summary,
        tier: module.tier,
        category: module.category,
        licence: module.licence,
        provides: Object.values(module.provides).map((provided) => provided.interface),
        requires: Object.values(module.requires).map((required) => required.interface),
      })),
      interfaces: interfaces.map((definition) => definition.name),
      diagnostics: [...diagnostics],
    };
  }
}
