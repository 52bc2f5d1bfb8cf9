import type { Blueprint } from './blueprint/blueprint.js';
import type { InterfaceDefinition } from './module/interface.js';
import type { ModuleManifest } from './module/manifest.js';

/** All that can be installed: plain data, so that the planner can take it as an argument. Several versions of a module may be there. */
export interface CatalogueContent {
  readonly modules: readonly ModuleManifest[];
  readonly interfaces: readonly InterfaceDefinition[];
  readonly blueprints: readonly Blueprint[];
}
