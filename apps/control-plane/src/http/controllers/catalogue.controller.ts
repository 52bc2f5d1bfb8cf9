import { Controller, Get, Header, Inject, Param, StreamableFile } from '@nestjs/common';
import { ApiBearerAuth, ApiDefaultResponse, ApiOkResponse, ApiProduces, ApiTags } from '@nestjs/swagger';
import type { Catalogue } from '../../application/catalogue/catalogue.port.js';
import { blueprintGraph, layersOf, moduleNeeds } from '../../domain/catalogue-graph.js';
import { Refusal } from '../../domain/problem.js';
import { inLanguages } from '../../domain/translations.js';
import { BlueprintDetailDto } from '../dto/catalogue.js';
import { CatalogueDto, ProblemDto } from '../dto/responses.js';
import { Languages } from '../languages.js';
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
  async get(@Languages() languages: readonly string[]): Promise<CatalogueDto> {
    const { diagnostics, ...loaded } = await this.catalogue.load();
    const content = inLanguages(loaded, languages);
    const { modules, blueprints, interfaces } = content;
    return {
      blueprints: blueprints.map((blueprint) => ({
        name: blueprint.name,
        version: blueprint.version,
        title: blueprint.title,
        summary: blueprint.summary,
        ...(blueprint.audience ? { audience: blueprint.audience } : {}),
        parameters: blueprint.parameters,
        components: blueprint.components,
        modules: [...new Set(Object.values(blueprint.modules).map(({ module }) => module))],
        includes: blueprint.includes.map((include) => include.blueprint),
        sizes: Object.keys(blueprint.sizes),
        needs: blueprintGraph(blueprint, content).needs,
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
        links: module.links,
        ...(module.origin ? { origin: module.origin } : {}),
        ...(module.icon ? { icon: module.icon } : {}),
        needs: moduleNeeds(module),
        provides: Object.values(module.provides).map((provided) => provided.interface),
        requires: Object.values(module.requires).map((required) => required.interface),
      })),
      interfaces: interfaces.map((definition) => definition.name),
      diagnostics: [...diagnostics],
    };
  }

  /** A blueprint with all it includes: what to ask for, what it is made of, what it takes. */
  @Get('blueprints/:blueprint')
  @Needs('viewer')
  @ApiOkResponse({ type: BlueprintDetailDto })
  async blueprint(
    @Param('blueprint') name: string,
    @Languages() languages: readonly string[],
  ): Promise<BlueprintDetailDto> {
    const content = inLanguages(await this.catalogue.load(), languages);
    const found = content.blueprints.findLast((blueprint) => blueprint.name === name);
    if (!found) {
      throw new Refusal({
        code: 'not_found',
        subject: `blueprint ${name}`,
        message: 'The catalogue has no such blueprint.',
        remedy: 'bastide catalogue shows them.',
      });
    }
    const layers = layersOf(found, content);
    const graph = blueprintGraph(found, content);
    return {
      name: found.name,
      version: found.version,
      title: found.title,
      summary: found.summary,
      ...(found.audience ? { audience: found.audience } : {}),
      parameters: Object.assign({}, ...layers.map((layer) => layer.parameters)),
      components: Object.assign({}, ...layers.map((layer) => layer.components)),
      sizes: Object.keys(graph.needs),
      graph: { nodes: [...graph.nodes], edges: [...graph.edges] },
      needs: graph.needs,
    };
  }

  /**
   * The author's own picture. An SVG is a document that may carry scripts: opened as a page it can do nothing (no source
   * of anything, an origin of its own), and the dashboard shows it as an image alone, where scripts never run.
   */
  @Get('modules/:module/icon')
  @Needs('viewer')
  @Header('content-type', 'image/svg+xml')
  @Header('content-security-policy', "default-src 'none'; style-src 'unsafe-inline'; sandbox")
  @Header('x-content-type-options', 'nosniff')
  @Header('cache-control', 'private, max-age=86400')
  @ApiProduces('image/svg+xml')
  @ApiOkResponse({ schema: { type: 'string', format: 'binary' } })
  async icon(@Param('module') name: string): Promise<StreamableFile> {
    const icon = await this.catalogue.icon(name);
    if (icon) return new StreamableFile(icon);
    throw new Refusal({
      code: 'not_found',
      subject: `icon of module ${name}`,
      message: 'The catalogue has no such module, or it has no icon.',
      remedy: 'bastide catalogue shows the modules.',
    });
  }
}
